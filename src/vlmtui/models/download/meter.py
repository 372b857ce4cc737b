"""How fast a download is, and how long it will take."""

from __future__ import annotations

import time
from collections import deque

import msgspec

from vlmtui.models.download.events import Progress, RemoteFile

_WINDOW_S = 8.0
"""Speed is the mean of the last seconds."""

_SHORTEST_S = 0.05
"""Less than this tells no speed."""


class Sum(msgspec.Struct):
    """Bytes of a whole plan, while its files come."""

    total: int
    done: int = 0
    """Of the files before this one."""

    fetched: int = 0


class Meter:
    """Measures one file of several."""

    def __init__(self, file: RemoteFile, all_files: Sum) -> None:
        self._file = file
        self._all = all_files
        self._window: deque[tuple[float, int]] = deque()

    def begin(self, done: int) -> None:
        self._window.clear()
        self._window.append((time.monotonic(), done))

    def read(self, done: int) -> Progress:
        now = time.monotonic()
        window = self._window
        window.append((now, done))
        while now - window[0][0] > _WINDOW_S and len(window) > 2:
            window.popleft()
        seconds = now - window[0][0]
        speed = max(0.0, (done - window[0][1]) / seconds) if seconds > _SHORTEST_S else 0.0
        everything = self._all.done + done
        left = None
        if speed and self._file.size is not None:
            left = max(0.0, (self._all.total - everything) / speed)
        total = max(self._all.total, everything)
        return Progress(self._file.name, done, self._file.size, speed, left, everything, total)
