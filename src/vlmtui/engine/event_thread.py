"""A blocking stream of events, made in a thread so that Ctrl+C is felt at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

T = TypeVar("T")


class EventThread(Generic[T]):
    """Gives events out where they are iterated, and raises there what they raise.

    The engine's iterators block in a read; an exception that strikes there would leave the
    conversation with its process half-way through a frame.
    """

    def __init__(self, events: Iterator[T]) -> None:
        self._queue: SimpleQueue[T | BaseException | None] = SimpleQueue()
        threading.Thread(target=self._make, args=(events,), daemon=True).start()

    def _make(self, events: Iterator[T]) -> None:
        try:
            for event in events:
                self._queue.put(event)
        except BaseException as error:  # raised again where the events are taken
            self._queue.put(error)
        else:
            self._queue.put(None)

    def __iter__(self) -> Iterator[T]:
        while (item := self._queue.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item

    def rest(self, seconds: float) -> Iterator[T]:
        """What still comes of a cancelled request, errors aside and not for long."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            try:
                item = self._queue.get(timeout=left)
            except Empty:
                return
            if item is None or isinstance(item, BaseException):
                return
            yield item
