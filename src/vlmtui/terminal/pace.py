"""The line between us and the terminal: how much may be on its way without anybody waiting for it.

Whoever writes to a terminal over SSH isn't slowed down by a slow line: megabytes fit into the
buffers between. What is typed is then echoed behind all of that, minutes late. So the terminal is
asked for a sign of life behind each frame (DSR, which all have known since the VT100), and the time
until it comes tells how long the line was. No more is written than arrives in about that time.

`Line` counts; it writes nothing itself. A terminal that never replied is not waited for, but for
the first seconds of one that is far away.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping

QUESTION = "\x1b[5n"
REPLY = "\x1b[0n"

ANYTHING = 1 << 30
"""Characters that may be written where nothing is known against it."""

LEAST = 600
"""Characters that may be on their way over the slowest line: a row or two."""

_MOST = 1 << 20
_FIRST = 8_000
"""About one screen: so much is written to a terminal that is far away before it first replies."""

_QUEUE_SECONDS = 0.2
"""What is written may wait for so long behind what was written before."""

_WIDER = 1.25
"""Once in the time of a way, to find out whether the line takes more."""

_LONGEST_WAY = 1.0
"""Seconds there and back. A reply that takes longer waited in a queue, even the first one."""

_WAY_SECONDS = 60.0
"""After this time the shortest way is found anew: it may have become another one."""

_HICCUP_SECONDS = 0.75
"""What was late for less than this says nothing about the line: a busy machine is late, too."""

_SLOW_WAY = 0.15
_SLOW_WINDOW = 20_000
"""Over a line that is longer, or takes less at a time, less is drawn."""

_TIMEOUT = 10.0
"""A reply that takes longer got lost."""

_FIRST_TIMEOUT = 4.0
"""As long as none ever came."""

_MOST_LOST = 2
"""After so many lost in a row the terminal isn't waited for any more, until one comes."""


def is_far(environ: Mapping[str, str]) -> bool:
    """Whether the terminal is on another machine, as far as the environment tells."""
    return any(environ.get(name) for name in ("SSH_CONNECTION", "SSH_TTY"))


class Line:
    """What is on its way to the terminal; used by threads that write and read."""

    def __init__(self, *, far: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin.

        Args:
            far: The terminal is on another machine, and can be expected to reply.
            clock: Tells the time in seconds.
        """
        self._clock = clock
        self._lock = threading.Lock()
        self._asked: deque[tuple[float, int, int]] = deque()  # when, written, on its way then
        self._written = self._arrived = 0
        self._replies, self._proven = far, False
        self._lost = 0
        self._this_way = self._last_way = _LONGEST_WAY
        self._new_way_at = clock() + _WAY_SECONDS
        self._late_since = clock()
        self._window = _FIRST if far else _MOST
        self._narrowed_at = self._widened_at = 0.0
        self.rate = ANYTHING
        """Characters a second, as far as the line was ever full."""

    def wrote(self, length: int) -> None:
        """So many characters are on their way."""
        with self._lock:
            self._written += length

    def ask(self) -> str:
        """What is to be written behind a frame."""
        with self._lock:
            self._asked.append((self._clock(), self._written, self._on_its_way))
        return QUESTION

    def heard(self) -> None:
        """A reply came."""
        with self._lock:
            self._replies = self._proven = True
            self._lost = 0
            if not self._asked:
                return  # it was thought lost
            now = self._clock()
            when, self._arrived, together = self._asked.popleft()
            self._weigh(now, when, together)

    def _weigh(self, now: float, when: float, together: int) -> None:
        """Decide how much may be on its way, after so much had arrived in that time."""
        took = now - when
        if now >= self._new_way_at:
            self._new_way_at, self._last_way = now + _WAY_SECONDS, self._this_way
            self._this_way = _LONGEST_WAY
        self._this_way = min(self._this_way, took)
        if took <= self.way + _QUEUE_SECONDS:
            self._late_since = now
            if 2 * together > self._window and when >= self._widened_at:
                self._widened_at = now
                self._window = round(self._window * (2 if self.rate == ANYTHING else _WIDER))
        elif when >= self._narrowed_at and now - min(self._late_since, when) > _HICCUP_SECONDS:
            self._narrowed_at = now  # once for what was written before it was known
            self.rate = round(together / took)
            self._window = round(self.rate * (self.way + _QUEUE_SECONDS))
        self._window = max(LEAST, min(self._window, _MOST))

    @property
    def _on_its_way(self) -> int:
        return self._written - self._arrived

    @property
    def room(self) -> int:
        """How many characters may be written now; less than 1 for none."""
        with self._lock:
            timeout = _TIMEOUT if self._proven else _FIRST_TIMEOUT
            if self._asked and self._clock() - self._asked[0][0] > timeout:
                self._asked.clear()
                self._lost += 1
                self._replies &= self._proven and self._lost < _MOST_LOST
            if not self._replies:
                return ANYTHING
            return self._window - self._on_its_way if self._asked else self._window

    @property
    def narrow(self) -> bool:
        """A screen may be more than can be on its way at once."""
        return self._replies and self._window < _SLOW_WINDOW

    @property
    def slow(self) -> bool:
        """Keys and what they do are some way apart."""
        return self.narrow or (self._replies and self.way > _SLOW_WAY)

    @property
    def way(self) -> float:
        """Seconds that a reply takes if nothing is in front of it."""
        return min(self._this_way, self._last_way)

    @property
    def waiting(self) -> bool:
        """A reply is still to come."""
        return bool(self._asked) and self._replies
