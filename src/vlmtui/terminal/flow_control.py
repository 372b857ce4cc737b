"""Flow control to the terminal: how much may be in flight without anybody waiting for it.

Whoever writes to a terminal over SSH isn't slowed down by a slow line: megabytes fit into the
buffers between. What is typed is then echoed behind all of that, minutes late. So the terminal is
asked for a sign of life behind each frame (DSR, which all have known since the VT100), and the time
until it comes tells how long the line was. No more is written than arrives in about that time.

`FlowControl` counts; it writes nothing itself. A terminal that never replied is not waited for, but
for the first seconds of one that is far away.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping

QUESTION = "\x1b[5n"
REPLY = "\x1b[0n"

UNLIMITED = 1 << 30
"""Characters that may be written where nothing is known against it."""

LEAST_WINDOW = 600
"""Characters that may be in flight over the slowest line: a row or two."""

_LARGEST_WINDOW = 1 << 20
_FIRST_WINDOW = 8_000
"""About one screen: so much is written to a terminal that is far away before it first replies."""

_QUEUE_SECONDS = 0.2
"""What is written may wait for so long behind what was written before."""

_WIDER = 1.25
"""Growth of the window once a round trip, to find out whether the line takes more."""

_LONGEST_ROUND_TRIP = 1.0
"""Seconds there and back. A reply that takes longer waited in a queue, even the first one."""

_ROUND_TRIP_SECONDS = 60.0
"""After this time the shortest round trip is measured anew: the route may have changed."""

_HICCUP_SECONDS = 0.75
"""What was late for less than this says nothing about the line: a busy machine is late, too."""

_SLOW_ROUND_TRIP = 0.15
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


class FlowControl:
    """What is in flight to the terminal; used by threads that write and read."""

    def __init__(self, *, far: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin.

        Args:
            far: The terminal is on another machine, and can be expected to reply.
            clock: Tells the time in seconds.
        """
        self._clock = clock
        self._lock = threading.Lock()
        self._asked: deque[tuple[float, int, int]] = deque()  # when, written, in flight then
        self._written = self._arrived = 0
        self._replies, self._proven = far, False
        self._lost = 0
        self._this_round_trip = self._last_round_trip = _LONGEST_ROUND_TRIP
        self._new_round_trip_at = clock() + _ROUND_TRIP_SECONDS
        self._late_since = clock()
        self._window = _FIRST_WINDOW if far else _LARGEST_WINDOW
        self._narrowed_at = self._widened_at = 0.0
        self.rate = UNLIMITED
        """Characters a second, as far as the line was ever full."""

    def sent(self, length: int) -> None:
        with self._lock:
            self._written += length

    def ask(self) -> str:
        """What is to be written behind a frame."""
        with self._lock:
            self._asked.append((self._clock(), self._written, self._in_flight))
        return QUESTION

    def replied(self) -> None:
        with self._lock:
            self._replies = self._proven = True
            self._lost = 0
            if not self._asked:
                return  # it was thought lost
            now = self._clock()
            when, self._arrived, in_flight = self._asked.popleft()
            self._resize_window(now, when, in_flight)

    def _resize_window(self, now: float, when: float, in_flight: int) -> None:
        """Decide how much may be in flight, after so much had arrived in that time."""
        took = now - when
        if now >= self._new_round_trip_at:
            self._new_round_trip_at = now + _ROUND_TRIP_SECONDS
            self._last_round_trip, self._this_round_trip = (
                self._this_round_trip,
                _LONGEST_ROUND_TRIP,
            )
        self._this_round_trip = min(self._this_round_trip, took)
        if took <= self.round_trip + _QUEUE_SECONDS:
            self._late_since = now
            if 2 * in_flight > self._window and when >= self._widened_at:
                self._widened_at = now
                self._window = round(self._window * (2 if self.rate == UNLIMITED else _WIDER))
        elif when >= self._narrowed_at and now - min(self._late_since, when) > _HICCUP_SECONDS:
            self._narrowed_at = now  # once for what was written before it was known
            self.rate = round(in_flight / took)
            self._window = round(self.rate * (self.round_trip + _QUEUE_SECONDS))
        self._window = max(LEAST_WINDOW, min(self._window, _LARGEST_WINDOW))

    @property
    def _in_flight(self) -> int:
        return self._written - self._arrived

    @property
    def available(self) -> int:
        """How many characters may be written now; less than 1 for none."""
        with self._lock:
            timeout = _TIMEOUT if self._proven else _FIRST_TIMEOUT
            if self._asked and self._clock() - self._asked[0][0] > timeout:
                self._asked.clear()
                self._lost += 1
                self._replies &= self._proven and self._lost < _MOST_LOST
            if not self._replies:
                return UNLIMITED
            return self._window - self._in_flight if self._asked else self._window

    @property
    def narrow(self) -> bool:
        """A screen may be more than can be in flight at once."""
        return self._replies and self._window < _SLOW_WINDOW

    @property
    def slow(self) -> bool:
        """A key and what it does are felt to be apart."""
        return self.narrow or (self._replies and self.round_trip > _SLOW_ROUND_TRIP)

    @property
    def round_trip(self) -> float:
        """Seconds that a reply takes if nothing is in front of it."""
        return min(self._this_round_trip, self._last_round_trip)

    @property
    def waiting(self) -> bool:
        """A reply is still to come."""
        return bool(self._asked) and self._replies
