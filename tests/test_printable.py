from __future__ import annotations

import pytest

from vlmtui.printable import ProseStream, line, prose


def test_an_escape_sequence_becomes_visible_text() -> None:
    assert prose("\x1b]0;owned\x07\x1b[31mred") == "␛]0;owned␇␛[31mred"


@pytest.mark.parametrize("code", [*range(0x20), *range(0x7F, 0xA0)])
def test_no_control_character_passes(code: int) -> None:
    kept = {"\n", "\t"}
    assert not [c for c in prose(chr(code)) if not c.isprintable() and c not in kept]
    assert line(chr(code)).isprintable() or chr(code) == "\t"


def test_line_ends_of_all_kinds_are_one_kind() -> None:
    assert prose("a\r\nb\rc\u2028d\x85e\x0bf") == "a\nb\nc\nd\ne\nf"


def test_text_can_not_be_reordered() -> None:
    assert line("photo\u202egnp.exe") == "photo‹202E›gnp.exe"


def test_an_undecodable_file_name_can_be_written_to_a_terminal() -> None:
    assert line("caf\udce9.png").encode() == "caf\ufffd.png".encode()


def test_a_name_stays_on_one_line() -> None:
    assert line("a\nb\u2029c") == "a␊b␊c"


def test_a_long_name_loses_its_middle() -> None:
    assert line("a-very-long-name.png", 11) == "a-ver…e.png"
    assert line("short.png", 11) == "short.png"


def test_wide_and_combining_characters_and_emoji_stay() -> None:
    text = "日本語 é e\u0301 👩‍🚀 ﷺ"
    assert prose(text) == text


def test_a_line_end_split_between_two_pieces_is_one_line_end() -> None:
    stream = ProseStream()
    assert [stream.feed(piece) for piece in ("a\r", "\nb", "\r", "c")] == ["a", "\nb", "", "\nc"]
