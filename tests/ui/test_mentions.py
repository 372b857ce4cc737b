from __future__ import annotations

import pytest

from vlmtui.ui.mentions import Draft, find, take_out


def existing(*paths: str):
    return lambda path: path in paths


@pytest.mark.parametrize(
    ("typed", "path"),
    [
        ("@a.png", "a.png"),
        ("look at @a.png please", "a.png"),
        ("line\n@a.png", "a.png"),
        ("(@a.png)", "a.png"),
        ('@"my pictures/a b.png" what?', "my pictures/a b.png"),
        ("@'a b.png'", "a b.png"),
        ("@a\\ b.png", "a b.png"),
        ('@"never closed.png', "never closed.png"),
        ("what is @a.png?", "a.png"),
        ("@日本語.png", "日本語.png"),
    ],
)
def test_a_path_after_an_at_is_found(typed: str, path: str) -> None:
    assert take_out(typed, existing()).paths == (path,)


@pytest.mark.parametrize(
    "typed", ["me@example.com", "@property", "@app.route('/')", "an @ alone", "\\@a.png", "@"]
)
def test_other_ats_stay_text(typed: str) -> None:
    assert take_out(typed, existing()) == Draft(typed.replace("\\@", "@"), ())


def test_a_file_without_a_pictures_name_is_found_when_it_is_there() -> None:
    assert take_out("@scan what?", existing("scan")).paths == ("scan",)
    assert take_out("@scan what?", existing()).paths == ()


def test_punctuation_belongs_to_the_name_when_such_a_file_exists() -> None:
    assert take_out("is it @what?", existing("what?")).paths == ("what?",)


def test_home_is_expanded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert take_out("@~/a.png", existing()).paths == ("/home/me/a.png",)


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("@a.png What is it?", "What is it?"),
        ("@a.png @b.png Which is red?", "Which is red?"),
        ("What is it? @a.png", "What is it?"),
        ("Compare @a.png with @dir/b.png", "Compare a.png with b.png"),
        ("What is in @a.png?", "What is in a.png?"),
        ("@a.png", ""),
    ],
)
def test_the_sentence_still_reads_without_its_paths(typed: str, text: str) -> None:
    assert take_out(typed, existing("a.png", "b.png", "dir/b.png")).text == text


def test_a_mention_says_where_it_stands() -> None:
    (mention,) = find("see @a.png now")
    assert (mention.start, mention.end) == (4, 10)
