"""Pieces of answers as servers send them, and as they shouldn't."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlmtui.engine.backends.openai.completion_chunk import Chunk, Usage, read

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
KEYS = ["choices", "delta", "content", "usage", "timings", "error", "finish_reason", "message"]


def chunk(**delta: Any) -> bytes:
    return json.dumps({"choices": [{"delta": delta, "finish_reason": None}]}).encode()


def test_words_and_thoughts_are_told_apart_by_either_name() -> None:
    assert read(chunk(content="Hi")) == Chunk(text="Hi")
    assert read(chunk(reasoning_content="Hm")) == Chunk(thought="Hm")
    assert read(chunk(reasoning="Hm", content=None)) == Chunk(thought="Hm")
    assert read(chunk(content=[{"type": "text", "text": "a"}, {"text": "b"}])) == Chunk(text="ab")


def test_the_end_has_its_reason_and_what_it_took() -> None:
    end = {
        "choices": [{"delta": {}, "finish_reason": "length"}],
        "usage": {
            "prompt_tokens": 90,
            "completion_tokens": 12,
            "prompt_tokens_details": {"cached_tokens": 64},
        },
        "timings": {"prompt_ms": 250.0, "predicted_ms": 1500, "cache_n": 3},
    }
    assert read(json.dumps(end).encode()) == Chunk(
        finish="length", usage=Usage(90, 64, 12, 0.25, 1.5)
    )


@pytest.mark.parametrize("error", ["it fell over", {"message": "it fell over", "code": 500}])
def test_an_error_in_mid_stream_is_told(error: object) -> None:
    found = read(json.dumps({"error": error}).encode())
    assert found is not None
    assert found.error is not None
    assert found.error["message"] == "it fell over"


@given(st.dictionaries(st.sampled_from(KEYS), JSON) | JSON)
def test_nothing_that_is_json_breaks_it(value: object) -> None:
    read(json.dumps(value).encode())


@given(st.recursive(st.sampled_from([None, 1, "x", True]), lambda x: st.lists(x, max_size=2)))
def test_nor_does_anything_in_the_places_that_count(value: object) -> None:
    for shape in (
        {"choices": value},
        {"choices": [value]},
        {"choices": [{"delta": value, "finish_reason": value}]},
        {"choices": [{"delta": {"content": value, "reasoning": value}}]},
        {"usage": value, "timings": value},
        {"usage": {"prompt_tokens": value, "prompt_tokens_details": value}},
        {"timings": {"prompt_ms": value}},
    ):
        read(json.dumps(shape).encode())


def test_what_is_no_json_is_nothing() -> None:
    assert read(b"<html>") is None
    assert read(b"[" * 100_000) is None
    assert read(b"\xff\xfe") is None
