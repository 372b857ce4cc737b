"""Copying, for a terminal and through a real tmux."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator

import pytest

from vlmtui.terminal.clipboard import ClipboardApp, give_to_tmux, sequence

needs_tmux = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")


@pytest.fixture
def tmux() -> Iterator[dict[str, str]]:
    """The environment of a program inside a tmux that is set up as by default."""
    with tempfile.TemporaryDirectory() as sockets:
        outside = {**os.environ, "TMUX_TMPDIR": sockets, "TERM": "xterm-256color"}
        outside.pop("TMUX", None)

        def call(*arguments: str) -> str:
            return subprocess.run(
                ["tmux", *arguments],
                env=outside,
                check=True,
                capture_output=True,
                text=True,
                timeout=30,
            ).stdout

        call("-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", "sleep 600")
        where = call("display-message", "-p", "#{socket_path},#{pid},0").strip()
        try:
            yield {**outside, "TMUX": where}
        finally:
            call("kill-server")


def test_a_terminal_is_told_with_osc_52(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {"TERM": "xterm-256color"})
    written = sequence("a\nß")
    assert written.startswith("\x1b]52;c;") and written.endswith("\x07")
    assert base64.b64decode(written[7:-1]).decode() == "a\nß"


def test_for_a_tmux_beyond_ssh_it_is_sent_wrapped_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {"TERM": "tmux-256color"})
    written = sequence("text")
    assert "\x1bPtmux;\x1b\x1b]52;c;" in written
    assert written.endswith("\x1b\\")


@needs_tmux
def test_inside_tmux_the_text_becomes_its_buffer(
    tmux: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "two\nlines, ß and 'quotes'\n" * 5_000
    monkeypatch.setenv("TMUX", tmux["TMUX"])
    assert give_to_tmux(text)
    shown = subprocess.run(
        ["tmux", "show-buffer"], env=tmux, check=True, capture_output=True, text=True, timeout=30
    )
    assert shown.stdout == text


def test_where_there_is_no_tmux_it_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert not give_to_tmux("text")


@needs_tmux
def test_a_tmux_that_is_gone_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMUX", "/nowhere/socket,1,0")
    assert not give_to_tmux("text")


async def test_of_two_texts_at_once_the_last_one_is_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMUX", "/nowhere/socket,1,0")
    copied = []
    monkeypatch.setattr("vlmtui.terminal.clipboard.give_to_tmux", lambda text: copied.append(text))
    app = ClipboardApp()
    async with app.run_test():
        app.copy_to_clipboard("one")
        app.copy_to_clipboard("two")
        await app.workers.wait_for_complete(list(app.workers)[-1:])
    assert copied[-1] == "two"
