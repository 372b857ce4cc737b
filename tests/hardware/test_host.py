"""The figures of the real machine that runs the test."""

from __future__ import annotations

import os

from tests.fakes import FAKE_PID
from tests.processes import child
from vlmtui.hardware.base import Readings
from vlmtui.hardware.host import HostProbe

HOLD = "import sys; held = bytearray(50_000_000); print('held', flush=True); sys.stdin.readline()"


def test_a_machine_has_memory_and_a_processor() -> None:
    probe = HostProbe()
    readings = probe.read(None, Readings())
    assert 0 < readings["ram_available_bytes"] <= readings["ram_total_bytes"]
    assert 0 < readings["ui_rss_bytes"] < readings["ram_total_bytes"]
    assert "engine_rss_bytes" not in readings


def test_the_processors_load_is_told_once_there_is_a_span_to_measure() -> None:
    probe = HostProbe()
    assert probe.read(None, Readings()).keys().isdisjoint({"cpu_load", "cpu_core_loads"})
    readings = probe.read(None, Readings())
    assert 0 <= readings["cpu_load"] <= 1
    assert len(readings["cpu_core_loads"]) > 0
    assert all(load is not None and 0 <= load <= 1 for load in readings["cpu_core_loads"])


def test_the_engines_memory_is_its_own_and_is_gone_with_it() -> None:
    probe = HostProbe()
    with child(HOLD) as engine:
        engine.read()
        assert probe.read(engine.pid, Readings())["engine_rss_bytes"] > 50_000_000
        engine.kill()
        assert "engine_rss_bytes" not in probe.read(engine.pid, Readings())
    assert "engine_rss_bytes" not in probe.read(FAKE_PID, Readings())
    assert probe.read(os.getpid(), Readings())["engine_rss_bytes"] > 0
