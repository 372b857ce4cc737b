"""An answer goes on when its terminal is gone, and whoever opens the chat sees it grow."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest

from tests.cli.conftest import PROGRAM
from tests.e2e.conftest import answers, has_words, settings, statuses
from tests.terminals import TIMEOUT, Terminal, children, wait_gone

COMPOSER = "Ask about a picture"
HUNG_UP = 128 + signal.SIGHUP


def opened(terminals: list[Terminal], *arguments: str | Path, ready: str = COMPOSER) -> Terminal:
    terminal = Terminal([*PROGRAM, *arguments])
    terminals.append(terminal)
    terminal.read_until(ready)
    return terminal


def ask(terminal: Terminal, home: Path) -> None:
    terminal.send("Go on and on\r")
    terminal.wait_until(lambda: has_words(home))


def wait_to_see(terminal: Terminal, home: Path, *, behind: int = 0) -> None:
    """Until words of the answer are drawn that come behind so many characters of it.

    Any of them: a screen that is busy leaves out what has scrolled by meanwhile.
    """
    before = terminal.text

    def seen() -> bool:
        words = re.findall(r"[a-z]{3,}", answers(home)[-1].message.text[behind:])
        return any(word in terminal.text and word not in before for word in words)

    terminal.wait_until(seen)


@pytest.mark.slow
@pytest.mark.parametrize("plain", [False, True])
def test_an_answer_is_finished_when_the_terminal_is_gone(
    terminals: list[Terminal], home: Path, slow_model: Path, plain: bool
) -> None:
    settings(home, "max_tokens = 1500\n")
    arguments = ("--plain",) if plain else ()
    chat = opened(terminals, "--model", slow_model, *arguments, ready="> " if plain else COMPOSER)
    ask(chat, home)
    engine = children(chat.process.pid)
    before = answers(home)[-1].message.text
    chat.hang_up()
    assert chat.process.wait(5 * TIMEOUT) == HUNG_UP
    wait_gone(engine)
    [answer] = answers(home)
    assert answer.status == "complete"
    assert answer.message.text.startswith(before) and answer.message.text != before
    assert answer.stats is not None and answer.stats["finish_reason"] == "length"


@pytest.mark.slow
@pytest.mark.usefixtures("long_answers")
@pytest.mark.parametrize("plain", [False, True])
def test_who_opens_the_chat_sees_it_grow_and_can_stop_it(
    terminals: list[Terminal], home: Path, slow_model: Path, plain: bool
) -> None:
    chat = opened(terminals, "--model", slow_model)
    ask(chat, home)
    chat.hang_up()
    arguments = ("--plain",) if plain else ()
    ready = "still being written" if plain else COMPOSER
    later = opened(terminals, "--model", slow_model, "--continue", *arguments, ready=ready)
    wait_to_see(later, home, behind=len(answers(home)[-1].message.text))
    assert statuses(home) == ["streaming"]
    assert chat.process.poll() is None
    later.send("\x03" if plain else "\x1b")
    later.wait_until(lambda: statuses(home) == ["cancelled"])
    assert chat.process.wait(TIMEOUT) == HUNG_UP
    if plain:
        later.read_until("> ")
    later.send("\x04" if plain else "\x11")
    assert later.end() == 0
    assert statuses(home) == ["cancelled"]


@pytest.mark.slow
@pytest.mark.usefixtures("long_answers")
def test_leaving_what_another_writes_does_not_stop_it(
    terminals: list[Terminal], home: Path, slow_model: Path
) -> None:
    chat = opened(terminals, "--model", slow_model)
    ask(chat, home)
    chat.hang_up()
    later = opened(terminals, "--model", slow_model, "--continue")
    wait_to_see(later, home)
    later.send("\x11")
    assert later.end() == 0
    assert statuses(home) == ["streaming"]
    chat.process.send_signal(signal.SIGTERM)
    assert chat.process.wait(TIMEOUT) in (HUNG_UP, 128 + signal.SIGTERM)
    assert statuses(home) == ["cancelled"]


@pytest.mark.slow
@pytest.mark.parametrize("plain", [False, True])
def test_it_ends_by_itself_when_it_takes_too_long(
    terminals: list[Terminal], home: Path, slow_model: Path, plain: bool
) -> None:
    settings(home, "finish_after_hangup = 0.02\n")
    arguments = ("--plain",) if plain else ()
    chat = opened(terminals, "--model", slow_model, *arguments, ready="> " if plain else COMPOSER)
    ask(chat, home)
    chat.hang_up()
    assert chat.process.wait(TIMEOUT) == HUNG_UP
    assert statuses(home) == ["cancelled"]
