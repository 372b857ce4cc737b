"""How many threads are worth having while other programs want the processor, too.

llama.cpp's threads wait for one another at each node of the graph, hundreds of times a token, and
OpenMP has them spin meanwhile. When one has to give way to another program, all the others burn
their time and are then made to give way themselves: with two busy loops on two cores two threads
made a tenth of the tokens that one makes. So there are never more than there are free processors.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable

_EVERY_S = 0.05
"""Looking costs some 0.1 ms; a token takes that of a model of a few million weights."""

_MEMORY_S = 0.3
"""Seconds after which a look counts a third."""

_LONG_S = 0.5
"""After a step that took as long, one look says little: a moment's is taken."""

_LOOKS, _APART_S = 5, 0.002

_DOWN, _UP = 0.25, 0.5
"""What rounds the other threads up: from 0.75 on we have one less, below 0.5 one more again."""


class ThreadWatch:
    """Says how many threads the next step should have."""

    def __init__(
        self,
        most: int,
        cpus: int,
        others: Callable[[], float | None],
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """Begin with all of them: `most` is how many there are on an idle machine.

        `others` says how many threads of other programs want to run now; None where nobody can
        tell.
        """
        self._most = most
        self._cpus = cpus
        self._others = others
        self._clock = clock
        self._pause = pause
        self._looked: float | None = None
        self._average = 0.0
        self._threads = most

    def threads(self) -> int:
        """From 1 to all of them."""
        now = self._clock()
        since = math.inf if self._looked is None else now - self._looked
        if since < _EVERY_S:
            return self._threads
        self._looked = now
        seen = self._look(_LOOKS if since >= _LONG_S else 1)
        if seen is None:
            return self._threads
        self._average += (1 - math.exp(-since / _MEMORY_S)) * (seen - self._average)
        fewest = self._free(_UP)
        most = self._free(_DOWN)
        self._threads = min(max(self._threads, fewest), most)
        return self._threads

    def _free(self, rounding: float) -> int:
        busy = math.floor(self._average + rounding)
        return max(1, min(self._most, self._cpus - busy))

    def _look(self, times: int) -> float | None:
        total = 0.0
        for number in range(times):
            if number:
                self._pause(_APART_S)
            seen = self._others()
            if seen is None:
                return None
            total += seen
        return total / times


def others_running() -> float | None:
    """Threads of other programs that run or want to; None where the system doesn't say.

    It tells of the whole machine, so it is of no use to a process that may use a part of it.
    """
    try:
        with open("/proc/loadavg") as file:
            running = int(file.read().split()[3].partition("/")[0])
        ours = sum(_runs(task) for task in os.listdir("/proc/self/task"))
    except (OSError, ValueError, IndexError):
        return None
    return float(max(0, running - ours))


def whole_machine() -> bool:
    """Whether this process may use all CPUs."""
    return len(os.sched_getaffinity(0)) == os.cpu_count()


def _runs(task: str) -> bool:
    try:
        with open(f"/proc/self/task/{task}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] == "R"
    except (OSError, IndexError):  # it has just ended
        return False
