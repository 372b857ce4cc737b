"""Thought and answer told apart in a stream of bytes, however it is cut."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlmtui.engine.backends.llamacpp import thought_markers
from vlmtui.engine.template import ChatTemplate
from vlmtui.engine.thought_split import Markers, ThoughtSplit

TAGS = Markers("<think>", "</think>", "\n</think>\n\n", ("</think>",))
CHANNELS = thought_markers.find(
    ChatTemplate("{# <|channel|>analysis #}{{ messages[0].content }}", bos="", eos=""),
    lambda _: False,
)


def split(markers: Markers, *pieces: bytes, thinking: bool = False) -> tuple[str, str]:
    """Thought and answer of pieces; those in `<|…|>` are special tokens."""
    parted = ThoughtSplit(markers, thinking=thinking, answering=False)
    parts = [parted.feed(piece, special=piece[:2] == b"<|") for piece in pieces]
    parts.append(parted.finish())
    return (
        b"".join(thought for thought, _ in parts).decode(),
        b"".join(answer for _, answer in parts).decode().lstrip(),
    )


@given(st.lists(st.integers(0, 40)))
def test_where_it_is_cut_makes_no_difference(cuts):
    whole = "\n<think>\nä<thi</thin k</think>\n\n€ </think> ok".encode()
    places = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    pieces = [whole[start:end] for start, end in itertools.pairwise(places)]
    assert split(TAGS, *pieces) == ("\nä<thi</thin k", "€ </think> ok")


@pytest.mark.parametrize(
    ("text", "thought", "answer"),
    [
        ("<think>a<think>b</think>c</think>d", "a<think>b", "c</think>d"),
        ("</think>a<think>b", "", "a<think>b"),
        ("<think>a</think> <think>b</think>c", "ab", "c"),
        ("<think></think>a", "", "a"),
        ("<thin a", "", "<thin a"),
        ("<think>a</thin", "a</thin", ""),
        ("  \n", "", ""),
    ],
)
def test_nested_reversed_and_half_markers(text, thought, answer):
    assert split(TAGS, text.encode()) == (thought, answer)
    assert split(TAGS, *(bytes([byte]) for byte in text.encode())) == (thought, answer)


def test_special_tokens_are_markers_and_no_text():
    assert CHANNELS is not None
    said = (b"<|channel|>", b"analysis", b"<|message|>", b"hm", b"<|x|>", b"m", b"<|end|>")
    final = (b"<|start|>", b"assistant", b"<|channel|>", b"final", b"<|message|>", b"red")
    assert split(CHANNELS, *said, *final) == ("hmm", "red")
    assert split(CHANNELS, *final[2:]) == ("", "red")


def test_however_long_a_thought_is_no_more_than_a_marker_of_it_is_looked_at_again():
    parted = ThoughtSplit(TAGS, thinking=True, answering=False)
    untold = 0
    for _ in range(2000):
        thought, _ = parted.feed(b" wo</thi")
        untold += len(b" wo</thi") - len(thought)
        assert 0 < untold < len(TAGS.close)
