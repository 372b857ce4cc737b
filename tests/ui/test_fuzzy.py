from __future__ import annotations

import pytest

from vlmtui.ui.fuzzy import match


def best(query: str, *texts: str) -> str:
    scores = {text: found[0] for text in texts if (found := match(query, text))}
    return max(scores, key=lambda text: scores[text])


def test_the_beginning_of_a_word_goes_before_its_middle_and_that_before_scattered_letters() -> None:
    assert best("the", "/theme", "other", "tahoe") == "/theme"
    assert best("the", "other", "tahoe") == "other"
    assert match("thm", "/theme") is not None


def test_every_word_has_to_be_found_in_any_order() -> None:
    assert match("chat new", "New chat") is not None
    assert match("chat old", "New chat") is None


def test_letters_from_all_over_a_sentence_are_not_found() -> None:
    assert match("xyz", "x and then, much later in this text, y and z") is None


def test_what_was_found_is_told_by_index() -> None:
    found = match("mod", "/model NAME")
    assert found is not None
    assert list(found[1]) == [1, 2, 3]


@pytest.mark.parametrize("query", ["", "  "])
def test_nothing_finds_everything(query: str) -> None:
    assert match(query, "anything") is not None


@pytest.mark.parametrize("query", ["[", "(.*", "İ", "ß"])
def test_odd_characters_are_characters(query: str) -> None:
    assert match(query, f"an {query} here") is not None
    assert match(query, "plain") is None
