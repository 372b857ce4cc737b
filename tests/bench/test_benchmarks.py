"""Every benchmark runs, and prints figures with a ratio. What the ratio is, tests don't judge."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench import stream

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "command",
    [
        ("followup", "--model", "small", "--threads", "1"),
        ("followup", "--model", "hybrid-small", "--threads", "1"),
        ("ahead", "--model", "small", "--pause", "0.2"),
        ("restart", "--model", "small"),
        ("decode", "--model", "small"),
        ("warm", "--model", "demo", "--threads", "1"),
        ("startup",),
        ("chats", "--chats", "300", "--messages", "100"),
        ("snapshots",),
    ],
    ids=" ".join,
)
def test_prints_figures_as_json(command: tuple[str, ...]) -> None:
    name, *arguments = command
    file = ROOT / "bench" / f"{name}.py"
    done = subprocess.run(
        [sys.executable, str(file), *arguments, "--repeats", "1", "--json"],
        capture_output=True,
        text=True,
        timeout=240,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["ratio"] > 0
    assert figures["repeats"] == 1


def test_the_application_streams_a_scripted_answer_to_be_measured() -> None:
    figures = stream.measure("vlmtui", 200, 100)
    assert "failed" not in figures
    assert figures["cpu_s"] > 0
