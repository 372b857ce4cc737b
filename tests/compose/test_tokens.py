from __future__ import annotations

import msgspec

from vlmtui.compose.tokens import Tokens
from vlmtui.messages import ImagePart, user


def image(name: str, digest: str = "aa") -> ImagePart:
    return ImagePart(f"/pictures/{digest}", digest, name, 640, 480)


def test_a_picture_is_a_token_of_name_and_size() -> None:
    tokens = Tokens()
    cat = image("cat.png")
    assert tokens.of_image(cat) == "[image: cat.png 640x480]"
    (token,) = tokens.find("see [image: cat.png 640x480]!")
    assert (token.start, token.end, token.thing) == (4, 28, cat)
    assert tokens.find("[image: dog.png 640x480]") == []


def test_other_pictures_of_the_same_name_are_told_apart_also_after_a_restart() -> None:
    tokens = Tokens()
    one, two = image("cat.png", "aaaaaaaa"), image("cat.png", "bbbbbbbb")
    text = f"{tokens.of_image(one)} or {tokens.of_image(two)}"
    assert text == "[image: cat.png 640x480] or [image: cat.png 640x480 #bbbbbb]"
    assert tokens.images(text) == (one, two)
    for pictures in ((one, two), (two, one)):
        later = Tokens()
        assert later.adopt(text, pictures) == text
        assert later.images(text) == (one, two)


def test_pictures_without_a_token_come_before_the_text() -> None:
    tokens = Tokens()
    assert tokens.adopt("what?", (image("cat.png"),)) == "[image: cat.png 640x480] what?"


def test_a_name_can_not_bring_control_characters() -> None:
    assert "\x1b" not in Tokens().of_image(image("a\x1b[31m\n.png"))


def test_a_message_is_written_again_as_it_was() -> None:
    tokens = Tokens()
    a, b = image("a.png", "aa"), image("b.png", "bb")
    compared = tokens.of_message(user("compare  with ", (a, b), (8, 14)))
    assert compared == "compare [image: a.png 640x480] with [image: b.png 640x480]"
    assert tokens.of_message(user("what?", (a,))) == "[image: a.png 640x480] what?"


def test_long_texts_are_tokens_too() -> None:
    tokens = Tokens()
    first, second = "a\n" * 5000, "b\n" * 5000
    text = f"{tokens.of_text(first)} and {tokens.of_text(second)}"
    assert text == "[text: 10 kB, 5,001 lines] and [text: 10 kB, 5,001 lines #2]"
    assert tokens.unfold(text) == f"{first} and {second}"


def test_pictures_at_the_start_lead_to_a_command() -> None:
    tokens = Tokens()
    token = tokens.of_image(image("a.png"))
    assert tokens.lead(f"{token} /regen") == len(token) + 1
    assert tokens.lead(f"see {token}") == 0
    assert tokens.lead("") == 0


def test_a_picture_in_a_detail_of_its_own_is_another_token() -> None:
    tokens = Tokens()
    plain = ImagePart("/pictures/cat.png", "c" * 64, "cat.png", 64, 48)
    fine = msgspec.structs.replace(plain, detail="high")
    text = f"{tokens.of_image(plain)} and {tokens.of_image(fine)}"
    assert text == "[image: cat.png 64x48] and [image: cat.png 64x48, high]"
    assert tokens.images(text) == (plain, fine)
    again = Tokens()
    assert again.adopt(text, (plain, fine)) == text
    assert again.images(text) == (plain, fine)
