"""Pictures in terminal cells: as half blocks, and as the pixels that a terminal takes.

A half block shows two pixels in a cell, one above the other. `thumbnail` and `pixels` read files
and belong in a worker thread; the rest is cheap. Pillow, rich-pixels and textual-image are imported
when the first picture is shown, not before.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from vlmtui.messages import ImagePart
from vlmtui.terminal import kitty, sixel
from vlmtui.terminal.graphics import Graphics, Kind

if TYPE_CHECKING:
    from PIL.Image import Image
    from rich_pixels import Pixels

SIDE = 256
"""Longest side of a small copy, in pixels: enough for 256 columns or 128 rows of half blocks."""

_KEPT = 24
"""Small copies kept: at most 24 x 192 KiB."""

_KEPT_CHARACTERS = 8_000_000
"""Of pictures encoded for the terminal: going back and forth between some needs no second time."""

_THRIFTY_SIDE = 320
"""Longest side in pixels of a picture that a terminal scales up itself, over a slow line."""

_cache: OrderedDict[str, Image] = OrderedDict()
_encoded: OrderedDict[tuple[object, ...], str] = OrderedDict()
_lock = threading.Lock()
_making: dict[str, threading.Lock] = {}


def thumbnail(part: ImagePart) -> Image:
    """A small RGB copy of a picture, from memory when it was shown before.

    Raises:
        ImageError: The file is gone, can't be read, or is damaged behind its header.
    """
    from vlmtui.engine import thumbnails

    with _lock:
        if part.sha256 in _cache:
            _cache.move_to_end(part.sha256)
            return _cache[part.sha256]
        making = _making.setdefault(part.sha256, threading.Lock())
    with making:  # another widget may have asked for the same
        small = _cache.get(part.sha256)
        if small is None:
            small = thumbnails.thumbnail(part.path, SIDE, SIDE)
    with _lock:
        _making.pop(part.sha256, None)
        _cache[part.sha256] = small
        while len(_cache) > _KEPT:
            _cache.popitem(last=False)
    return small


def pixels(
    part: ImagePart,
    columns: int,
    rows: int,
    graphics: Graphics,
    shown: tuple[int, int] | None = None,
) -> str | None:
    """A picture in these cells as this terminal takes it, from memory when it was made before.

    Of sixels only the rows of cells from `shown[0]` to before `shown[1]` are made; None for all.

    Returns:
        Sixels, or the PNG for `kitty.Pictures.send`; None where half blocks have to do.

    Raises:
        ImageError: The file is gone, can't be read, or is damaged behind its header.
    """
    key = (part.sha256, columns, rows, graphics, shown)
    with _lock:
        if key in _encoded:
            _encoded.move_to_end(key)
            return _encoded[key]
    made = _encode(part, columns, rows, graphics, shown or (0, rows))
    with _lock:
        if made is not None:
            _encoded[key] = made
        while sum(map(len, _encoded.values())) > _KEPT_CHARACTERS and len(_encoded) > 1:
            _encoded.popitem(last=False)
    return made


def _encode(
    part: ImagePart, columns: int, rows: int, graphics: Graphics, shown: tuple[int, int]
) -> str | None:
    from vlmtui.engine import images, thumbnails

    if graphics.kind is Kind.SIXEL:
        size = sixel.size(columns, rows, graphics)
        if size is None:
            return None
        exact = images.resize(thumbnails.thumbnail(part.path, *size), *size)
        return sixel.encode(sixel.crop(exact, shown, graphics), graphics)
    if graphics.kind is not Kind.KITTY or max(columns, rows) > kitty.MOST:
        return None
    wide, high = columns * graphics.cell[0], rows * graphics.cell[1]
    if graphics.thrifty:
        share = min(1.0, _THRIFTY_SIDE / max(wide, high))
        wide, high = round(wide * share), round(high * share)
    small = thumbnails.thumbnail(part.path, wide, high)
    return kitty.payload(small, small=graphics.thrifty)


def fit(
    width: int, height: int, columns: int, rows: int, cell: tuple[int, int] = (1, 2)
) -> tuple[int, int]:
    """The cells that a picture of these pixels takes inside a box of cells, its aspect ratio kept.

    `cell` is the width and height of a cell. A picture is not blown up beyond two cells a pixel.

    Returns:
        Columns and rows, each at least 1; 0, 0 for a box without room.
    """
    if columns < 1 or rows < 1 or width < 1 or height < 1:
        return (0, 0)
    tall = cell[1] / cell[0]
    scale = min(columns / width, tall * rows / height, 2.0)
    return (
        max(1, min(columns, round(width * scale))),
        max(1, min(rows, round(height * scale / tall))),
    )


HIGH = {Kind.QUADRANTS: 2, Kind.SYMBOLS: 3}
"""Rows of pixels in a cell, where it has two columns of them."""


def symbols(part: ImagePart, columns: int, rows: int, kind: Kind) -> Pixels:
    """A picture in symbols of `kind`.

    Raises:
        ImageError: The file is gone, can't be read, or is damaged behind its header.
    """
    from vlmtui.engine import thumbnails
    from vlmtui.terminal import block_symbols

    wide, high = 2 * columns, HIGH[kind] * rows
    small = thumbnail(part)
    if max(wide, high) > SIDE:
        small = thumbnails.thumbnail(part.path, wide, high)
    return block_symbols.draw(small, columns, rows, HIGH[kind])


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
