"""Live figures, once a second, that can neither crash nor hold up the application.

Every probe has a daemon thread of its own, because a driver in trouble may not return: its figures
are then missing from the snapshots, and all others go on. One more thread puts the snapshots
together and hands them over. This module does not know where figures come from nor what they are
for.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

from vlmtui.hardware.base import Figures, Probe, Snapshot
from vlmtui.hardware.host import HostProbe
from vlmtui.hardware.nvml import NvmlProbe

PROBES: tuple[Callable[[], Probe], ...] = (HostProbe, NvmlProbe)
"""What is asked unless told otherwise."""

STALE_AFTER = 3.0
"""Intervals after which a figure is no longer a live one."""


class Monitor:
    """Hands over a `Snapshot` each interval, from `start` to `stop`."""

    def __init__(
        self,
        pid: Callable[[], int | None],
        on_snapshot: Callable[[Snapshot], None],
        interval: float = 1.0,
        probes: Sequence[Callable[[], Probe]] = PROBES,
    ) -> None:
        """Prepare; nothing runs yet.

        Args:
            pid: The engine's process id, asked each time.
            on_snapshot: Gets each snapshot, in the monitor's thread.
            interval: Seconds between two snapshots.
            probes: What makes the probes; called in their threads.
        """
        self._pid = pid
        self._on_snapshot = on_snapshot
        self._interval = interval
        self._probes = probes
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._newest: dict[int, tuple[float, Figures]] = {}

    def start(self) -> None:
        """Begin. A monitor is started once."""
        for number, probe in enumerate(self._probes):
            self._spawn(partial(self._measure, number, probe))
        self._spawn(self._report)

    def stop(self) -> None:
        """End, without waiting for the threads: one may hang in a driver. Safe to call twice."""
        self._stopped.set()

    def _spawn(self, target: Callable[[], None]) -> None:
        threading.Thread(target=target, name="vlmtui-monitor", daemon=True).start()

    # Drivers and their bindings raise whatever they like, so the two threads below catch
    # everything: a figure is never worth a traceback across the screen.

    def _measure(self, number: int, make: Callable[[], Probe]) -> None:
        try:
            probe = make()
        except Exception:
            return
        while not self._stopped.is_set():
            try:
                figures = probe.read(self._pid())
            except Exception:
                figures = Figures()
            with self._lock:
                self._newest[number] = (time.monotonic(), figures)
            self._stopped.wait(self._interval)
        with suppress(Exception):
            probe.close()

    def _report(self) -> None:
        while not self._stopped.wait(self._interval):
            with suppress(Exception):  # the screen may just have closed
                self._on_snapshot(self._snapshot())

    def _snapshot(self) -> Snapshot:
        figures = Figures()
        oldest = time.monotonic() - STALE_AFTER * self._interval
        with self._lock:
            for measured, some in self._newest.values():
                if measured >= oldest:
                    figures.update(some)
        return Snapshot(time=time.time(), **figures)
