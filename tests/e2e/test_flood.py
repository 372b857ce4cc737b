"""More keys at once than the screen can take."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import PROGRAM
from tests.e2e.conftest import texts
from tests.terminals import Terminal, children, wait_gone


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    monkeypatch.setenv("VLMTUI_HOME", str(tmp_path))
    opened = Terminal(PROGRAM)
    yield opened
    opened.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_obeyed_in_a_flood_of_keys(terminal: Terminal, number: signal.Signals) -> None:
    terminal.read_until("Ask about a picture")
    terminal.read_until("ready")
    engine = children(terminal.process.pid)
    for _ in range(40):
        terminal.send("x" * 4000)
    terminal.process.send_signal(number)
    assert terminal.end() == 128 + number
    wait_gone(engine)


def test_a_long_text_that_arrives_as_keys_is_taken_as_a_paste(terminal: Terminal) -> None:
    terminal.read_until("Ask about a picture")
    terminal.read_until("ready")
    for _ in range(40):
        terminal.send("word " * 800)
    terminal.read_until(r"\[text: 160 kB")
    terminal.send("\x11")
    assert terminal.end() == 0


def test_lines_that_arrive_as_keys_are_one_message(terminal: Terminal, tmp_path: Path) -> None:
    terminal.read_until("Ask about a picture")
    terminal.read_until("ready")
    terminal.send("first line\rsecond line\rthird line\r")
    terminal.wait_until(lambda: texts(tmp_path, "user"))
    terminal.send("\x11")
    assert terminal.end() == 0
    assert texts(tmp_path, "user") == ["first line\nsecond line\nthird line"]
