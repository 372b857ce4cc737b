"""SSH over a line that takes less than is drawn: nobody waits for what is on its way."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import answers, drafts, end_of, has_words
from tests.e2e.ssh import Relay, Server, needs_ssh
from tests.e2e.test_endings import stop_after_hangup
from tests.e2e.tmux import Tmux
from tests.terminals import wait_gone

RATE, DELAY = 6_000, 0.15
COMPOSER = "Ask about a picture"
DRAFT = "not yet sent"

pytestmark = [
    needs_ssh,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed"),
]


@pytest.fixture
def line(server: Server) -> Iterator[Relay]:
    relay = Relay(server.port, RATE, DELAY)
    yield relay
    relay.close()


def calm(tmux: Tmux) -> list[str]:
    """The chat on the screen, without figures, once nothing has come for two seconds."""
    seen: list[list[str]] = []

    def same() -> bool:
        seen.append([re.sub(r"\d", "0", row[:60]).rstrip() for row in tmux.screen().splitlines()])
        return seen[-20:] == [seen[-1]] * 20

    tmux.wait_until(same)
    return seen[-1]


@pytest.mark.usefixtures("long_answers")
def test_what_is_typed_in_mid_answer_does_not_queue_up_behind_the_answer(
    tmux: Tmux, server: Server, line: Relay, home: Path, slow_model: Path
) -> None:
    tmux.line(shlex.join(server.command(home, line.port, "--model", slow_model)))
    tmux.wait_for(COMPOSER)
    tmux.type("Go on and on")
    tmux.press("Enter")
    tmux.wait_until(lambda: has_words(home))
    begun = line.passed
    tmux.wait_until(lambda: line.passed > begun + 8 * RATE)
    assert answers(home)[-1].status == "streaming"

    typed = line.passed
    tmux.type(DRAFT)
    tmux.wait_for(DRAFT)
    assert line.passed - typed < 6 * RATE, "it had to wait for what was drawn before"

    tmux.press("Escape")
    tmux.wait_until(lambda: answers(home)[-1].status == "cancelled")
    tmux.wait_for("stopped · ")
    left = calm(tmux)
    tmux.press("C-l")
    assert calm(tmux) == left, "all that was left out while it was busy is drawn at the end"


def test_a_line_that_breaks_in_mid_answer_loses_nothing(
    tmux: Tmux, server: Server, line: Relay, home: Path, slow_model: Path
) -> None:
    stop_after_hangup(home)
    tmux.line(shlex.join(server.command(home, line.port, "--model", slow_model)))
    tmux.wait_for(COMPOSER)
    tmux.type("Go on and on")
    tmux.press("Enter")
    tmux.wait_until(lambda: has_words(home))
    tmux.type(DRAFT)
    tmux.wait_until(lambda: DRAFT in drafts(home))
    running = server.processes()
    line.cut()
    wait_gone(running)
    assert drafts(home) == [DRAFT]
    [answer] = answers(home)
    assert answer.status == "cancelled"

    tmux.line("clear")
    tmux.line(shlex.join(server.command(home, server.port, "--model", slow_model, "--continue")))
    tmux.wait_for(DRAFT)
    tmux.wait_for(end_of(answer))
    assert answers(home) == [answer]
