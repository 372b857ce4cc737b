"""`vlmtui engine`, and the engine that `vlmtui ask` leaves behind for the next."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.hosts import eventually, host_state, is_gone, shared
from vlmtui.chat import fitting
from vlmtui.doctor import engines
from vlmtui.engine import host_inquiry
from vlmtui.hardware.memory import FreeMemory

__all__ = ["shared"]


def ask(run: Run, shared: Path, *arguments: str, **variables: str) -> dict:
    environment = {"VLMTUI_HOME": str(shared), "VLMTUI_KEEP_ALIVE": "5", **variables}
    words = ("--json", "--temperature", "0", "--max-tokens", "8", *arguments, "What is it?")
    ended = run("ask", *words, env=environment)
    assert ended.code == 0, ended.err
    return json.loads(ended.out)


def engine(run: Run, shared: Path, *arguments: str) -> str:
    ended = run("engine", *arguments, env={"VLMTUI_HOME": str(shared)})
    assert ended.code == 0, ended.err
    return ended.out


def test_the_second_ask_loads_and_encodes_nothing(run: Run, shared: Path, picture) -> None:
    image = str(picture("red circle at left"))
    first = ask(run, shared, "--image", image)
    second = ask(run, shared, "--image", image)
    assert first["stats"]["load_s"] > 0
    assert second["stats"]["load_s"] == 0
    assert second["stats"]["encode_s"] == 0
    assert second["text"] == first["text"]


def test_what_is_kept_is_shown_until_it_is_stopped(run: Run, shared: Path) -> None:
    ask(run, shared)
    shown = engine(run, shared)
    assert shown.splitlines()[1].split()[:2] == ["demo", "ready"]
    (told,) = json.loads(engine(run, shared, "--json"))
    (model,) = told["engines"]
    assert (model["model"], model["clients"], model["answering"]) == ("demo", [], None)
    assert 200 < model["left"] <= 300
    assert model["context_used"] > 0 and model["memory"] > 0
    assert engine(run, shared, "stop") == "Stopped.\n"
    eventually(lambda: is_gone(told["pid"]) and is_gone(model["pid"]))
    assert engine(run, shared) == engine(run, shared, "stop") == "No model is kept loaded.\n"
    assert list((shared / "run").iterdir()) == []


def test_for_ever_and_not_at_all(run: Run, shared: Path) -> None:
    ask(run, shared, "--keep-alive", "0")
    assert engine(run, shared, "--json") == "[]\n"
    ask(run, shared, "--keep-alive", "-1", VLMTUI_KEEP_ALIVE="0")
    assert "until it is stopped" in engine(run, shared)


def test_a_host_that_hangs_is_told_and_can_be_stopped(
    run: Run, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(run, shared)
    state = host_state()
    assert state is not None
    os.kill(state.pid, signal.SIGSTOP)
    monkeypatch.setattr("vlmtui.engine.host_inquiry._LOOK_S", 0.5)
    assert any("doesn't answer" in finding.value for finding in engines.findings())
    assert engine(run, shared, "stop") == "Stopped.\n"
    eventually(lambda: all(is_gone(view.pid) for view in state.engines))


@pytest.mark.parametrize("value", ["soon", "-2", "inf"])
def test_a_time_that_is_none_is_refused(run: Run, shared: Path, value: str) -> None:
    ended = run("ask", "Hello", env={"VLMTUI_HOME": str(shared), "VLMTUI_KEEP_ALIVE": value})
    assert ended.code == 2
    assert "VLMTUI_KEEP_ALIVE" in ended.err


def test_doctor_says_where_no_socket_can_be(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [finding.status for finding in engines.findings()] == ["ok"]
    monkeypatch.setenv("VLMTUI_HOME", str(shared / ("x" * 120)))
    (finding,) = engines.findings()
    assert finding.status == "warn"
    assert "too long" in finding.value


def test_what_is_kept_for_nobody_counts_as_free(
    run: Run, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(run, shared)
    state = host_state()
    assert state is not None
    (view,) = state.engines
    assert host_inquiry.unused_engines() == [view.pid]
    monkeypatch.setattr(
        "vlmtui.hardware.memory.free_memory", lambda pid: FreeMemory(10, 100, held=bool(pid) * 5)
    )
    assert fitting.this_machine().free == 10
    assert fitting.machine_after_eviction().free == 15
    assert fitting.machine_after_eviction(view.pid).free == 15
