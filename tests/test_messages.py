from __future__ import annotations

from vlmtui.messages import ImagePart, TextPart, placed, readable, user


def picture(name: str) -> ImagePart:
    return ImagePart(f"/pictures/{name}", name, name, 64, 64)


A, B = picture("a.png"), picture("b.png")


def test_pictures_without_a_place_stand_before_the_text() -> None:
    assert user("what?", (A, B)).parts == (A, B, TextPart("what?"))
    assert user("", (A,)).parts == (A,)


def test_pictures_stand_where_they_were_put() -> None:
    message = user("compare  with ", (A, B), (8, 14))
    assert message.parts == (TextPart("compare "), A, TextPart(" with "), B)
    assert message.text == "compare  with "
    assert placed(message) == [(8, A), (14, B)]


def test_a_person_reads_the_names_of_pictures_inside_a_sentence() -> None:
    assert readable(user("compare  with ", (A, B), (8, 14))) == "compare [a.png] with [b.png]"
    assert readable(user("or  ?", (A, B), (0, 3))) == "[a.png] or [b.png] ?"
    assert readable(user("compare  please", (A, B), (8, 8))) == "compare [a.png] [b.png] please"
    assert readable(user("what?", (A,))) == "what?"
