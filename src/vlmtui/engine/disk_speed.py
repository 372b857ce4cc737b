"""How fast the disk of a cache is read, measured once."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

from vlmtui import kept

_NAME = "read-speed"
_UNKNOWN = 100e6
"""Bytes a second until it is measured: a slow card's."""

_LEAST_BYTES = 4_000_000
"""What is smaller tells nothing."""

_PIECE = 1 << 20


class DiskSpeed:
    """That of one directory."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / _NAME
        self._known: float | None = None

    def seconds(self, size: int) -> float:
        """What reading some bytes takes."""
        return size / (self._measured() or _UNKNOWN)

    def measure(self, path: Path) -> None:
        """Measure with a file that was just written, if it wasn't done before."""
        if self._measured() is not None:
            return
        with suppress(OSError):
            size = path.stat().st_size
            if size < _LEAST_BYTES:
                return
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)  # not from memory
                began = time.monotonic()
                while os.read(descriptor, _PIECE):
                    pass
                self._known = size / max(time.monotonic() - began, 1e-6)
            finally:
                os.close(descriptor)
            kept.write(self._path, f"{self._known:.0f}".encode(), durable=False)

    def _measured(self) -> float | None:
        if self._known is None:
            with suppress(OSError, ValueError):
                self._known = max(float(kept.read(self._path)), 1.0)
        return self._known
