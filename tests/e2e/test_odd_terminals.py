"""Terminals that are not what one expects."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.cli.conftest import PROGRAM
from tests.e2e.fake_kitty import FakeTerminal
from tests.terminals import Terminal


def test_a_locale_without_box_drawing_does_not_spell_it_out(
    terminals: list[Terminal], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "latin-1")
    terminal = Terminal(PROGRAM)
    terminals.append(terminal)
    terminal.read_until("Ask about a picture")
    terminal.read_until("─")
    assert "\\u2500" not in terminal.seen
    terminal.send("\x11")
    assert terminal.end() == 0


def test_a_dumb_terminal_gets_the_plain_chat(home: Path) -> None:
    terminal = FakeTerminal(*PROGRAM, name="", device="1", TERM="dumb", VLMTUI_HOME=str(home))
    try:
        terminal.wait_for(b"/help")
        terminal.type("/quit\n")
        assert terminal.wait_for_end() == 0
        assert b"\x1b" not in terminal.output
    finally:
        terminal.close()


def test_a_size_that_changed_and_changed_back_has_all_drawn_anew(
    terminals: list[Terminal],
) -> None:
    """Two changes in quick succession are one signal, and the size is the one from before."""
    terminal = Terminal(PROGRAM)
    terminals.append(terminal)
    terminal.read_until("Ask about a picture")
    terminal.send("typed")
    terminal.read_until("typed")  # all that the start draws has been drawn
    before = len(terminal.text)
    terminal.process.send_signal(signal.SIGWINCH)
    terminal.wait_until(lambda: "F1" in terminal.text[before:])
    terminal.send("\x11")
    assert terminal.end() == 0
