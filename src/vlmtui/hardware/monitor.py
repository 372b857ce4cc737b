"""Live readings, once a second, that can neither crash nor hold up the application.

Every probe has a daemon thread of its own, because a driver in trouble may not return: its readings
are then missing from the snapshots, and those of the next best source show. One more thread puts
the snapshots together and hands them over. This module does not know what readings are for.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

from vlmtui.hardware import jetson, nvml, tegrastats
from vlmtui.hardware.base import Probe, Readings, Snapshot, Source
from vlmtui.hardware.host import HostProbe

SOURCES: tuple[Source, ...] = (
    Source("Jetson", jetson.find),
    Source("tegrastats", tegrastats.find),
    Source("NVML", nvml.find),
    Source("host", HostProbe),
)
"""What is asked unless told otherwise, the best first: of two readings the earlier one's counts."""

STALE_AFTER = 3.0
"""Intervals after which a reading is no longer a live one."""

HANGS_AFTER = 10.0
"""Intervals without an answer after which that is told: NVML may take seconds to wake up."""

LONGEST_PAUSE = 60.0
"""Most intervals between two tries with a probe that fails."""


class _Watched:
    """What is known of one source. Its own thread writes, all read; the monitor's lock is held."""

    def __init__(self, source: Source) -> None:
        self.name = source.name
        self.readings = Readings()
        self.measured = 0.0
        self.asked: float | None = None
        """When the question was put that isn't answered yet."""

        self.failure: str | None = None

    def current(self, oldest: float) -> Readings:
        """The readings, if they are not older than that."""
        return self.readings if self.measured >= oldest else Readings()

    def note(self, asked_before: float) -> str | None:
        """What is wrong, in a sentence; None when nothing is."""
        if self.failure is not None:
            return f"{self.name} gives no readings: {self.failure}. It will be tried again."
        if self.asked is not None and self.asked < asked_before:
            return f"{self.name} gives no readings: it doesn't answer. They return when it does."
        return None


class Monitor:
    """Hands over a `Snapshot` each interval, from `start` to `stop`."""

    def __init__(
        self,
        pid: Callable[[], int | None],
        on_snapshot: Callable[[Snapshot], None],
        interval: float = 1.0,
        sources: Sequence[Source] = SOURCES,
    ) -> None:
        """Prepare; nothing runs yet. Snapshots are given out in the monitor's thread.

        The engine's process id is asked each time. Sources find the probes, the best first, in
        threads.
        """
        self._pid = pid
        self._on_snapshot = on_snapshot
        self._interval = interval
        self._sources = sources
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._watched = [_Watched(source) for source in sources]

    def start(self) -> None:
        """Begin. A monitor is started once."""
        for source, watched in zip(self._sources, self._watched, strict=True):
            self._spawn(partial(self._keep_measuring, source, watched))
        self._spawn(self._report)

    def stop(self) -> None:
        """End, without waiting for the threads: one may hang in a driver. Safe to call twice."""
        self._stopped.set()

    def _spawn(self, target: Callable[[], None]) -> None:
        threading.Thread(target=target, name="vlmtui-monitor", daemon=True).start()

    # Drivers and their bindings raise whatever they like, so the threads below catch everything: a
    # reading is never worth a traceback across the screen.

    def _keep_measuring(self, source: Source, watched: _Watched) -> None:
        """Find the probe and use it; again, after ever longer pauses, whenever it fails."""
        pause = 1.0
        while not self._stopped.is_set():
            before = watched.measured
            try:
                self._ask(watched)
                probe = source.find()
                if probe is None and watched.failure is None:
                    watched.asked = None
                    return  # not a thing of this machine
                if probe is not None:
                    self._measure(probe, watched)
            except Exception as error:
                self._fail(watched, error)
            pause = 1.0 if watched.measured > before else min(2 * pause, LONGEST_PAUSE)
            self._stopped.wait(pause * self._interval)

    def _measure(self, probe: Probe, watched: _Watched) -> None:
        """Use a probe until the monitor is stopped or the probe raises."""
        try:
            while not self._stopped.is_set():
                self._ask(watched)
                readings = probe.read(self._engine_pid(), self._merged(without=watched))
                with self._lock:
                    watched.readings, watched.measured = readings, time.monotonic()
                    watched.asked = watched.failure = None
                self._stopped.wait(self._interval)
        finally:
            with suppress(Exception):
                probe.close()

    def _ask(self, watched: _Watched) -> None:
        with self._lock:
            watched.asked = time.monotonic()

    def _fail(self, watched: _Watched, error: Exception) -> None:
        with self._lock:
            watched.readings = Readings()
            watched.asked = None
            # the first of a row of failures says most, and is told once
            watched.failure = watched.failure or str(error) or type(error).__name__

    def _engine_pid(self) -> int | None:
        try:
            return self._pid()
        except Exception:
            return None

    def _report(self) -> None:
        while not self._stopped.wait(self._interval):
            with suppress(Exception):  # the screen may just have closed
                self._on_snapshot(self._snapshot())

    def _snapshot(self) -> Snapshot:
        readings = self._merged()
        oldest, hangs = self._ago(STALE_AFTER), self._ago(HANGS_AFTER)
        with self._lock:
            sources = tuple(each.name for each in self._watched if each.current(oldest))
            notes = tuple(note for each in self._watched if (note := each.note(hangs)))
        return Snapshot(time=time.time(), sources=sources, notes=notes, **readings)

    def _merged(self, without: _Watched | None = None) -> Readings:
        readings = Readings()
        oldest = self._ago(STALE_AFTER)
        with self._lock:
            for watched in reversed(self._watched):
                if watched is not without:
                    readings.update(watched.current(oldest))
        return readings

    def _ago(self, intervals: float) -> float:
        return time.monotonic() - intervals * self._interval
