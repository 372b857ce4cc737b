"""Fewer threads while others run, all of them again afterwards."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bench import make_model
from vlmtui.engine.backends.llamacpp import model, thread_watch
from vlmtui.engine.backends.llamacpp.backend import LlamaCppBackend
from vlmtui.engine.backends.llamacpp.bindings import cpp
from vlmtui.engine.backends.llamacpp.thread_watch import ThreadWatch, others_running
from vlmtui.engine.cancellation import CancelFlag
from vlmtui.engine.engine_events import Event
from vlmtui.engine.engine_requests import Files, Generate, Load, Sampling
from vlmtui.messages import user


class Machine:
    """Others that run, and a clock."""

    def __init__(self) -> None:
        self.others: float | None = 0.0
        self.now = 0.0
        self.looks = 0

    def look(self) -> float | None:
        self.looks += 1
        return self.others

    def watch(self, most: int, cpus: int) -> ThreadWatch:
        return ThreadWatch(most, cpus, self.look, lambda: self.now, lambda seconds: None)

    def after(self, watch: ThreadWatch, seconds: float) -> int:
        """The threads when so much time has passed in short steps."""
        for _ in range(round(seconds / 0.1)):
            self.now += 0.1
            watch.threads()
        return watch.threads()


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.mark.parametrize(
    ("most", "cpus", "others", "threads"),
    [(2, 2, 0, 2), (2, 2, 1, 1), (2, 2, 4, 1), (6, 6, 2, 4), (4, 8, 2, 4), (4, 8, 6, 2)],
)
def test_there_are_as_many_as_free_processors_and_at_least_one(
    machine: Machine, most: int, cpus: int, others: int, threads: int
) -> None:
    machine.others = others
    watch = machine.watch(most, cpus)
    assert watch.threads() == threads
    assert machine.after(watch, 2) == threads


def test_all_come_back_when_the_others_have_gone(machine: Machine) -> None:
    watch = machine.watch(2, 2)
    machine.others = 3
    assert machine.after(watch, 1) == 1
    machine.others = 0
    assert machine.after(watch, 1) == 2


def test_what_runs_for_a_moment_costs_nothing(machine: Machine) -> None:
    watch = machine.watch(2, 2)
    watch.threads()
    for _ in range(50):  # a screen that draws a fifth of the time
        for others in (1, 0, 0, 0, 0):
            machine.others = others
            machine.now += 0.05
            assert watch.threads() == 2


def test_it_looks_seldom_and_longer_after_a_long_step(machine: Machine) -> None:
    watch = machine.watch(2, 2)
    watch.threads()
    before = machine.looks
    for _ in range(10):
        machine.now += 0.001
        watch.threads()
    assert machine.looks == before
    machine.now += 2
    watch.threads()
    assert machine.looks == before + 5


def test_where_nobody_can_tell_all_are_kept(machine: Machine) -> None:
    machine.others = None
    assert machine.after(machine.watch(2, 2), 1) == 2


@pytest.mark.skipif(others_running() is None, reason="no /proc/loadavg")
def test_a_busy_program_is_seen() -> None:
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(3)]
    try:
        seen = [others_running() or 0.0 for _ in range(2000)]
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()
    assert max(seen) >= 2


def test_the_engine_changes_its_threads_between_tokens_unless_they_were_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model.parameters, "physical_cores", lambda: 2)
    monkeypatch.setattr(model.parameters, "usable_cpus", lambda: 2)
    monkeypatch.setattr(model.parameters, "_SMALL_MODEL_BYTES", 0)
    monkeypatch.setattr(model, "whole_machine", lambda: True)
    monkeypatch.setattr(thread_watch, "_EVERY_S", 0.0)
    others = iter([0.0] * 4)
    monkeypatch.setattr(model, "others_running", lambda: next(others, 3.0))
    set_to: list[int] = []
    original = cpp.llama_set_n_threads

    def counted(context: object, threads: int, batch: int) -> None:
        set_to.append(threads)
        original(context, threads, batch)

    monkeypatch.setattr(cpp, "llama_set_n_threads", counted)
    path = make_model.ensure("slow", tmp_path).model

    def answer(load: Load) -> None:
        backend = LlamaCppBackend()
        try:
            events: list[Event] = []
            backend.load(load, CancelFlag(), events.append)
            asked = Generate((user("Hello"),), Sampling(max_tokens=8))
            backend.generate(asked, CancelFlag(), events.append)
        finally:
            backend.close()

    answer(Load(Files(str(path)), ctx=256))
    assert set_to == [1]
    answer(Load(Files(str(path)), ctx=256, threads=2))
    assert set_to == [1]
