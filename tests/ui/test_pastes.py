from __future__ import annotations

import pytest
from textual import events
from textual.message import Message

from vlmtui.ui import pastes
from vlmtui.ui.pastes import PasteParser

BEGIN, END = "\x1b[200~", "\x1b[201~"


def seen(messages: list[Message]) -> list[str]:
    return [
        f"paste {message.text!r}" if isinstance(message, events.Paste) else message.key
        for message in messages
        if isinstance(message, (events.Paste, events.Key))
    ]


def test_a_paste_between_keys_is_one_thing() -> None:
    messages = list(PasteParser().feed(f"a{BEGIN}one\ntwo{END}b"))
    assert seen(messages) == ["a", "paste 'one\\ntwo'", "b"]


@pytest.mark.parametrize(
    "text", ["\x1b", "\x1b[A", "\x1b[200~", "\x1b[?63;1c", "x\x1b\x1b[20", "\x03"]
)
def test_nothing_in_a_paste_is_a_key_or_a_reply(text: str) -> None:
    messages = list(PasteParser().feed(f"{BEGIN}{text}{END}"))
    assert len(messages) == 1
    assert seen(messages) == [f"paste {text!r}"]


def test_a_paste_may_arrive_in_any_pieces() -> None:
    whole = f"{BEGIN}some \x1b[31mtext{END}"
    for cut in range(3, len(whole)):
        parser = PasteParser()
        messages = [*parser.feed(whole[:cut]), *parser.feed(whole[cut:])]
        assert seen(messages) == ["paste 'some \\x1b[31mtext'"]


def test_keys_are_not_held_back() -> None:
    parser = PasteParser()
    assert seen(list(parser.feed("\x1b[A\x1bOP\x1b[20~é"))) == ["up", "f1", "f9", "é"]
    assert parser._torn == ""
    assert list(parser.feed("\x1b[2")) == []
    assert seen([*parser.tick(), *parser.feed("0~")]) == ["f9"]


def test_a_paste_of_megabytes_is_not_gone_through_letter_by_letter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parser = PasteParser()
    monkeypatch.setattr(pastes.ReplyParser, "feed", lambda self, data: pytest.fail("looked at"))
    piece = "x" * 1_000_000
    assert [message for data in (BEGIN, *[piece] * 3) for message in parser.feed(data)] == []
    (paste,) = parser.feed(END)
    assert isinstance(paste, events.Paste)
    assert len(paste.text) == 3_000_000


def test_of_an_endless_paste_only_a_part_is_kept() -> None:
    parser = PasteParser()
    piece = "x" * 1_000_000
    list(parser.feed(BEGIN))
    for _ in range(30):
        list(parser.feed(piece))
        assert sum(map(len, parser._pieces)) <= pastes.MOST_KEPT
    (paste,) = parser.feed(END)
    assert isinstance(paste, events.Paste)
    assert len(paste.text) == pastes.MOST_KEPT
