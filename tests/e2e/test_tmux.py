"""The installed program in a real terminal, driven by keys and read from the screen."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from training import scenes

PROGRAM = Path(sys.executable).with_name("vlmtui")
PATIENCE = 60.0
COMPOSER = "Ask about a picture"

pytestmark = [
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed"),
    pytest.mark.skipif(not PROGRAM.exists(), reason="vlmtui is not installed beside this Python"),
]


class Tmux:
    """A terminal of 110x34 cells in a tmux server of its own."""

    def __init__(self, sockets: str, home: Path) -> None:
        self._environment = {**os.environ, "TMUX_TMPDIR": sockets, "VLMTUI_HOME": str(home)}
        self._environment.pop("TMUX", None)
        self._call("-f", "/dev/null", "new-session", "-d", "-x", "110", "-y", "34", "bash --norc")
        self.line("PS1='$ '; clear")

    def line(self, command: str) -> None:
        """Type a line and Enter."""
        self.type(command)
        self.press("Enter")

    def type(self, text: str) -> None:
        self._call("send-keys", "-l", text)

    def press(self, key: str) -> None:
        self._call("send-keys", key)

    def paste(self, text: str) -> None:
        """Paste as a terminal does, in brackets."""
        self._call("set-buffer", text)
        self._call("paste-buffer", "-p")

    def screen(self) -> str:
        return self._call("capture-pane", "-p")

    def wait_for(self, pattern: str) -> str:
        """The screen, once it shows the pattern."""
        deadline = time.monotonic() + PATIENCE
        while not re.search(pattern, screen := self.screen()):
            if time.monotonic() > deadline:
                raise AssertionError(f"never saw {pattern!r}; the screen:\n{screen}")
            time.sleep(0.1)
        return screen

    def wait_for_buffer(self, text: str) -> None:
        """Wait until the text is what tmux would paste."""
        deadline = time.monotonic() + PATIENCE
        while self._call("show-buffer") != text:
            assert time.monotonic() < deadline, "it never came to the buffer"
            time.sleep(0.1)

    def close(self) -> None:
        self._call("kill-server")

    def _call(self, *arguments: str) -> str:
        done = subprocess.run(
            ["tmux", *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=PATIENCE,
        )
        return done.stdout


@pytest.fixture
def tmux(home: Path) -> Iterator[Tmux]:
    # the path of a socket may have 107 characters at most, and tmp_path can be longer
    with tempfile.TemporaryDirectory(prefix="vt-") as sockets:
        terminal = Tmux(sockets, home)
        yield terminal
        terminal.close()


@pytest.fixture
def black_star(tmp_path: Path) -> Path:
    path = tmp_path / "star.png"
    shapes = (scenes.Shape("star", "black", 4, 0.9),)
    scenes.draw(scenes.Scene(shapes)).save(path)
    return path


@pytest.mark.trained
def test_ask_about_a_picture_leave_and_come_back(tmux: Tmux, black_star: Path) -> None:
    tmux.line(f"{PROGRAM}; echo left with $?")
    tmux.wait_for(COMPOSER)
    tmux.type(f"@{black_star} What color is the star?")
    tmux.wait_for(r"What color is the star\?")
    tmux.press("Enter")
    tmux.wait_for(r"(?i)\bblack\b")
    screen = tmux.wait_for(r"speed +[\d.]+ tok/s")
    assert "star.png" in screen
    tmux.wait_for("ready")
    tmux.press("C-q")
    screen = tmux.wait_for("left with 0")
    assert "Traceback" not in screen
    assert COMPOSER not in screen

    tmux.line(f"clear; {PROGRAM} --continue; echo left again with $?")
    tmux.wait_for(COMPOSER)
    screen = tmux.wait_for(r"(?i)\bblack\b")
    assert "What color is the star?" in screen
    tmux.press("C-q")
    tmux.wait_for("left again with 0")


def test_without_a_model_the_terminal_is_left_as_it_was(tmux: Tmux) -> None:
    tmux.line(f"{PROGRAM} --model /no/such/model.gguf; echo left with $?")
    screen = tmux.wait_for("left with 2")
    assert "There is no model file /no/such/model.gguf" in screen


def test_a_message_is_written_in_an_editor(tmux: Tmux, tmp_path: Path) -> None:
    editor = tmp_path / "editor"
    editor.write_text(
        '#!/bin/sh\necho the editor has the terminal\nread line\necho "$line" >> "$2"\n'
    )
    editor.chmod(0o700)
    tmux.line(f"EDITOR='{editor} -w' {PROGRAM}; echo left with $?")
    tmux.wait_for(COMPOSER)
    tmux.type("written here,")
    tmux.wait_for("written here,")
    tmux.press("C-g")
    tmux.wait_for("the editor has the terminal")
    tmux.line(" and there")
    screen = tmux.wait_for("written here, *and there")
    assert "the editor has the terminal" not in screen
    tmux.press("C-q")
    tmux.wait_for("left with 0")


def test_a_dropped_file_becomes_a_picture(tmux: Tmux, black_star: Path) -> None:
    tmux.line(f"{PROGRAM}; echo left with $?")
    tmux.wait_for(COMPOSER)
    tmux.paste(f"'{black_star}' ")
    tmux.wait_for(r"\[image: star.png \d+x\d+\]")
    tmux.press("C-z")
    tmux.wait_for(r"│ '/")
    tmux.press("C-q")
    tmux.wait_for("left with 0")


def test_a_copied_message_is_in_the_buffer_of_tmux(tmux: Tmux) -> None:
    tmux.line(f"{PROGRAM}; echo left with $?")
    tmux.wait_for(COMPOSER)
    tmux.type("Which shape is that?")
    tmux.press("Enter")
    tmux.wait_for(r"\d+ tokens ·")
    tmux.press("M-Up")
    tmux.wait_for("i.details")  # a space that does not break
    tmux.press("Up")
    tmux.wait_for("e.edit")
    tmux.press("y")
    tmux.wait_for("Copied the question, 20 characters")
    tmux.wait_for_buffer("Which shape is that?")
    tmux.press("Escape")
    tmux.press("C-q")
    tmux.wait_for("left with 0")
