"""What msgspec says of a wrong value, as it is told to who wrote the file."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from vlmtui import wrong_values
from vlmtui.settings import Settings


@pytest.mark.parametrize(
    ("given", "key", "what"),
    [
        ({"temperature": -1.0}, "temperature", "expected a number of at least 0.0"),
        ({"model": ""}, "model", "expected text in quotes of a length of at least 1"),
        ({"ctx": "x"}, "ctx", "expected a whole number, got text in quotes"),
        ({"kv": "q9"}, "kv", "'q9' is none of its values"),
        ({"model_dirs": [1]}, "model_dirs[0]", "expected text in quotes, got a whole number"),
        ({"mmproj": 1}, "mmproj", "expected text in quotes, got a whole number"),
        ({"mdoel": "x"}, "", "there is no key `mdoel`"),
    ],
)
def test_a_complaint_is_in_plain_words(given: dict[str, Any], key: str, what: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert(given, Settings)
    assert wrong_values.in_words(str(caught.value)) == (key, what)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"ctx": "x"}', "ctx: expected a whole number, got text in quotes"),
        ('{"mdoel": "x"}', "there is no key `mdoel`"),
        ("{", "Input data was truncated"),
    ],
)
def test_why_json_can_not_be_read_is_said(content: str, words: str) -> None:
    with pytest.raises(msgspec.DecodeError) as caught:
        msgspec.json.decode(content, type=Settings)
    assert wrong_values.why(caught.value) == words
    assert wrong_values.why(RecursionError("maximum")) == "it is nested too deeply"
