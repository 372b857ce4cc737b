"""The installed program in a real terminal, driven by keys and read from the screen."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.e2e.tmux import PROGRAM, Tmux
from training import scenes

COMPOSER = "Ask about a picture"

pytestmark = [
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed"),
    pytest.mark.skipif(not PROGRAM.exists(), reason="vlmtui is not installed beside this Python"),
]


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
    screen = tmux.wait_for(r"[\d.,]+ tok/s · first token")
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
        "#!/bin/sh\necho the editor has the terminal\nread line\n"
        'echo "$line" >> "$2"\n[ "$line" != broken ]\n'
    )
    editor.chmod(0o700)
    tmux.line(f"TMPDIR={tmp_path} EDITOR='{editor} -w' {PROGRAM}; echo left with $?")
    tmux.wait_for(COMPOSER)
    tmux.type("written here,")
    tmux.wait_for("written here,")
    tmux.press("C-g")
    tmux.wait_for("the editor has the terminal")
    tmux.line(" and there")
    screen = tmux.wait_for("written here, *and there")
    assert "the editor has the terminal" not in screen
    tmux.press("C-g")
    tmux.wait_for("the editor has the terminal")
    tmux.line("broken")
    screen = tmux.wait_for("status")
    assert "and there" in screen and "broken" not in screen
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
