"""Server-sent events, however a network cuts them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlmtui.engine.backends.openai.event_stream import MOST_BYTES, BadStream, events

DATA = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\n")), max_size=6)


@given(DATA, st.sampled_from(["\n", "\r", "\r\n"]), st.lists(st.integers(0, 40)), st.booleans())
def test_events_are_the_same_however_the_stream_is_cut(
    data: list[str], end: str, cuts: list[int], comments: bool
) -> None:
    text = "".join(
        f"{': keep alive' + end if comments else ''}id: 7{end}data: {each}{end}{end}"
        for each in data
    )
    stream = text.encode()
    pieces, at = [], 0
    for cut in cuts:
        pieces.append(stream[at : at + cut])
        at += cut
    pieces.append(stream[at:])
    assert list(events(pieces)) == [each.encode() for each in data]


def test_lines_of_an_event_are_joined_and_a_last_one_without_an_end_is_left_out() -> None:
    assert list(events([b"data: a\ndata:b\n\ndata: half"])) == [b"a\nb"]
    assert list(events([b"data: whole line\n"])) == []


def test_a_byte_order_mark_costs_no_event() -> None:
    assert list(events(["\ufeffdata: a\n\n".encode(), b"data: b\n\n"])) == [b"a", b"b"]


def test_an_empty_line_behind_a_cr_lf_that_was_cut_in_two_ends_an_event() -> None:
    assert list(events([b"data: a\r", b"\n", b"", b"\ndata: b\n\n"])) == [b"a", b"b"]


@pytest.mark.parametrize("piece", [b"x" * 65536, b"data: " + b"x" * 60000 + b"\n"])
def test_what_has_no_end_is_given_up(piece: bytes) -> None:
    def forever() -> Iterator[bytes]:
        while True:
            yield piece

    with pytest.raises(BadStream, match="without end"):
        list(events(forever()))
    assert len(piece) < MOST_BYTES
