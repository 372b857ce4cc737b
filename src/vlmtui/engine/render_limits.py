"""Bounds for code that comes with a model's file: its chat template.

A sandbox keeps a template from the machine, not from looping for ever or filling the memory. Here a
timer looks in several times a second, and the process may take only so much more memory meanwhile.
"""

from __future__ import annotations

import resource
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from vlmtui.engine.cancellation import Aborted

SECONDS = 1.0
"""Of computing: other programs' share doesn't count. A prompt that fills a context of 32,000 tokens
takes 0.01 s, on a slow board ten times that."""

_MORE_MEMORY = 256 * 1024 * 1024
"""Bytes of address space."""

_LOOK_IN_S = 0.1


class LimitPassed(Exception):
    """The code took more time or memory than any sound template needs."""


class _OutOfTime(BaseException):
    """No `Exception`: what runs must not catch it."""


class _Cancelled(BaseException):
    """The same for a cancel."""


@contextmanager
def limited(cancelled: Callable[[], bool] = lambda: False) -> Iterator[None]:
    """Run a block under limits, which hold in the main thread of a process and nowhere else.

    `cancelled` is asked several times a second whether to give up.

    Raises:
        LimitPassed: It took too long, or too much memory.
        Aborted: `cancelled` said so.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    deadline = time.thread_time() + SECONDS
    running = True
    quiet = 0  # looks until it is told again: once is enough, unless that was lost in a destructor

    def look_in(_number: int, _frame: FrameType | None) -> None:
        nonlocal quiet
        quiet -= 1
        if not running or quiet > 0:  # what is put back behind the block must be
            return
        late = time.thread_time() > deadline
        if late or cancelled():
            quiet = 10
            raise _OutOfTime if late else _Cancelled

    before = signal.signal(signal.SIGALRM, look_in)
    try:
        with bounded_memory(_MORE_MEMORY):
            signal.setitimer(signal.ITIMER_REAL, _LOOK_IN_S, _LOOK_IN_S)
            try:
                yield
            finally:
                running = False
                signal.setitimer(signal.ITIMER_REAL, 0)
    except _Cancelled:
        raise Aborted from None
    except _OutOfTime:
        raise LimitPassed("it ran for longer than any prompt needs") from None
    except MemoryError:
        raise LimitPassed("it needs more memory than any prompt does") from None
    finally:
        running = False  # once more: it may have gone off just before it was to stop
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def bounded_memory(more: int) -> Iterator[None]:
    """Let the process have so many more bytes of address space; then `MemoryError` is raised."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = _address_space() + more
    bounded = limit > more and (soft == resource.RLIM_INFINITY or limit < soft)
    if bounded:
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    try:
        yield
    finally:
        if bounded:
            resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _address_space() -> int:
    """Bytes of address space of this process; 0 where the system doesn't say."""
    with suppress(OSError, ValueError), open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()
    return 0
