"""Reads little-endian values from a source, one after the other, and never past what is there.

What a file claims is checked before anything is read or kept for it: the largest claim costs a few
instructions. This module does not know the format.
"""

from __future__ import annotations

import struct

from vlmtui.errors import BadModelFile
from vlmtui.models.gguf.source import Source

MOST_BYTES = 64 * 1024 * 1024
"""Of a header. That of a vocabulary of 262,144 tokens with all its merges has 15 MB."""

_FIRST_READ, _LARGEST_READ = 256 * 1024, 2 * 1024 * 1024

_DAMAGED = "The file is damaged: download it again."


class Cursor:
    """A place in a header."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._buffer = b""
        self._start = 0
        """Where in the file the buffer begins."""

        self._at = 0
        """Place in the buffer."""

        self._next_read = _FIRST_READ
        self.within = "the header"
        """What is being read, for errors."""

    @property
    def place(self) -> int:
        return self._start + self._at

    @property
    def file_size(self) -> int | None:
        return self._source.size

    def peek(self, size: int) -> bytes:
        """Up to `size` bytes that come next; fewer at the end of the file."""
        self._fill(size)
        return self._buffer[self._at : self._at + size]

    def value(self, form: struct.Struct) -> int | float:
        self._require(form.size)
        value: int | float = form.unpack_from(self._buffer, self._at)[0]
        self._at += form.size
        return value

    def values(self, form: struct.Struct, count: int) -> tuple[int | float, ...]:
        """Several numbers in a row; for short rows."""
        self._require(form.size * count)
        end = self._at + form.size * count
        values = tuple(each[0] for each in form.iter_unpack(self._buffer[self._at : end]))
        self._at = end
        return values

    def text(self, size: int) -> str:
        """A string of so many bytes; for short ones. What is no UTF-8 becomes U+FFFD."""
        self._require(size)
        content = self._buffer[self._at : self._at + size]
        self._at += size
        return content.decode("utf-8", errors="replace")

    def skip(self, size: int) -> None:
        self._check(size)
        self._at += size

    def skip_strings(self, count: int) -> None:
        """Pass over strings, each behind its length."""
        length = struct.Struct("<Q")
        done = 0
        while done < count:
            self._require(length.size)
            buffer, at, end = self._buffer, self._at, len(self._buffer) - length.size
            # 300,000 of these in a large vocabulary: nothing but the sum in here
            while at <= end and done < count:
                at += length.size + length.unpack_from(buffer, at)[0]
                done += 1
            step = at - self._at
            self._check(step)
            self._at = at

    def _check(self, size: int) -> None:
        """Whether so many bytes more can belong to this header."""
        end = self.place + size
        total = self._source.size
        if end > MOST_BYTES:
            raise BadModelFile(
                f"{self._source.name} has an impossible header: {self.within} would end "
                f"{end:,} bytes into the file",
                _DAMAGED,
            )
        if total is not None and end > total:
            raise self._cut_off(end - total)

    def _require(self, size: int) -> None:
        if self._at + size <= len(self._buffer):
            return
        self._check(size)
        self._fill(size)
        if self._at + size > len(self._buffer):
            raise self._cut_off(self._at + size - len(self._buffer))

    def _fill(self, size: int) -> None:
        if self._at + size <= len(self._buffer):
            return
        kept = self._buffer[self._at :]  # empty when a skip went past the buffer
        self._start, self._at = self.place, 0
        want = max(size - len(kept), self._next_read)
        self._next_read = min(self._next_read * 2, _LARGEST_READ)
        self._buffer = kept + self._source.read(self._start + len(kept), want)

    def _cut_off(self, missing: int) -> BadModelFile:
        return BadModelFile(
            f"{self._source.name} is cut off: it ends in the middle of its header, "
            f"within {self.within}, at least {missing:,} bytes early",
            "The download was not complete: download it again.",
        )
