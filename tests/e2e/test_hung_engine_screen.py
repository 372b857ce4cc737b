"""The engine's process is stopped in mid-answer: who presses Esc again gets the chat back."""

from __future__ import annotations

import time
from pathlib import Path

from tests.cli.conftest import PROGRAM
from tests.e2e.conftest import answers
from tests.e2e.test_endings import Chat
from tests.terminals import Terminal, children, wait_gone


def test_esc_again_ends_the_engine_and_the_next_question_has_another(
    terminals: list[Terminal], home: Path, slow_model: Path
) -> None:
    chat = Chat(slow_model, home)
    terminals.append(chat)
    for process in chat.engine:
        process.suspend()
    chat.wait_until(lambda: "no sign of life" in chat.text)
    chat.repeat_until_true(
        lambda: chat.send("\x1b"), lambda: answers(home)[-1].status == "cancelled"
    )
    wait_gone(chat.engine)
    chat.wait_until(lambda: chat.text.rfind("● ready") > chat.text.rfind("● stopping"))
    time.sleep(0.5)  # as a person's hand takes: Esc and Enter at once are Alt+Enter
    chat.send("\r")  # the draft
    chat.wait_until(lambda: len(answers(home)) == 2 and answers(home)[-1].message.text)
    chat.send("\x11")
    assert chat.end() == 0
    chat.assert_clean()


def test_leaving_does_not_wait_for_it(
    terminals: list[Terminal], home: Path, slow_model: Path
) -> None:
    chat = Chat(slow_model, home)
    terminals.append(chat)
    for process in chat.engine:
        process.suspend()
    chat.send("\x11")
    assert chat.end() == 0
    wait_gone(chat.engine)
    assert answers(home)[-1].status == "cancelled"


def test_ctrl_c_again_does_so_line_by_line(
    terminals: list[Terminal], home: Path, slow_model: Path
) -> None:
    plain = Terminal([*PROGRAM, "--plain", "--model", slow_model])
    terminals.append(plain)
    plain.read_until("> ")
    plain.send("Go on and on\n")
    plain.wait_until(lambda: answers(home) and answers(home)[-1].message.text)
    engine = children(plain.process.pid)
    for process in engine:
        process.suspend()
    plain.repeat_until_true(
        lambda: plain.send("\x03"), lambda: answers(home)[-1].status == "cancelled"
    )
    wait_gone(engine)
    plain.drain()
    # the line that is read next may not be there yet
    assert plain.repeat_to_the_end(lambda: plain.send("\x04")) in (0, 130)
