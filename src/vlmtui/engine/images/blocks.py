"""Pictures as blocks of lines: what gives them, how large they are, what work on one takes.

A source is asked for its pixels at a factor: the block it yields next has a multiple of so many
lines, so that each can be scaled down by itself. What decoders raise, they raise here; the caller
says it in words.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from PIL import Image

BLOCK_BYTES = 1 << 20
"""Of pixels that are worked on at a time, where a format yields them in blocks."""

MODE_BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2}
"""Bytes of a pixel as Pillow holds it; all other modes take 4."""

_WORK_BYTES = 24
"""For each pixel of a block: it is there as decoded, with transparency, on white, as RGB."""


class Source(Protocol):
    """A picture whose header was read."""

    size: tuple[int, int]
    """Width and height as they are stored, in pixels."""

    orientation: int
    """How it must be turned to stand upright: EXIF's 1 to 8."""

    beside: int = 3_000_000
    """Bytes that its decoder and the allocator take, however small it is, as measured."""

    is_whole: bool = False
    """Whether the only block is the whole picture, as 8-bit RGB."""

    def peak(self, size: tuple[int, int]) -> tuple[int, int]:
        """Bytes until the first block, and with a block, when at least this size is wanted."""

    def drafted(self, size: tuple[int, int]) -> tuple[int, int]:
        """The size that `draft` would bring it to."""
        return self.size

    def draft(self, size: tuple[int, int]) -> None:
        """Decode on a smaller scale that gives no less than this, if the format lets one."""
        self.size = self.drafted(size)

    def bands(self, factor: int) -> Iterator[Image.Image]:
        """The pixels, in blocks whose lines are a multiple of the factor, but for the last."""


def factors(size: tuple[int, int], wanted: tuple[int, int]) -> tuple[int, int]:
    """By what width and height can be divided block by block, to no less than what is wanted.

    In height it is no more than a block has lines.
    """
    across, down = (max(1, own // side) for own, side in zip(size, wanted, strict=True))
    return across, min(down, max(1, BLOCK_BYTES // (4 * size[0])))


def rows(width: int, factor: int) -> int:
    """Lines of a block, a multiple of the factor."""
    return max(1, BLOCK_BYTES // (4 * width) // factor) * factor


def work_bytes(size: tuple[int, int]) -> int:
    """Bytes that a block of a picture takes while it becomes RGB on white."""
    return _WORK_BYTES * min(size[0] * size[1], max(size[0], BLOCK_BYTES // 4))


def in_rows(image: Image.Image, rows: int) -> Iterator[Image.Image]:
    """A picture as pictures of some lines each."""
    for top in range(0, image.height, rows):
        yield image.crop((0, top, image.width, min(top + rows, image.height)))


@contextmanager
def quiet() -> Iterator[None]:
    """Odd metadata is not the user's concern."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
