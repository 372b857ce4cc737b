"""Parts of a file, one after the other, as a file."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, BinaryIO

Span = tuple[int, int]
"""Where a part of a file begins, and where it ends."""

Part = Span | bytes
"""A part of a file, or what stands in its place."""


class Excerpt(io.RawIOBase):
    """Reads like a file of its own, which must not be moved in meanwhile by anybody else."""

    def __init__(self, file: BinaryIO, parts: Sequence[Part]) -> None:
        self._file = file
        self._parts = parts
        self._size = sum(map(_length, parts))
        self._place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move, at most back to the beginning; returns the place."""
        origin = (0, self._place, self._size)[whence]
        self._place = max(0, origin + offset)
        return self._place

    def readinto(self, buffer: Any) -> int:
        """Read on, at most to the end of a part; returns how many bytes came, 0 at the end."""
        data = self._next(len(buffer))
        buffer[: len(data)] = data
        self._place += len(data)
        return len(data)

    def _next(self, size: int) -> bytes:
        place = self._place
        for part in self._parts:
            length = _length(part)
            if place >= length:
                place -= length
            elif isinstance(part, bytes):
                return part[place : place + size]
            else:
                self._file.seek(part[0] + place)
                return self._file.read(min(size, length - place))
        return b""


def _length(part: Part) -> int:
    return len(part) if isinstance(part, bytes) else part[1] - part[0]
