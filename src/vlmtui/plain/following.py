"""Ctrl+C that stops the making of events instead of this program."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from vlmtui.endings import is_ignored


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
