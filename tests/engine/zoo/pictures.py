"""Pictures for models that say nonsense: blurred spots, no two of them alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def paint(folder: Path, number: int, width: int = 100, height: int = 60) -> Path:
    """The picture of this number in this size, a file in the folder."""
    path = folder / f"{number}-{width}x{height}.png"
    if not path.exists():
        spots = np.random.default_rng(number).integers(0, 256, (4, 4, 3), np.uint8)
        Image.fromarray(spots).resize((width, height), Image.Resampling.BICUBIC).save(path)
    return path
