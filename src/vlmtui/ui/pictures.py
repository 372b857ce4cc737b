"""Pictures as half blocks: a small copy decoded once, drawn at any size in terminal cells.

A cell shows two pixels, one above the other, which makes a pixel about square. `thumbnail` reads
files and belongs in a worker thread; the rest is cheap. Pillow and rich-pixels are imported when
the first picture is shown, not before.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from vlmtui.messages import ImagePart

if TYPE_CHECKING:
    from PIL.Image import Image
    from rich_pixels import Pixels

SIDE = 256
"""Longest side of a small copy, in pixels: enough for 256 columns or 128 rows of half blocks."""

_KEPT = 24
"""Small copies kept: at most 24 x 192 KiB."""

_cache: OrderedDict[str, Image] = OrderedDict()
_lock = threading.Lock()


def thumbnail(part: ImagePart) -> Image:
    """A small RGB copy of a picture, from memory when it was shown before.

    Raises:
        ImageError: The file is gone, can't be read, or is damaged behind its header.
    """
    with _lock:
        if part.sha256 in _cache:
            _cache.move_to_end(part.sha256)
            return _cache[part.sha256]
    from vlmtui.engine import images

    small = images.thumbnail(part.path, SIDE, SIDE)
    with _lock:
        _cache[part.sha256] = small
        while len(_cache) > _KEPT:
            _cache.popitem(last=False)
    return small


def fit(width: int, height: int, columns: int, rows: int) -> tuple[int, int]:
    """The cells that a picture takes inside a box, its aspect ratio kept.

    Args:
        width: Pixels of the picture.
        height: Pixels of the picture.
        columns: Cells of the box.
        rows: Cells of the box.

    Returns:
        Columns and rows, each at least 1 (and 0, 0 for a box without room). A picture is not blown
        up beyond two cells a pixel.
    """
    if columns < 1 or rows < 1 or width < 1 or height < 1:
        return (0, 0)
    scale = min(columns / width, 2 * rows / height, 2.0)
    return (
        max(1, min(columns, round(width * scale))),
        max(1, min(rows, round(height * scale / 2))),
    )


def half_blocks(image: Image, columns: int, rows: int) -> Pixels:
    """Draw a picture into exactly this many cells."""
    from PIL.Image import Resampling
    from rich.segment import Segment
    from rich_pixels import HalfcellRenderer, Pixels

    size = (columns, 2 * rows)
    smaller = size[0] <= image.width and size[1] <= image.height
    scaled = image.resize(size, Resampling.HAMMING if smaller else Resampling.NEAREST)
    segments = HalfcellRenderer().render(scaled, None)
    # neighbours of one colour become one run: a drawn scene is sent in a fraction of the bytes
    return Pixels.from_segments(Segment.simplify(segments))
