"""The monitor goes on, whatever a probe or its listener does."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fakes import FAKE_PID, TIMEOUT
from tests.hardware.boards import nano, orin_nano
from tests.hardware.test_tegrastats_lines import ORIN_BUSY
from vlmtui.hardware import tegrastats
from vlmtui.hardware.base import Probe, Readings, Snapshot, Source
from vlmtui.hardware.monitor import SOURCES, Monitor
from vlmtui.hardware.sysroot import SYSROOT_VARIABLE

INTERVAL = 0.01


class Steady:
    """A probe that knows the machine's memory and the engine's."""

    def __init__(self) -> None:
        self.closed = threading.Event()
        self.told: list[Readings] = []

    def read(self, engine_pid: int | None, known: Readings) -> Readings:
        self.told.append(known)
        readings = Readings(ram_total_bytes=8)
        if engine_pid is not None:
            readings["engine_rss_bytes"] = engine_pid
        return readings

    def close(self) -> None:
        self.closed.set()


class Broken(Steady):
    """A probe that raises what nobody expects."""

    def read(self, engine_pid: int | None, known: Readings) -> Readings:
        raise ZeroDivisionError


class Hanging(Steady):
    """A probe that answers until it is told to hang."""

    def __init__(self) -> None:
        super().__init__()
        self.hang = threading.Event()
        self.let_go = threading.Event()

    def read(self, engine_pid: int | None, known: Readings) -> Readings:
        if self.hang.is_set():
            self.let_go.wait(TIMEOUT)
        return Readings(gpu_total_bytes=80)


class Moody(Steady):
    """A probe that works while it is told to."""

    def __init__(self, works: threading.Event) -> None:
        super().__init__()
        self.works = works

    def read(self, engine_pid: int | None, known: Readings) -> Readings:
        if not self.works.is_set():
            raise OSError("the GPU fell off the bus")
        return Readings(gpu_load=0.5, ram_total_bytes=9)


class Found:
    """Finds what it is told, and keeps what it found."""

    def __init__(self, make: Callable[[], Steady]) -> None:
        self._make = make
        self.probes: list[Steady] = []

    def __call__(self) -> Probe:
        self.probes.append(self._make())
        return self.probes[-1]


Watch = Callable[..., "queue.Queue[Snapshot]"]


@pytest.fixture
def watch() -> Iterator[Watch]:
    """Starts monitors, whose snapshots come in a queue; stops them at the end."""
    monitors: list[Monitor] = []

    def start(
        *finds: Callable[[], Probe | None] | Source, pid: Callable[[], int | None] = lambda: 7
    ) -> queue.Queue[Snapshot]:
        snapshots: queue.Queue[Snapshot] = queue.Queue()
        sources = [
            find if isinstance(find, Source) else Source(f"source {number}", find)
            for number, find in enumerate(finds)
        ]
        monitor = Monitor(pid, snapshots.put, INTERVAL, sources)
        monitors.append(monitor)
        monitor.start()
        return snapshots

    yield start
    for monitor in monitors:
        monitor.stop()


def until(snapshots: queue.Queue[Snapshot], wanted: Callable[[Snapshot], bool]) -> Snapshot:
    """The next snapshot that is as wanted."""
    while not wanted(snapshot := snapshots.get(timeout=TIMEOUT)):
        pass
    return snapshot


def test_snapshots_join_what_all_probes_know(watch: Watch) -> None:
    snapshots = watch(Steady, Hanging)
    snapshot = until(snapshots, lambda it: it.ram_total_bytes == 8 and it.gpu_total_bytes == 80)
    assert snapshot.engine_rss_bytes == 7
    assert snapshot.time > 0
    assert snapshot.gpu_used_bytes is None
    assert snapshot.sources == ("source 0", "source 1")


def test_an_engine_that_does_not_run_has_no_figures(watch: Watch) -> None:
    snapshots = watch(Steady, pid=lambda: None)
    assert until(snapshots, lambda it: it.ram_total_bytes == 8).engine_rss_bytes is None


def test_an_engine_that_cannot_be_asked_for_its_process_has_no_figures(watch: Watch) -> None:
    def gone() -> int | None:
        raise OSError

    snapshots = watch(Steady, pid=gone)
    assert until(snapshots, lambda it: it.ram_total_bytes == 8).engine_rss_bytes is None


def test_what_the_machine_does_not_have_is_asked_for_once(watch: Watch) -> None:
    asked = []
    snapshots = watch(lambda: asked.append(1), Steady)
    for _ in range(10):
        snapshot = until(snapshots, lambda it: it.ram_total_bytes == 8 and not it.notes)
    assert asked == [1]
    assert snapshot.sources == ("source 1",)


# --------------------------------------------------------------------------- the order of sources


def test_of_two_figures_that_of_the_better_source_counts(watch: Watch) -> None:
    works = threading.Event()
    works.set()
    better = Found(lambda: Moody(works))
    both = until(watch(better, Steady), lambda it: len(it.sources) == 2)
    assert both.ram_total_bytes == 9
    both = until(watch(Steady, better), lambda it: len(it.sources) == 2)
    assert both.ram_total_bytes == 8


def test_a_probe_is_told_what_the_others_know_but_not_what_it_said_itself(watch: Watch) -> None:
    works = threading.Event()
    works.set()
    told = Found(Steady)
    snapshots = watch(told, lambda: Moody(works))
    others = Readings(gpu_load=0.5, ram_total_bytes=9)
    until(snapshots, lambda it: any(others in probe.told for probe in told.probes))
    assert all(known in (others, Readings()) for known in told.probes[0].told)


def test_when_the_better_source_fails_the_next_is_used_until_it_is_back(watch: Watch) -> None:
    works = threading.Event()
    works.set()
    better = Found(lambda: Moody(works))
    snapshots = watch(better, Steady)
    until(snapshots, lambda it: it.ram_total_bytes == 9)
    works.clear()
    failed = until(snapshots, lambda it: it.ram_total_bytes == 8)
    assert failed.gpu_load is None
    assert failed.sources == ("source 1",)
    works.set()
    until(snapshots, lambda it: it.ram_total_bytes == 9 and not it.notes)
    assert len(better.probes) > 1
    assert all(probe.closed.is_set() for probe in better.probes[:-1])


# -------------------------------------------------------------------------------------- failures


def test_a_probe_that_raises_costs_its_own_figures_only_and_is_noted(watch: Watch) -> None:
    snapshots = watch(Broken, Steady)
    snapshot = until(snapshots, lambda it: it.ram_total_bytes == 8 and bool(it.notes))
    assert snapshot.notes == (
        "source 0 gives no readings: ZeroDivisionError. It will be tried again.",
    )


def test_a_probe_that_cannot_be_made_costs_its_own_figures_only(watch: Watch) -> None:
    def impossible() -> Probe:
        raise ImportError("libnvidia-ml is from another release")

    snapshots = watch(impossible, Steady)
    snapshot = until(snapshots, lambda it: it.ram_total_bytes == 8 and bool(it.notes))
    assert "libnvidia-ml is from another release" in snapshot.notes[0]


def test_the_first_of_a_row_of_failures_is_the_one_that_is_told(watch: Watch) -> None:
    tries = 0

    def worse() -> Probe:
        nonlocal tries
        tries += 1
        raise OSError("the bus is gone" if tries == 1 else "no such device")

    snapshots = watch(worse)
    until(snapshots, lambda it: tries >= 4)
    snapshots.get(timeout=TIMEOUT)  # the next one is sure to have seen the third failure
    assert "the bus is gone" in snapshots.get(timeout=TIMEOUT).notes[0]


def test_what_was_lost_and_is_not_found_again_is_looked_for_further(watch: Watch) -> None:
    works, gone, missed = threading.Event(), threading.Event(), threading.Semaphore(0)
    works.set()

    def find() -> Probe | None:
        if not gone.is_set():
            return Moody(works)
        missed.release()
        return None

    snapshots = watch(find)
    until(snapshots, lambda it: it.gpu_load == 0.5)
    gone.set()
    works.clear()
    assert missed.acquire(timeout=TIMEOUT)
    assert missed.acquire(timeout=TIMEOUT)
    until(snapshots, lambda it: "the GPU fell off the bus" in "".join(it.notes))
    works.set()
    gone.clear()
    until(snapshots, lambda it: it.gpu_load == 0.5 and not it.notes)


def test_a_probe_that_hangs_loses_its_figures_and_holds_up_nobody(watch: Watch) -> None:
    hanging = Hanging()
    snapshots = watch(Steady, lambda: hanging)
    until(snapshots, lambda it: it.gpu_total_bytes == 80)
    hanging.hang.set()
    until(snapshots, lambda it: it.gpu_total_bytes is None and it.ram_total_bytes == 8)
    noted = until(snapshots, lambda it: any("source 1" in note for note in it.notes))
    assert "doesn't answer" in "".join(noted.notes)
    hanging.let_go.set()
    until(snapshots, lambda it: it.gpu_total_bytes == 80 and not it.notes)


def test_a_listener_that_raises_gets_the_next_snapshot_all_the_same() -> None:
    twice = threading.Semaphore(0)

    def listener(snapshot: Snapshot) -> None:
        twice.release()
        raise RuntimeError("the screen is gone")

    monitor = Monitor(lambda: None, listener, INTERVAL, [Source("steady", Steady)])
    monitor.start()
    assert twice.acquire(timeout=TIMEOUT)
    assert twice.acquire(timeout=TIMEOUT)
    monitor.stop()


def test_a_stopped_monitor_closes_its_probes_and_reports_no_more() -> None:
    probe = Steady()
    snapshots: queue.Queue[Snapshot] = queue.Queue()
    before = set(threading.enumerate())
    monitor = Monitor(lambda: None, snapshots.put, INTERVAL, [Source("steady", lambda: probe)])
    monitor.start()
    threads = set(threading.enumerate()) - before
    snapshots.get(timeout=TIMEOUT)
    monitor.stop()
    monitor.stop()
    for thread in threads:
        thread.join(TIMEOUT)
        assert not thread.is_alive()
    assert probe.closed.is_set()


# ---------------------------------------------------------------------------------- real sources


def test_a_real_machine_tells_of_this_process(watch: Watch) -> None:
    snapshot = until(watch(*SOURCES, pid=os.getpid), lambda it: it.engine_rss_bytes is not None)
    assert snapshot.ram_total_bytes is not None
    assert snapshot.ui_rss_bytes is not None
    assert "host" in snapshot.sources


def test_a_boards_files_give_its_figures_beside_this_processs_own(
    watch: Watch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    orin_nano(tmp_path)
    monkeypatch.setenv(SYSROOT_VARIABLE, str(tmp_path))
    snapshot = until(
        watch(*SOURCES, pid=os.getpid), lambda it: len(it.sources) == 2 and not it.notes
    )
    assert snapshot.sources == ("Jetson", "host")
    assert snapshot.ram_total_bytes == 7_802_880 * 1024
    assert snapshot.shared_memory
    assert snapshot.gpu_load == 0.63
    assert snapshot.engine_rss_bytes is not None


def test_what_a_boards_files_lack_comes_from_tegrastats(
    watch: Watch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alive = tmp_path / "alive"
    os.mkfifo(alive)
    board = nano(tmp_path)
    board.tegrastats(f"#!/bin/sh\nexec 9> {alive}\necho '{ORIN_BUSY}'\nexec sleep 600")
    monkeypatch.setenv(SYSROOT_VARIABLE, str(tmp_path))
    monkeypatch.setattr(tegrastats, "MISSING_S", 0.0)
    threads = set(threading.enumerate())
    snapshots: queue.Queue[Snapshot] = queue.Queue()
    monitor = Monitor(lambda: FAKE_PID, snapshots.put, INTERVAL, SOURCES)
    monitor.start()
    with alive.open() as held:
        snapshot = until(snapshots, lambda it: len(it.sources) == 3)
        assert snapshot.power_w == 12.479
        assert snapshot.gpu_load == 0.421
        assert ("GPU", 36.5) in snapshot.temperatures
        assert snapshot.sources == ("Jetson", "tegrastats", "host")
        monitor.stop()
        held.read()  # returns when the program is dead
    for thread in set(threading.enumerate()) - threads:
        thread.join(TIMEOUT)
