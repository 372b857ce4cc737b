"""What a chat is called."""

from __future__ import annotations

import pytest

from vlmtui.chat.title import MAX_LENGTH, title_of
from vlmtui.messages import ImagePart, user

IMAGE = ImagePart("/x", "a" * 64, "my cat.png", 8, 6)


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("What is this?", "What is this? · my cat.png"),
        ("Describe it.", "Describe it · my cat.png"),
        ("  What\n\n is\tthis?  ", "What is this? · my cat.png"),
        ("\x1b[31mred\x07", "[31mred · my cat.png"),
        (
            "What is in this very long question, and why?",
            "What is in this very long question, and why? · my cat.png",
        ),
        (
            "What is in this even longer question, and why is it?",
            "What is in this even longer question, and why is it?",
        ),
        ("What is my cat.png?", "What is my cat.png?"),
        ("", "my cat.png"),
        ("\x00", "my cat.png"),
    ],
)
def test_a_title_is_the_question_with_its_picture_on_one_line(text: str, title: str) -> None:
    assert title_of(user(text, (IMAGE,))) == title


def test_a_long_question_is_cut_between_words() -> None:
    title = title_of(user("word " * 50))
    assert title.endswith("word…")
    assert len(title) <= MAX_LENGTH


@pytest.mark.parametrize("text", ["x" * 500, "short " + "x" * 500, "是" * 500])
def test_an_endless_word_is_cut_where_it_stands(text: str) -> None:
    assert len(title_of(user(text))) == MAX_LENGTH


def test_a_picture_within_the_question_is_named_once() -> None:
    assert title_of(user("Is  red?", (IMAGE,), (3,))) == "Is [my cat.png] red?"
