"""How a command ends when somebody else ends it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 130
"""Exit code after Ctrl+C, as shells have it: 128 + SIGINT."""


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Leave in an orderly way, engine and temporary files included, when we are told to go."""

    def leave(number: int, _: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
