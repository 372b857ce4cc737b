"""Events that are made in a thread, and Ctrl+C that stops their making instead of this program."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from types import FrameType
from typing import Generic, TypeVar

from vlmtui.endings import is_ignored

_Event = TypeVar("_Event")


@contextmanager
def interrupts(stop: Callable[[], object]) -> Iterator[threading.Event]:
    """Have Ctrl+C call something, in a thread; yields what tells whether that stopped anything.

    It did not where it returns True: what goes on goes on then. Where a script started this program
    with the signal ignored, it stays so.
    """
    told = threading.Event()
    if is_ignored(signal.SIGINT):
        yield told
        return

    def stopping() -> None:
        if stop() is True:
            told.clear()

    def interrupted(number: int, frame: FrameType | None) -> None:
        told.set()
        threading.Thread(target=stopping, daemon=True).start()

    before = signal.signal(signal.SIGINT, interrupted)
    try:
        yield told
    finally:
        signal.signal(signal.SIGINT, before)


def in_thread(events: Iterator[_Event]) -> Iterator[_Event]:
    """The events, made in a thread of their own; what they raise is raised here."""
    queue: SimpleQueue[_Made[_Event] | _End] = SimpleQueue()

    def make() -> None:
        try:
            for event in events:
                queue.put(_Made(event))
        except BaseException as error:  # raised again where the events are taken
            queue.put(_End(error))
        else:
            queue.put(_End())

    threading.Thread(target=make, daemon=True).start()
    while isinstance(item := queue.get(), _Made):
        yield item.event
    if item.error is not None:
        raise item.error


class _Made(Generic[_Event]):
    def __init__(self, event: _Event) -> None:
        self.event = event


class _End:
    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error
