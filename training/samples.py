"""The sample pictures that ship with the package."""

from __future__ import annotations

import argparse
from pathlib import Path

from training.scenes import Scene, Shape, draw

SAMPLES = {
    "shapes-1.png": (
        Scene(
            (
                Shape("circle", "red", 0, 0.86),
                Shape("square", "blue", 4, 0.8),
                Shape("star", "yellow", 8, 0.92),
            )
        ),
        (480, 360),
        (214, 226, 234),
    ),
    "shapes-2.png": (
        Scene(
            (
                Shape("triangle", "green", 1, 0.94),
                Shape("circle", "orange", 5, 0.5),
                Shape("square", "purple", 6, 0.9),
            )
        ),
        (480, 360),
        (244, 238, 226),
    ),
    "shapes-3.png": (
        Scene(
            (
                Shape("star", "white", 0, 0.9),
                Shape("circle", "yellow", 2, 0.62),
                Shape("triangle", "red", 3, 0.9),
                Shape("star", "orange", 7, 0.95),
            )
        ),
        (480, 360),
        (38, 52, 84),
    ),
    "shapes-4.png": (
        Scene((Shape("square", "black", 4, 0.9), Shape("circle", "blue", 2, 0.45))),
        (360, 360),
        (232, 224, 206),
    ),
    "shapes-5.jpg": (
        Scene(
            (
                Shape("circle", "purple", 1, 0.9),
                Shape("circle", "green", 3, 0.55),
                Shape("triangle", "yellow", 8, 0.95),
            )
        ),
        (512, 288),
        (202, 214, 222),
    ),
}
"""File name -> scene, size in pixels, RGB of the background."""


def write_samples(folder: Path) -> None:
    """Draw every sample into a folder."""
    for name, (scene, size, background) in SAMPLES.items():
        draw(scene, size, background).save(folder / name, quality=88, optimize=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    write_samples(parser.parse_args().folder)
