"""Where a thread leaves the events of a stream until the screen has time for them.

A token may come every few milliseconds and the screen is drawn ten times a second: the thread wakes
the screen once, and the screen takes everything that has come. Knows neither.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Inbox(Generic[Item]):
    """A queue that calls `wake` when something is put into it while nobody knows of anything."""

    def __init__(self, wake: Callable[[], object]) -> None:
        self._wake = wake
        self._lock = threading.Lock()
        self._items: list[tuple[Item, float]] = []
        self._woken = False

    def put(self, item: Item) -> None:
        """Leave something, from any thread; when it came is noted with it."""
        with self._lock:
            self._items.append((item, time.monotonic()))
            wake = not self._woken
            self._woken = True
        if wake:
            self._wake()

    def take(self) -> list[tuple[Item, float]]:
        """All that is there, each with the seconds of `time.monotonic` when it came."""
        with self._lock:
            items, self._items = self._items, []
            self._woken = False
        return items
