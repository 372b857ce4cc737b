"""The installed program while its terminal, its engine and other instances don't behave."""

from __future__ import annotations

import re
import shutil
import signal
from pathlib import Path
from random import Random

import psutil
import pytest

from tests.cli.conftest import PROGRAM as MODULE
from tests.e2e.conftest import answers, has_words, statuses, texts
from tests.e2e.tmux import PROGRAM, Tmux
from tests.terminals import Terminal, children, wait_gone

COMPOSER = "Ask about a picture"
DRAFT = "not yet sent"
PROMPT = r"\$\s*\Z"

needs_tmux = pytest.mark.skipif(
    not (shutil.which("tmux") and PROGRAM.exists()), reason="needs tmux and the installed program"
)


def begin(tmux: Tmux, model: Path, home: Path) -> psutil.Process:
    """The chat in tmux in mid-answer, with something in the composer."""
    tmux.line(f"{PROGRAM} --model {model}")
    tmux.wait_for(COMPOSER)
    tmux.type("Go on and on")
    tmux.press("Enter")
    tmux.wait_until(lambda: has_words(home))
    tmux.type(DRAFT)
    tmux.wait_for(DRAFT)
    return tmux.inside()[0]


def still(screen: str) -> list[str]:
    """What of a screen doesn't change while nothing happens: the chat, without the figures."""
    return [re.sub(r"\d", "0", line[:60]).rstrip() for line in screen.splitlines()]


@needs_tmux
def test_stopped_and_continued_it_paints_itself_again(
    tmux: Tmux, home: Path, slow_model: Path
) -> None:
    chat = begin(tmux, slow_model, home)
    chat.send_signal(signal.SIGTSTP)
    screen = tmux.wait_for("Stopped")
    assert DRAFT not in screen
    tmux.line("clear; stty -a | grep -o ' echo '")
    tmux.wait_for(r"(?m)^ echo")
    tmux.line("fg")
    tmux.wait_for(DRAFT)
    tmux.press("Escape")
    tmux.wait_for("(?i)stopped|ready")
    tmux.type(" and typed")
    tmux.wait_for(f"{DRAFT} and typed")
    tmux.press("C-q")
    tmux.wait_for(PROMPT)
    tmux.line("echo left with $?")
    tmux.wait_for("left with 0")


@needs_tmux
def test_a_storm_of_sizes_leaves_nothing_behind(tmux: Tmux, home: Path, slow_model: Path) -> None:
    chat = begin(tmux, slow_model, home)
    random = Random(3)
    for _ in range(100):
        tmux.resize(random.randint(20, 250), random.randint(5, 70))
    tmux.resize(110, 34)
    tmux.wait_for(DRAFT)

    def stopped() -> bool:
        tmux.press("Escape")  # the first may still meet the word that the terminal is too small
        return statuses(home) == ["cancelled"]

    tmux.wait_until(stopped)
    tmux.wait_for("ready")
    tmux.wait_until(lambda: "Go on and on" in tmux.screen().splitlines()[0])  # all is drawn again
    screen = tmux.settled()
    chat.send_signal(signal.SIGTSTP)
    tmux.wait_for("Stopped")
    tmux.line("fg")
    tmux.wait_for(DRAFT)
    assert still(tmux.settled()) == still(screen)
    tmux.press("C-q")
    assert "Traceback" not in tmux.wait_for(PROMPT)


def test_a_killed_engine_is_told_and_started_again(
    terminals: list[Terminal], home: Path, slow_model: Path
) -> None:
    terminal = Terminal([*MODULE, "--model", slow_model])
    terminals.append(terminal)
    terminal.read_until(COMPOSER)
    for turn in (1, 2):
        before = len(terminal.text)
        terminal.send("Go on and on\r")
        terminal.wait_until(lambda: children(terminal.process.pid) and has_words(home))
        engine = children(terminal.process.pid)
        for process in engine:
            process.kill()
        wait_gone(engine)
        terminal.wait_until(lambda turn=turn: statuses(home) == ["failed"] * turn)
        terminal.wait_until(lambda before=before: "not loaded" in terminal.text[before:])
    assert "killed by the system" in (answers(home)[0].error or "")
    terminal.send("\x11")
    assert terminal.end() == 0
    terminal.assert_clean()


def test_two_at_once_in_one_chat_lose_nothing(
    terminals: list[Terminal], home: Path, slow_model: Path
) -> None:
    one = Terminal([*MODULE, "--model", slow_model])
    terminals.append(one)
    one.read_until(COMPOSER)
    one.send("Go on and on\r")
    one.wait_until(lambda: has_words(home))

    other = Terminal([*MODULE, "--model", slow_model, "--continue"])
    terminals.append(other)
    other.wait_until(lambda: "Go on and on" in other.text)
    other.send("And I ask this\r")
    other.wait_until(lambda: "Next: And I ask this" in other.text)  # it waits for the answer
    one.send("\x1b")

    def both_answer() -> bool:
        one.drain()
        return [len(text.split()) >= 4 for text in texts(home, "assistant")] == [True, True]

    other.wait_until(both_answer)
    for terminal in (one, other):
        terminal.send("\x11")
    for terminal in (one, other):
        assert terminal.end() == 0
        assert "Traceback" not in terminal.text
    logs = sorted(path.name for path in (home / "state").glob("engine-*.log"))
    assert logs == sorted(f"engine-{each.process.pid}.log" for each in (one, other))
    assert texts(home, "user") == ["Go on and on", "And I ask this"]
