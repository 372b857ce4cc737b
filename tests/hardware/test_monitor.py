"""The monitor goes on, whatever a probe or its listener does."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Iterator, Sequence

import pytest

from tests.fakes import PATIENCE
from vlmtui.hardware.base import Figures, Probe, Snapshot
from vlmtui.hardware.monitor import PROBES, Monitor

INTERVAL = 0.01


class Steady:
    """A probe that knows the machine's memory and the engine's."""

    def __init__(self) -> None:
        self.closed = threading.Event()

    def read(self, engine_pid: int | None) -> Figures:
        figures = Figures(ram_total_bytes=8)
        if engine_pid is not None:
            figures["engine_rss_bytes"] = engine_pid
        return figures

    def close(self) -> None:
        self.closed.set()


class Broken(Steady):
    """A probe that raises what nobody expects."""

    def read(self, engine_pid: int | None) -> Figures:
        raise ZeroDivisionError


class Hanging(Steady):
    """A probe that answers once and then never again."""

    def __init__(self) -> None:
        super().__init__()
        self.answered = False
        self.hangs = threading.Event()
        self.let_go = threading.Event()

    def read(self, engine_pid: int | None) -> Figures:
        if self.answered:
            self.hangs.set()
            self.let_go.wait(PATIENCE)
        self.answered = True
        return Figures(gpu_total_bytes=80)


Watch = Callable[..., "queue.Queue[Snapshot]"]


@pytest.fixture
def watch() -> Iterator[Watch]:
    """Starts monitors, whose snapshots come in a queue; stops them at the end."""
    monitors: list[Monitor] = []

    def start(
        *probes: Callable[[], Probe], pid: Callable[[], int | None] = lambda: 7
    ) -> queue.Queue[Snapshot]:
        snapshots: queue.Queue[Snapshot] = queue.Queue()
        monitor = Monitor(pid, snapshots.put, INTERVAL, probes)
        monitors.append(monitor)
        monitor.start()
        return snapshots

    yield start
    for monitor in monitors:
        monitor.stop()


def until(snapshots: queue.Queue[Snapshot], wanted: Callable[[Snapshot], bool]) -> Snapshot:
    """The next snapshot that is as wanted."""
    while not wanted(snapshot := snapshots.get(timeout=PATIENCE)):
        pass
    return snapshot


def test_snapshots_join_what_all_probes_know(watch: Watch) -> None:
    hanging = Hanging()
    snapshots = watch(Steady, lambda: hanging)
    snapshot = until(snapshots, lambda it: it.ram_total_bytes == 8 and it.gpu_total_bytes == 80)
    assert snapshot.engine_rss_bytes == 7
    assert snapshot.time > 0
    assert snapshot.gpu_used_bytes is None
    hanging.let_go.set()


def test_an_engine_that_does_not_run_has_no_figures(watch: Watch) -> None:
    snapshots = watch(Steady, pid=lambda: None)
    assert until(snapshots, lambda it: it.ram_total_bytes == 8).engine_rss_bytes is None


def test_a_probe_that_raises_costs_its_own_figures_only(watch: Watch) -> None:
    until(watch(Broken, Steady), lambda it: it.ram_total_bytes == 8)


def test_a_probe_that_cannot_be_made_costs_its_own_figures_only(watch: Watch) -> None:
    def impossible() -> Probe:
        raise ImportError

    until(watch(impossible, Steady), lambda it: it.ram_total_bytes == 8)


def test_a_probe_that_hangs_loses_its_figures_and_holds_up_nobody(watch: Watch) -> None:
    hanging = Hanging()
    snapshots = watch(Steady, lambda: hanging)
    until(snapshots, lambda it: it.gpu_total_bytes == 80)
    assert hanging.hangs.wait(PATIENCE)
    until(snapshots, lambda it: it.gpu_total_bytes is None and it.ram_total_bytes == 8)
    hanging.let_go.set()
    until(snapshots, lambda it: it.gpu_total_bytes == 80)


def test_an_engine_that_cannot_be_asked_for_its_process_harms_nothing(watch: Watch) -> None:
    def gone() -> int | None:
        raise OSError

    assert watch(Steady, pid=gone).get(timeout=PATIENCE).ram_total_bytes is None


def test_a_listener_that_raises_gets_the_next_snapshot_all_the_same() -> None:
    twice = threading.Semaphore(0)

    def listener(snapshot: Snapshot) -> None:
        twice.release()
        raise RuntimeError("the screen is gone")

    monitor = Monitor(lambda: None, listener, INTERVAL, (Steady,))
    monitor.start()
    assert twice.acquire(timeout=PATIENCE)
    assert twice.acquire(timeout=PATIENCE)
    monitor.stop()


def test_a_stopped_monitor_closes_its_probes_and_reports_no_more() -> None:
    probe = Steady()
    snapshots: queue.Queue[Snapshot] = queue.Queue()
    probes: Sequence[Callable[[], Probe]] = (lambda: probe,)
    before = set(threading.enumerate())
    monitor = Monitor(lambda: None, snapshots.put, INTERVAL, probes)
    monitor.start()
    threads = set(threading.enumerate()) - before
    snapshots.get(timeout=PATIENCE)
    monitor.stop()
    monitor.stop()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()
    assert probe.closed.is_set()


def test_the_probes_of_a_real_machine_tell_of_this_process(watch: Watch) -> None:
    snapshot = until(watch(*PROBES, pid=os.getpid), lambda it: it.engine_rss_bytes is not None)
    assert snapshot.ram_total_bytes is not None
    assert snapshot.ui_rss_bytes is not None
