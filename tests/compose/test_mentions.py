from __future__ import annotations

from collections.abc import Callable

import pytest

from vlmtui.compose.mentions import Draft, Token, find, pictures, take_out
from vlmtui.messages import ImagePart


def existing(*paths: str) -> Callable[[str], bool]:
    return lambda path: path in paths


def paths(text: str, *there: str) -> list[str]:
    return [mention.path for mention in pictures(text, exists=existing(*there))]


def image(name: str) -> ImagePart:
    return ImagePart(f"/pictures/{name}", name, name, 64, 64)


def sent(text: str, *there: str) -> Draft:
    """What is sent when every mention has become a picture."""
    found = pictures(text, exists=existing(*there))
    tokens = [Token(m.start, m.end, image(m.path.split("/")[-1])) for m in found]
    return take_out(text, tokens)


@pytest.mark.parametrize(
    ("typed", "path"),
    [
        ("@a.png", "a.png"),
        ("look at @a.png please", "a.png"),
        ("line\n@a.png", "a.png"),
        ("(@a.png)", "a.png"),
        ('@"my pictures/a b.png" what?', "my pictures/a b.png"),
        ("@'a b.png'", "a b.png"),
        ("@'it'\\''s.png' what?", "it's.png"),
        ("@a\\ b.png", "a b.png"),
        ('@"never closed.png', "never closed.png"),
        ("what is @a.png?", "a.png"),
        ("@日本語.png", "日本語.png"),
        ("see @newest", "newest"),
        ("@newest:3 which?", "newest:3"),
        ("@shots/*.jpg", "shots/*.jpg"),
        ("is @https://example.org/a?", "https://example.org/a"),
        ('@"https://example.org/a?b=c"', "https://example.org/a?b=c"),
        ("@https://example.org/a.jpg[1,2,30,40]?", "https://example.org/a.jpg[1,2,30,40]"),
        ("(@http://[::1]/a.jpg[50%, 0, 50%, 100%])", "http://[::1]/a.jpg[50%, 0, 50%, 100%]"),
        ("(see @https://example.org/a[1])", "https://example.org/a[1"),
        ("@a.png[1,2,30,40] what?", "a.png[1,2,30,40]"),
        ("is it @a.png[1,2,30,40]?", "a.png[1,2,30,40]"),
        ("(see @a.png[1, 2, 50%, 12.5%])", "a.png[1, 2, 50%, 12.5%]"),
        ('@"my cat.png"[1,2,3,4] what?', "my cat.png[1,2,3,4]"),
        ("@'my cat.png[1,2,3,4]'", "my cat.png[1,2,3,4]"),
        ("@newest[0,0,50%,50%]", "newest[0,0,50%,50%]"),
        ("@shots/*.jpg[0,0,9,9]", "shots/*.jpg[0,0,9,9]"),
    ],
)
def test_a_path_after_an_at_is_found(typed: str, path: str) -> None:
    assert paths(typed) == [path]


@pytest.mark.parametrize(
    "typed", ["me@example.com", "@property", "@app.route('/')", "an @ alone", "\\@a.png", "@"]
)
def test_other_ats_stay_text(typed: str) -> None:
    assert paths(typed) == []
    assert sent(typed) == Draft(typed.replace("\\@", "@"))


def test_a_file_without_a_pictures_name_is_found_when_it_is_there() -> None:
    assert paths("@scan what?", "scan") == ["scan"]
    assert paths("@scan what?") == []


def test_punctuation_belongs_to_the_name_when_such_a_file_exists() -> None:
    assert paths("is it @what?", "what?") == ["what?"]


def test_a_part_with_wrong_numbers_is_still_meant_as_one() -> None:
    assert paths("@a.png[-1,nan,0,1e9]") == ["a.png[-1,nan,0,1e9]"]
    assert paths("@scan[1,2]", "scan") == ["scan[1,2]"]
    assert paths("@scan[a] and @app[0] and @x[1,2,3,4]", "scan") == []


def test_inside_a_token_nothing_is_mentioned() -> None:
    text = "[image: @a.png 1x1] @b.png"
    assert [m.path for m in pictures(text, [Token(0, 19, image("@a.png"))])] == ["b.png"]


@pytest.mark.parametrize(
    ("typed", "text", "places"),
    [
        ("@a.png What is it?", "What is it?", (0,)),
        ("@a.png @b.png Which is red?", "Which is red?", (0, 0)),
        ("Which is red? @a.png @b.png", "Which is red?", (0, 0)),
        ("What is it? @a.png", "What is it?", (0,)),
        ("What is in @a.png?", "What is in a.png?", (0,)),
        ("@a.png", "", (0,)),
        ("Compare @a.png with @dir/b.png", "Compare  with ", (8, 14)),
        (" @a.png and @b.png: equal?", "and : equal?", (0, 4)),
    ],
)
def test_a_picture_stays_in_a_sentence_that_names_several(
    typed: str, text: str, places: tuple[int, ...]
) -> None:
    draft = sent(typed, "a.png", "b.png", "dir/b.png")
    assert (draft.text, draft.places) == (text, places)


def test_a_long_text_is_written_out_and_mentions_nothing() -> None:
    text = "read [text: 9 kB] please"
    assert take_out(text, [Token(5, 17, "@a.png " * 9)]) == Draft(f"read {'@a.png ' * 9} please")


def test_a_mention_says_where_it_stands() -> None:
    (mention,) = find("see @a.png now")
    assert (mention.start, mention.end) == (4, 10)
