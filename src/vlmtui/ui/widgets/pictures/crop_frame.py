"""A frame in a picture: moved, sized and spanned, and the cells that it is drawn in. Pure."""

from __future__ import annotations

from vlmtui.engine.images.crops import Box

Size = tuple[int, int]
"""Width and height, of a picture in pixels or of its place in cells."""


def middle(picture: Size) -> Box:
    """A frame to begin with: half as wide and high as the picture."""
    width, height = (max(1, side // 2) for side in picture)
    return Box((picture[0] - width) // 2, (picture[1] - height) // 2, width, height)


def moved(frame: Box, picture: Size, right: int, down: int) -> Box:
    """The frame elsewhere, as far as the picture goes."""
    x = min(max(frame.x + right, 0), picture[0] - frame.width)
    y = min(max(frame.y + down, 0), picture[1] - frame.height)
    return Box(x, y, frame.width, frame.height)


def sized(frame: Box, picture: Size, wider: int, higher: int) -> Box:
    """The frame wider and higher (or less so) at its right and lower edge."""
    width = min(max(frame.width + wider, 1), picture[0] - frame.x)
    height = min(max(frame.height + higher, 1), picture[1] - frame.y)
    return Box(frame.x, frame.y, width, height)


def zoomed(frame: Box, picture: Size, factor: float) -> Box:
    """The frame so many times as wide and high, around its middle as far as there is room."""
    width = _length(frame.width, picture[0], factor)
    height = _length(frame.height, picture[1], factor)
    placed = Box(frame.x, frame.y, width, height)
    return moved(placed, picture, (frame.width - width) // 2, (frame.height - height) // 2)


def _length(length: int, side: int, factor: float) -> int:
    changed = round(length * factor)
    if changed == length:  # of a few pixels
        changed += 1 if factor > 1 else -1
    return min(max(changed, 1), side)


def spanned(picture: Size, place: Size, start: Size, end: Size) -> Box:
    """The frame between two cells, both in it.

    Args:
        picture: The picture.
        place: The cells that it is drawn in.
        start: Column and row of one corner.
        end: Of the other.
    """
    edges = []
    for axis in (0, 1):
        low, high = sorted((start[axis], end[axis]))
        low, high = (min(max(cell, 0), place[axis] - 1) for cell in (low, high))
        first = min(low * picture[axis] // place[axis], picture[axis] - 1)
        behind = -(-(high + 1) * picture[axis] // place[axis])
        edges.append((first, max(1, behind - first)))
    (x, width), (y, height) = edges
    return Box(x, y, width, height)


def cells(frame: Box, picture: Size, place: Size) -> tuple[int, int, int, int]:
    """The cells that hold any of the frame: first column and row, and those behind its last."""
    left = min(frame.x * place[0] // picture[0], place[0] - 1)
    top = min(frame.y * place[1] // picture[1], place[1] - 1)
    right = -(-(frame.x + frame.width) * place[0] // picture[0])
    bottom = -(-(frame.y + frame.height) * place[1] // picture[1])
    return left, top, max(right, left + 1), max(bottom, top + 1)
