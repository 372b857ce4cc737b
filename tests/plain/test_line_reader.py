"""Lines that are typed: what is left when one has ended."""

from __future__ import annotations

import io
import os
import pty
import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from vlmtui.errors import InputError
from vlmtui.plain import line_reader
from vlmtui.plain.line_reader import LineReader


def _pipes() -> set[str]:
    """The pipes that this process has open, as the kernel calls them."""
    found = set()
    for file in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # closed meanwhile
            found.add(os.readlink(file))
    return {name for name in found if name.startswith("pipe:")}


def test_ctrl_c_in_the_clean_up_of_a_line_leaves_no_pipe_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(thread: threading.Thread) -> None:
        raise KeyboardInterrupt

    before = _pipes()
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(threading.Thread, "join", interrupted)
        with LineReader()._looked_at():
            assert len(_pipes() - before) == 1
    assert signal.set_wakeup_fd(-1) == -1
    deadline = time.monotonic() + 60
    while _pipes() - before:
        assert time.monotonic() < deadline, "the pipe is still open"
        time.sleep(0.01)


def test_a_line_that_the_end_of_its_terminal_ends_was_not_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    typed = iter(("all of it", "begun\\", "half a line"))
    ours, theirs = pty.openpty()

    def ended(prompt: str) -> str:
        if prompt == "... ":
            os.close(ours)
        return next(typed)

    monkeypatch.setattr("builtins.input", ended)
    with open(theirs) as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)
        lines = LineReader()
        monkeypatch.setattr(lines, "_edited", True)
        assert (lines.read("> "), lines.pending) == ("all of it", "")
        assert (lines.read("> "), lines.pending) == (None, "begun\nhalf a line")


def test_a_line_that_readline_throws_away_with_its_terminal_stays_as_it_was_typed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines = LineReader()
    lines.pending, lines.typed = "half a line", pytest.fail
    came, told = os.pipe()

    def thrown_away() -> str:
        os.close(told)  # nothing is looked at any more
        return ""

    ours, theirs = pty.openpty()
    os.close(ours)
    monkeypatch.setattr(line_reader, "_LOOK_SECONDS", 0)
    monkeypatch.setattr("readline.get_line_buffer", thrown_away)
    with open(theirs) as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)
        lines._look(came, threading.get_ident())
    assert lines.pending == "half a line"


@pytest.mark.parametrize("text", ["x" * 40, "xyz\\\n" * 9], ids=["one", "continued"])
def test_a_line_without_an_end_is_refused_before_it_fills_the_memory(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    endless = io.StringIO(text)
    monkeypatch.setattr("sys.stdin", endless)
    monkeypatch.setattr(line_reader, "_LONGEST", 20)
    with pytest.raises(InputError, match="longer than 20 characters"):
        LineReader().read("> ")
    assert endless.tell() < len(text)
