"""What of a message is read before it is sent."""

from __future__ import annotations

from vlmtui.compose.mentions import LONG, take_out, worth_reading
from vlmtui.compose.tokens import Tokens
from vlmtui.messages import ImagePart, user

CAT = ImagePart("/x/cat.png", "c" * 64, "cat.png", 64, 48)
DOG = ImagePart("/x/dog.png", "d" * 64, "dog.png", 64, 48)


def read(text: str, tokens: Tokens):
    return worth_reading(text, tokens.find(text))


def test_a_few_words_are_not():
    assert read("What is a cat?", Tokens()) is None


def test_a_picture_is_with_what_stands_before_it():
    tokens = Tokens()
    cat, dog = tokens.of_image(CAT), tokens.of_image(DOG)
    assert read(f"{cat} What is", tokens) == user("", (CAT,))
    assert read(f"Compare {cat} with {dog} please", tokens) == user(
        "Compare  with ", (CAT, DOG), (8, 14)
    )


def test_words_behind_the_last_picture_change_nothing():
    tokens = Tokens()
    text = f"{tokens.of_image(CAT)} "
    assert read(text, tokens) == read(text + "What is it", tokens)


def test_long_texts_are_folded_or_not():
    tokens = Tokens()
    folded = tokens.of_text("word " * LONG)
    assert read(f"{folded} Sum it up", tokens).text.startswith("word word")
    assert read("word " * LONG, Tokens()).text.startswith("word word")


def test_what_is_sent_begins_with_it():
    tokens = Tokens()
    text = f"{tokens.of_image(CAT)} {tokens.of_text('word ' * LONG)}"
    begun = read(text, tokens)
    sent = take_out(text + " and so on", tokens.find(text))
    assert sent.images == begun.images
    assert sent.text.startswith(begun.text)
