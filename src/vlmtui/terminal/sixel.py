"""Sixel pictures, as text for the terminal."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

    from vlmtui.terminal.graphics import Graphics

_BAND = 6
"""Rows of pixels that a sixel has."""

_THRIFTY_COLORS = 64
"""Half the bytes of 256 in a photo."""

_DEFINED = re.compile(r"(#(\d+);2;\d+;\d+;\d+)")
"""A colour where it is defined. xterm goes on with the last one until it is also chosen."""


def size(columns: int, rows: int, graphics: Graphics) -> tuple[int, int] | None:
    """Pixels of a picture in so many cells; None where it is larger than the terminal draws.

    Its height is one of whole sixels, or else some terminals would paint beyond the cells.
    """
    width, height = columns * graphics.cell[0], rows * graphics.cell[1]
    height -= height % _BAND
    if width < 1 or height < 1 or width > graphics.largest[0] or height > graphics.largest[1]:
        return None
    return width, height


def crop(image: Image, shown: tuple[int, int], graphics: Graphics) -> Image:
    """The rows of cells from the first to the one behind the last, out of a picture of `size`."""
    top, bottom = shown[0] * graphics.cell[1], min(shown[1] * graphics.cell[1], image.height)
    if bottom < image.height:
        bottom -= (bottom - top) % _BAND
    return image.crop((0, top, image.width, max(bottom, top + 1)))


def encode(image: Image, graphics: Graphics) -> str:
    """A picture as sixels, pixel for pixel."""
    # the module and not the package's widgets: those ask the terminal when they are imported, and
    # would read the replies, and whatever is typed, from under Textual
    from textual_image._sixel import SixelOptions, image_to_sixels

    colors = min(graphics.colors, _THRIFTY_COLORS if graphics.thrifty else 256)
    text = image_to_sixels(image, SixelOptions(colors=colors))
    return _DEFINED.sub(r"\1#\2", text)
