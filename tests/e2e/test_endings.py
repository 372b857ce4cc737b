"""How the chat ends in the middle of an answer: by a signal, or with its terminal."""

from __future__ import annotations

import signal
from pathlib import Path

import psutil
import pytest

from tests.cli.conftest import PROGRAM
from tests.e2e.conftest import answers, drafts, end_of, has_words, settings
from tests.terminals import Terminal, children, wait_gone

COMPOSER = "Ask about a picture"
DRAFT = "not yet sent"


class Chat(Terminal):
    """The chat in mid-answer, with something in the composer."""

    def __init__(self, model: Path, home: Path, *, controlling: bool = True) -> None:
        super().__init__([*PROGRAM, "--model", model], controlling=controlling)
        self.read_until(COMPOSER)
        self.send("Go on and on\r")
        self.wait_until(lambda: has_words(home))
        self.send(DRAFT)
        self.wait_until(lambda: DRAFT in drafts(home))
        self.engine = children(self.process.pid)
        assert self.engine


def stop_after_hangup(home: Path) -> None:
    """Have no answer go on without a terminal."""
    settings(home, "finish_after_hangup = 0\n")


def assert_kept(home: Path, status: str = "cancelled") -> None:
    """The answer is on disk as far as it came, and the draft, too."""
    assert drafts(home) == [DRAFT]
    [answer] = answers(home)
    assert answer.status == status
    assert len(answer.message.text.split()) >= 4


def assert_comes_back(terminals: list[Terminal], home: Path, model: Path) -> None:
    """The next start shows the end of the answer, and the draft."""
    before = answers(home)
    terminal = Terminal([*PROGRAM, "--model", model, "--continue"])
    terminals.append(terminal)
    last = end_of(before[-1])
    terminal.wait_until(lambda: DRAFT in terminal.text and last in terminal.text)
    terminal.send("\x11")
    assert terminal.end() == 0
    terminal.assert_clean()
    assert answers(home) == before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_in_mid_answer_loses_nothing(
    terminals: list[Terminal], home: Path, slow_model: Path, number: signal.Signals
) -> None:
    stop_after_hangup(home)
    chat = Chat(slow_model, home)
    terminals.append(chat)
    chat.process.send_signal(number)
    assert chat.end() == 128 + number
    wait_gone(chat.engine)
    chat.assert_clean()
    assert "Traceback" not in chat.seen
    assert_kept(home)
    assert_comes_back(terminals, home, slow_model)


@pytest.mark.parametrize("controlling", [True, False])
def test_a_terminal_that_goes_away_in_mid_answer_takes_nothing_along(
    terminals: list[Terminal], home: Path, slow_model: Path, controlling: bool
) -> None:
    """Not even where nobody sends SIGHUP, since it wasn't the controlling terminal."""
    stop_after_hangup(home)
    chat = Chat(slow_model, home, controlling=controlling)
    terminals.append(chat)
    chat.hang_up()
    assert chat.process.wait(30) == 128 + signal.SIGHUP
    wait_gone(chat.engine)
    assert_kept(home)
    assert_comes_back(terminals, home, slow_model)


def test_a_killed_chat_takes_its_engine_along_and_loses_a_second_at_most(
    terminals: list[Terminal], home: Path, slow_model: Path
) -> None:
    chat = Chat(slow_model, home)
    terminals.append(chat)
    chat.process.kill()
    chat.process.wait()
    wait_gone(chat.engine)
    assert_kept(home, "interrupted")
    assert_comes_back(terminals, home, slow_model)


def test_leaving_in_mid_answer_saves_it(
    terminals: list[Terminal], home: Path, slow_model: Path
) -> None:
    chat = Chat(slow_model, home)
    terminals.append(chat)
    chat.send("\x11")
    assert chat.end() == 0
    wait_gone(chat.engine)
    chat.assert_clean()
    assert "`vlmtui -c` continues “Go on and on”" in chat.text
    assert_kept(home)


def test_bytes_that_are_no_text_do_not_end_the_input(terminals: list[Terminal]) -> None:
    terminal = Terminal(PROGRAM)
    terminals.append(terminal)
    terminal.read_until(COMPOSER)
    terminal.send(b"\xff\xfe\xe9 and \xc3(\x80")
    terminal.send(" ж")
    terminal.read_until("ж")
    terminal.send("\x11")
    assert terminal.end() == 0
    assert "Traceback" not in terminal.seen
    assert "\N{REPLACEMENT CHARACTER}" in terminal.seen


def test_what_is_typed_while_the_chat_starts_stands_in_the_composer(
    terminals: list[Terminal], home: Path
) -> None:
    terminal = Terminal([*PROGRAM])
    terminals.append(terminal)
    terminal.send(DRAFT)
    terminal.wait_until(lambda: drafts(home) == [DRAFT])
    terminal.send("\x11")
    assert terminal.end() == 0


@pytest.mark.parametrize("stop", [signal.SIGTSTP, signal.SIGSTOP])
def test_stopped_and_continued_many_times_in_mid_answer_it_goes_on(
    terminals: list[Terminal], home: Path, slow_model: Path, stop: signal.Signals
) -> None:
    chat = Chat(slow_model, home)
    terminals.append(chat)
    process = psutil.Process(chat.process.pid)
    for _ in range(40):
        chat.process.send_signal(stop)
        chat.wait_until(lambda: process.status() == psutil.STATUS_STOPPED)
        chat.process.send_signal(signal.SIGCONT)
        chat.wait_until(lambda: process.status() != psutil.STATUS_STOPPED)
    chat.drain()
    chat.send(" and typed")
    chat.wait_until(lambda: drafts(home) == [f"{DRAFT} and typed"])
    chat.send("\x11")
    assert chat.end() == 0
    chat.assert_clean()
