"""Where a header's bytes come from.

A source is read forwards, in pieces; nothing here knows what the bytes mean.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

from vlmtui.errors import BadModelFile


class Source(Protocol):
    """Bytes that can be asked for by place."""

    name: str
    """What to call it in an error."""

    def read(self, offset: int, size: int) -> bytes:
        """At most `size` bytes from `offset`; fewer only where the file ends."""

    @property
    def size(self) -> int | None:
        """Bytes of the whole file; None where nobody says."""


class FileSource:
    """A file on this machine."""

    def __init__(self, path: Path) -> None:
        """Open it.

        Raises:
            BadModelFile: It can't be read.
        """
        self.name = str(path)
        self._descriptor = -1
        try:
            # a FIFO would block for ever
            self._descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            self.size: int | None = os.fstat(self._descriptor).st_size
            os.pread(self._descriptor, 1, 0)  # a directory opens, but can't be read
        except (OSError, ValueError) as error:
            self.close()
            raise _unreadable(self.name, error) from None

    def read(self, offset: int, size: int) -> bytes:
        try:
            return os.pread(self._descriptor, size, offset)
        except OSError as error:
            raise _unreadable(self.name, error) from None

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _unreadable(name: str, error: Exception) -> BadModelFile:
    reason = getattr(error, "strerror", None) or str(error)
    return BadModelFile(f"The model file {name} can't be read: {reason}", "Check the path.")
