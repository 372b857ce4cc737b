from __future__ import annotations

import pytest
from textual import events
from textual.message import Message

from vlmtui.terminal import bracketed_paste
from vlmtui.terminal.bracketed_paste import PasteParser

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
    monkeypatch.setattr(
        bracketed_paste.ReplyParser, "feed", lambda self, data: pytest.fail("looked at")
    )
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
        assert sum(map(len, parser._pieces)) <= bracketed_paste.MOST_KEPT
    (paste,) = parser.feed(END)
    assert isinstance(paste, events.Paste)
    assert len(paste.text) == bracketed_paste.MOST_KEPT


def in_time(parser: PasteParser, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is seen once nothing has come for a while."""
    later = bracketed_paste.get_time() + 1
    monkeypatch.setattr(bracketed_paste, "get_time", lambda: later)
    return seen([*parser.tick()])


def test_more_than_can_be_typed_is_a_paste(monkeypatch: pytest.MonkeyPatch) -> None:
    parser = PasteParser()
    piece = "word, " * 500
    assert [message for _ in range(3) for message in parser.feed(piece)] == []
    assert list(parser.feed("end")) == []
    assert list(parser.tick()) == []  # more may come
    assert in_time(parser, monkeypatch) == [f"paste {piece * 3 + 'end'!r}"]
    assert seen([*parser.feed("a")]) == ["a"]


def test_enter_at_the_end_of_a_burst_is_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    parser = PasteParser()
    text = "line\r" * 400
    assert list(parser.feed(text)) == []
    assert in_time(parser, monkeypatch) == [f"paste {text[:-1]!r}", "enter"]


def test_lines_that_come_at_once_are_a_paste_and_the_last_enter_is_the_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parser = PasteParser()
    assert list(parser.feed("first line\rsecond line\rthird line\r")) == []
    assert in_time(parser, monkeypatch) == [
        "paste 'first line\\rsecond line\\rthird line'",
        "enter",
    ]


@pytest.mark.parametrize("typed", ["hello there, what is this?\r", "/new\rhi\r", "\r" * 30])
def test_what_is_typed_ahead_is_keys(typed: str) -> None:
    keys = seen([*PasteParser().feed(typed)])
    assert keys.count("enter") == typed.count("\r")


@pytest.mark.parametrize(
    ("rest", "keys"),
    [
        ("\x11", ["ctrl+q"]),
        ("\x1b[A", ["up"]),
        ("\x7fb", ["backspace", "b"]),
        (f"{BEGIN}one{END}", ["paste 'one'"]),
    ],
)
def test_a_burst_ends_with_the_first_other_key(rest: str, keys: list[str]) -> None:
    text = "x" * bracketed_paste.LEAST_BURST
    assert seen([*PasteParser().feed(text + rest)]) == [f"paste {text!r}", *keys]


@pytest.mark.parametrize("key", ["\x1b[A", "\x1b[<35;10;5M", "\x7f"])
def test_many_keys_are_no_text(key: str) -> None:
    count = bracketed_paste.LEAST_BURST
    messages = list(PasteParser().feed(key * count))
    assert len(messages) == count
    assert not any(isinstance(message, events.Paste) for message in messages)


def test_what_can_be_typed_is_keys() -> None:
    text = "x" * (bracketed_paste.LEAST_BURST - 1)
    assert seen([*PasteParser().feed(text)]) == list(text)
