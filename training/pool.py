"""A pool of rendered scenes on disk, in shards that worker processes draw.

Drawing costs about 5 ms a scene, nearly what the tower's training step does, so scenes are drawn
once and seen several times, each time with other questions.
"""

from __future__ import annotations

import argparse
import random
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.paint import render
from training.render import GRID, PATCH, SIDE, letterbox, random_size
from training.scenes import COLORS, KINDS, Scene, Shape, random_scene, roaming_scene
from training.strangers import stranger

SHARD = 5000
"""Scenes in one shard (about 310 MB)."""
STRANGERS = 0.025
"""Share of pictures that show no scene at all."""
ROAMING = 0.5
"""Share of scenes whose shapes don't keep to the grid."""


@dataclass(frozen=True)
class Shard:
    """Rendered scenes with their labels."""

    images: np.ndarray
    """uint8 [N, SIDE, SIDE, 3], as libmtmd hands them to the tower before normalisation."""
    objects: np.ndarray
    """uint8 [N, GRID, GRID]: 1 + index of the shape at that patch, 0 for background."""
    cells: np.ndarray
    """uint8 [N, GRID, GRID]: 1 + cell of the picture's 3x3 grid, 0 for padding."""
    shapes: np.ndarray
    """float32 [N, 4, 4]: kind, colour, cell, size of each shape; kind is -1 where there is none."""

    def scene(self, index: int) -> Scene:
        """The scene behind one picture."""
        rows = [row for row in self.shapes[index] if row[0] >= 0]
        return Scene(
            tuple(
                Shape(KINDS[int(k)], COLORS[int(c)], int(cell), float(size))
                for k, c, cell, size in rows
            )
        )


def cell_labels(size: tuple[int, int]) -> np.ndarray:
    """Cell of the picture's grid in which each patch's centre lies.

    Args:
        size: Width and height of the picture in pixels, before ``letterbox``.

    Returns:
        uint8 [GRID, GRID]: 1 + cell, or 0 in the padding.
    """
    middle = (np.arange(GRID) + 0.5) * PATCH
    scale = SIDE / max(size)
    column = np.floor((middle - (SIDE - size[0] * scale) / 2) / (size[0] * scale) * 3).astype(int)
    row = np.floor((middle - (SIDE - size[1] * scale) / 2) / (size[1] * scale) * 3).astype(int)
    inside = ((row >= 0) & (row < 3))[:, None] & ((column >= 0) & (column < 3))[None]
    return np.where(inside, row[:, None] * 3 + column[None] + 1, 0).astype(np.uint8)


def make_shard(
    seed: int, number: int, folder: Path, count: int = SHARD, strangers: float = STRANGERS
) -> Path:
    """Draw one shard and write it; a shard that is there already is left alone."""
    path = folder / f"{number:03d}"
    if (path / "shapes.npy").exists():
        return path
    path.mkdir(parents=True, exist_ok=True)
    rng = random.Random(f"{seed}/{number}")
    images = np.zeros((count, SIDE, SIDE, 3), np.uint8)
    objects = np.zeros((count, GRID, GRID), np.uint8)
    cells = np.zeros((count, GRID, GRID), np.uint8)
    shapes = np.full((count, 4, 4), -1, np.float32)
    for i in range(count):
        if rng.random() < strangers:
            scene, image = Scene(()), stranger(rng)
        else:
            size = random_size(rng)
            roams = rng.random() < ROAMING
            scene = roaming_scene(rng, size[0] / size[1]) if roams else random_scene(rng)
            image, objects[i] = render(scene, rng, size)
        images[i] = np.asarray(letterbox(image))
        cells[i] = cell_labels(image.size)
        for j, s in enumerate(scene.shapes):
            shapes[i, j] = KINDS.index(s.kind), COLORS.index(s.color), s.cell, s.size
    np.save(path / "images.npy", images)
    np.save(path / "objects.npy", objects)
    np.save(path / "cells.npy", cells)
    np.save(path / "shapes.npy", shapes)
    return path


def load_shards(folder: Path) -> list[Shard]:
    """Open every finished shard; the pictures stay on disk until they are used."""
    return [
        Shard(
            np.load(path / "images.npy", mmap_mode="r"),
            np.load(path / "objects.npy"),
            np.load(path / "cells.npy"),
            np.load(path / "shapes.npy"),
        )
        for path in sorted(folder.iterdir())
        if (path / "shapes.npy").exists()
    ]


def make_pool(folder: Path, shards: int, seed: int, workers: int, first: int = 0) -> None:
    """Draw all missing shards with that many processes."""
    with ProcessPoolExecutor(workers) as pool:
        jobs = [pool.submit(make_shard, seed, n, folder) for n in range(first, first + shards)]
        for job in jobs:
            print(f"scenes: {job.result()}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--shards", type=int, default=24)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=20261123)
    parser.add_argument("--processes", type=int, default=2)
    args = parser.parse_args()
    make_pool(args.folder, args.shards, args.seed, args.processes, args.first)
