"""A lock for turns: one at a time in a chat, and one task at a time on the engine.

A turn, a load and a switch of models come from different threads. Each is a `Task`; this module
lets them wait for one another, and carries a cancel to the one it is meant for. It knows the engine
only as something that can be cancelled.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from vlmtui.errors import TurnRunning

GRACE_S = 2.0
"""Seconds that a cancelled task has to end by itself; then whoever insists ends the engine."""


class Task:
    """Something that wants the engine: a turn, a load or a switch; or, last, to read ahead."""

    def __init__(self, *, yields: bool = False) -> None:
        self.yields = yields
        """It gives way to whatever else wants the engine."""

        self.stopped = False
        """The user has cancelled it, or something more urgent has."""

        self.stopped_at = 0.0
        """When, by the monotonic clock."""

        self.superseded = False
        """A newer switch wants the engine: there is no need to clean up after this one."""

        self.done = False

        self.queued = False
        """It waits for another vlmtui; stopping what is behind it leaves that queue, too."""

        self.abort_timer: threading.Timer | None = None
        """The user has stopped it twice: the engine is ended when it doesn't hear in time."""


class TurnLock:
    """Which task goes on, and which waits. May be used from any thread."""

    def __init__(self, cancel_engine: Callable[[], None], abort_engine: Callable[[], None]) -> None:
        """Begin with nothing going on.

        Both calls return at once: one asks the engine to stop, the other ends whatever it does.
        """
        self._cancel_engine = cancel_engine
        self._abort_engine = abort_engine
        self._changed = threading.Condition()
        self._turn: Task | None = None
        self._holder: Task | None = None
        self._waiting = 0
        """Tasks that wait for the engine and don't yield."""

        self._latest: Task | None = None
        """Of those that yield: an older one is out of date."""

        self.closed = False
        """Whether everything is being stopped for good."""

    @property
    def in_turn(self) -> bool:
        return self._turn is not None

    def turn_ends(self, seconds: float) -> bool:
        """Wait for the end of the turn for some seconds; whether it came."""
        with self._changed:
            return self._changed.wait_for(lambda: self._turn is None, timeout=seconds)

    @contextmanager
    def turn(self) -> Iterator[Task]:
        """A turn, from its question to the end of its answer; raises `TurnRunning` in another."""
        with self._changed:
            self._require_silence()
            task = self._turn = Task()
        try:
            yield task
        finally:
            with self._changed:
                self._turn = None
                self._changed.notify_all()

    @contextmanager
    def between_turns(self) -> Iterator[None]:
        """A moment in which no turn can begin, and nothing may block; raises `TurnRunning`."""
        with self._changed:
            self._require_silence()
            yield

    @contextmanager
    def engine(self, task: Task) -> Iterator[bool]:
        """Wait for the engine and have it. False when the task was stopped meanwhile."""
        with self._changed:
            self._make_way()
            self._waiting += 1
            self._changed.wait_for(
                lambda: task.stopped or self.closed or self._holder in (None, task)
            )
            self._waiting -= 1
            taken = not task.stopped and not self.closed
            if taken:
                self._holder = task
        try:
            yield taken
        finally:
            if taken:
                self._release(task)

    @contextmanager
    def idle_engine(self, task: Task) -> Iterator[bool]:
        """Have the engine while nothing else wants it, for a task that yields.

        An older task of this kind makes way for it. False where the engine is wanted.
        """
        with self._changed:
            self._latest = task
            self._make_way()
            self._changed.wait_for(lambda: self._holder is None or not self._is_next(task))
            taken = self._is_next(task)
            if taken:
                self._holder = task
        try:
            yield taken
        finally:
            if taken:
                self._release(task)

    def _is_next(self, task: Task) -> bool:
        """Whether a task that yields may have the engine, as soon as one before it is done."""
        return (
            self._latest is task
            and (self._holder is None or self._holder.yields)
            and self._turn is None
            and not self._waiting
            and not self.closed
        )

    def _make_way(self) -> None:
        """Stop what has the engine, if it yields; what it has done is kept."""
        if self._holder is not None and self._holder.yields:
            self._holder.stopped = True
            self._cancel_engine()

    @contextmanager
    def engine_next(self, task: Task) -> Iterator[bool]:
        """Have the engine before all others: a load or a switch that has it is stopped.

        Yields whether something was stopped.

        Raises:
            TurnRunning: A turn is going on.
        """
        with self._changed:
            self._require_silence()
            before, self._holder = self._holder, task
            if before is not None:
                before.stopped = before.superseded = True
                self._cancel_engine()
                self._insist(lambda: before.done or self.closed, GRACE_S)
                self._changed.wait_for(lambda: before.done or self.closed)
        try:
            yield before is not None
        finally:
            self._release(task)

    def renew(self, task: Task) -> bool:
        """Let a stopped task clean up, and be cancelled in its turn; returns whether it may."""
        with self._changed:
            if task.superseded or self.closed:
                return False
            task.stopped = False
            return True

    def cancel(self) -> None:
        """Stop the turn, or else the load or switch that has the engine; both where that is queued.

        The second time the engine is ended, as soon as the first has had its time to take effect.
        """
        with self._changed:
            task = self._turn or self._holder
            if task is None or task.yields:
                return
            left = task.stopped_at + GRACE_S - time.monotonic() if task.stopped else None
            if left is None:
                task.stopped, task.stopped_at = True, time.monotonic()
            if self._holder is task:
                if left is None or left > 0:
                    self._cancel_engine()
                else:
                    self._abort_engine()
            if left is not None and left > 0 and task.abort_timer is None:
                task.abort_timer = threading.Timer(
                    left, self._abort_unresponsive, (task, task.stopped_at)
                )
                task.abort_timer.daemon = True
                task.abort_timer.start()
            before = self._holder
            if before is not None and before is not task and before.queued:
                before.stopped = True
                self._cancel_engine()
            self._changed.notify_all()

    def _abort_unresponsive(self, task: Task, stopped_at: float) -> None:
        with self._changed:
            task.abort_timer = None
            if self._holder is task and task.stopped and task.stopped_at == stopped_at:
                self._abort_engine()

    def close(self, timeout: float) -> None:
        """Stop everything, and wait for its end for at most twice `timeout` seconds.

        After the first the engine is ended.
        """
        with self._changed:
            self.closed = True
            for task in (self._turn, self._holder):
                if task is not None:
                    task.stopped = True
            self._cancel_engine()
            self._changed.notify_all()
            self._insist(lambda: self._turn is None and self._is_free(), timeout)

    def _is_free(self) -> bool:
        return self._holder is None or self._holder.yields

    def _insist(self, ended: Callable[[], bool], timeout: float) -> None:
        """Wait for an end, and bring it about when it doesn't come by itself."""
        if not self._changed.wait_for(ended, timeout=timeout):
            self._abort_engine()
            self._changed.wait_for(ended, timeout=timeout)

    def _require_silence(self) -> None:
        if self._turn is not None:
            raise TurnRunning(
                "An answer is being written", "Wait until it is done, or stop it first"
            )

    def _release(self, task: Task) -> None:
        with self._changed:
            task.done = True
            if task.abort_timer is not None:
                task.abort_timer.cancel()
            if self._holder is task:
                self._holder = None
            self._changed.notify_all()
