from __future__ import annotations

import pytest
from textual import events
from textual.message import Message

from vlmtui.terminal import terminal_replies
from vlmtui.terminal.terminal_replies import ReplyParser, TerminalReplied

DEVICE = "\x1b[?63;1;2;4;6c"
NAME = "\x1bP>|XTerm(379)\x1b\\"
KITTY = "\x1b_Gi=31;OK\x1b\\"


def typed(messages: list[Message]) -> list[str]:
    return [message.key for message in messages if isinstance(message, events.Key)]


def replied(messages: list[Message]) -> list[str]:
    return [message.reply for message in messages if isinstance(message, TerminalReplied)]


def test_replies_between_keys_are_taken_out() -> None:
    messages = list(ReplyParser().feed(f"a{DEVICE}\x1b[A{NAME}{KITTY}\x1b[6;17;8tb"))
    assert typed(messages) == ["a", "up", "b"]
    assert replied(messages) == [DEVICE, NAME, KITTY, "\x1b[6;17;8t"]


@pytest.mark.parametrize("reply", [DEVICE, NAME, KITTY])
def test_a_reply_that_arrives_in_two_parts_is_still_one(reply: str) -> None:
    for cut in range(4, len(reply)):
        parser = ReplyParser()
        messages = [*parser.feed("x" + reply[:cut]), *parser.tick(), *parser.feed(reply[cut:])]
        assert (typed(messages), replied(messages)) == (["x"], [reply])


def test_what_only_began_like_a_reply_is_handed_on_in_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr(terminal_replies, "get_time", lambda: now)
    parser = ReplyParser()
    assert list(parser.feed("\x1b[6;")) == []
    assert list(parser.tick()) == []
    now += 2
    list(parser.tick())
    assert typed(list(parser.feed("5~"))) == ["ctrl+pagedown"]


def test_keys_are_not_held_back() -> None:
    parser = ReplyParser()
    assert typed(list(parser.feed("\x1b[6~"))) == ["pagedown"]
    assert typed(list(parser.feed("\x1bOP"))) == ["f1"]
    assert typed(list(parser.feed("é"))) == ["é"]
    assert parser._held == ""
    list(parser.feed("\x1b"))
    assert parser._held == ""


def test_a_mode_report_is_left_to_textual() -> None:
    messages = list(ReplyParser().feed("\x1b[?2026;2$y"))
    assert [type(message).__name__ for message in messages] == [
        "TerminalSupportsSynchronizedOutput"
    ]
