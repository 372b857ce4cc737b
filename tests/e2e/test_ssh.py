"""A lost SSH connection in the middle of an answer, and coming back to it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.e2e.conftest import answers, drafts, end_of, has_words
from tests.e2e.ssh import Server, needs_ssh
from tests.e2e.test_endings import stop_after_hangup
from tests.terminals import TIMEOUT, Terminal, wait_gone

DRAFT = "not yet sent"

pytestmark = needs_ssh


@pytest.mark.parametrize("cut", ["the client is killed", "the server's end is killed"])
def test_a_lost_connection_in_mid_answer_loses_nothing(
    terminals: list[Terminal], server: Server, home: Path, slow_model: Path, cut: str
) -> None:
    stop_after_hangup(home)
    here = server.login(home, "--model", slow_model)
    terminals.append(here)
    here.read_until("Ask about a picture")
    here.send("Go on and on\r")
    here.wait_until(lambda: has_words(home))
    here.send(DRAFT)
    here.wait_until(lambda: DRAFT in drafts(home))
    running = server.processes()
    assert sum("vlmtui" in " ".join(process.cmdline()) for process in running) >= 2, "and an engine"
    if cut == "the client is killed":
        here.process.kill()
    else:
        for process in running:
            if process.name().startswith("sshd"):
                os.kill(process.pid, 9)
    here.process.wait(TIMEOUT)
    wait_gone(running)

    assert drafts(home) == [DRAFT]
    [answer] = answers(home)
    assert answer.status == "cancelled"
    last = end_of(answer)

    again = server.login(home, "--model", slow_model, "--continue")
    terminals.append(again)
    again.wait_until(lambda: DRAFT in again.text and last in again.text)
    again.send("\x11")
    assert again.end() == 0
    assert answers(home) == [answer]
