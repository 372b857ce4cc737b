"""How a program ends when somebody else ends it, and which signals it leaves alone.

Who starts a program decides what it hears: `nohup` has SIGHUP ignored, so that the end of the
connection isn't the end of the answer, and a shell script has SIGINT ignored in what it starts with
`&`, so that Ctrl+C stops the script alone. What came ignored stays so, except where a person types
into the program: shells that are started so take Ctrl+C all the same, and so does the chat.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 128 + signal.SIGINT
"""Exit code after Ctrl+C, as shells have it."""

HUNG_UP = 128 + signal.SIGHUP
"""Exit code after the end of the connection or the terminal."""


@contextmanager
def ended_by_signals(*, by_hand: bool = False) -> Iterator[None]:
    """Leave in an orderly way, engine and temporary files included, when we are told to go.

    With a person typing (`by_hand`), no signal stays ignored.
    """
    wanted = [n for n in (signal.SIGTERM, signal.SIGHUP) if by_hand or not is_ignored(n)]
    before = {number: signal.signal(number, _leave) for number in wanted}
    if by_hand and is_ignored(signal.SIGINT):
        before[signal.SIGINT] = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Hear no Ctrl+C: what is done is short, and half of it would be worse than waiting."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def is_ignored(number: signal.Signals) -> bool:
    """Whether who started this program wants it not to hear a signal."""
    return signal.getsignal(number) is signal.SIG_IGN


def _leave(number: int, _: FrameType | None) -> None:
    if number == signal.SIGHUP:  # kernel, shell and multiplexer may each send one
        signal.signal(number, signal.SIG_IGN)
    raise SystemExit(128 + number)
