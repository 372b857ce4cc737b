"""What servers say when they say no, and what the user is told."""

from __future__ import annotations

import json

import pytest

from vlmtui.engine.backends.openai.refusals import error, read
from vlmtui.errors import ContextOverflow


def told(status: int, content: object, *, key: bool = False, **headers: str) -> str:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    found = error(read(status, body, headers, ""), "board:8000", "llava", key=key)
    return f"{found.message} / {found.hint}"


def test_a_missing_key_and_a_wrong_one_are_told_apart() -> None:
    words = {"error": {"message": "Unauthorized"}}
    assert told(401, words).startswith("board:8000 needs a key: Unauthorized")
    assert told(401, words, key=True).startswith("board:8000 doesn't accept the key")


@pytest.mark.parametrize(
    ("status", "start"),
    [
        (403, "board:8000 needs a key"),
        (404, "board:8000 has no model llava at this address"),
        (413, "What was sent is too large for board:8000"),
        (422, "board:8000 can't take this question"),
        (429, "board:8000 is busy, or you asked too often"),
        (500, "board:8000 failed (500)"),
        (503, "board:8000 failed (503)"),
        (302, "board:8000 answered 302"),
    ],
)
def test_each_refusal_is_one_clear_line(status: int, start: str) -> None:
    assert told(status, {"detail": "no"}).startswith(f"{start}: no / ")
    assert "\n" not in told(status, b"a\nb\x1b[2J")
    assert f"{start}: a b / " in told(status, {"message": "a\n\n b\n"})
    assert "\x1b" not in told(status, b"a\nb\x1b[2J")


@pytest.mark.parametrize(
    ("content", "size"),
    [
        (
            {"error": {"type": "exceed_context_size_error", "message": "too long", "n_ctx": 4096}},
            4096,
        ),
        (
            {
                "error": {
                    "code": "context_length_exceeded",
                    "message": "maximum context length is 8192 tokens, you requested 9000",
                }
            },
            8192,
        ),
        (
            [
                {
                    "error": {
                        "code": 400,
                        "message": "input token count 9000 exceeds the maximum "
                        "number of tokens allowed 2048",
                    }
                }
            ],
            2048,
        ),
        (
            {
                "message": "This model's maximum context length is 8192 tokens. However, you "
                "requested 9000 tokens (8488 in the messages, 512 in the completion)."
            },
            8192,
        ),
        ({"message": "too many tokens: 210000 > 200000"}, 200_000),
        (
            {
                "error": "The number of tokens to keep from the initial prompt is greater than the "
                "context length (n_keep: 5000>= n_ctx: 4096). Try to load the model with a larger "
                "context length, or provide a shorter input."
            },
            4096,
        ),
    ],
)
def test_a_conversation_that_is_too_long_is_known_with_the_room_there_is(
    content: object, size: int
) -> None:
    refusal = read(400, json.dumps(content).encode(), {}, "")
    assert (refusal.too_long, refusal.context_size) == (True, size)
    found = error(refusal, "board:8000", "llava", key=False)
    assert isinstance(found, ContextOverflow)
    assert f"{size:,}" in found.message


def test_a_server_without_memory_for_a_context_says_nothing_of_the_conversation() -> None:
    words = {"error": {"message": "failed to create context with model"}}
    assert told(500, words).startswith("board:8000 failed (500): failed to create context")


def test_a_web_page_in_the_place_of_an_answer_is_called_so() -> None:
    assert "it sent a web page" in told(502, b"<html><h1>Bad gateway</h1>")
    assert read(503, b"", {"Retry-After": "7"}, "").retry_after_s == 7.0
    assert (
        read(503, b"", {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, "").retry_after_s is None
    )


@pytest.mark.parametrize(
    ("status", "content", "words"),
    [
        (
            429,
            {"error": {"message": "You exceeded your quota.", "code": "insufficient_quota"}},
            "has no credit left for this key: You exceeded",
        ),
        (402, {"error": {"message": "Insufficient Balance"}}, "has no credit left"),
        (
            400,
            [{"error": {"code": 400, "message": "API key not valid.", "details": 7}}],
            "doesn't accept the key",
        ),
        (400, {"error": "this model does not support image input"}, "that sees pictures"),
        (
            500,
            {
                "error": {
                    "message": "Failed to process inputs: this model is missing data required for "
                    "image input",
                    "type": "api_error",
                }
            },
            "that sees pictures",
        ),
        (500, {"error": "out of memory in the image encoder"}, "Try again later"),
    ],
)
def test_what_hosted_services_say_leads_to_the_right_remedy(
    status: int, content: object, words: str
) -> None:
    assert words in told(status, content, key=True)
    assert read(status, json.dumps(content).encode(), {}, "").spent == ("credit" in words)


def test_geminis_details_tell_when_to_ask_again() -> None:
    details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "32s"}]
    content = [{"error": {"code": 429, "message": "Quota", "details": details}}]
    assert read(429, json.dumps(content).encode(), {}, "").retry_after_s == 32.0


@pytest.mark.parametrize(
    "content",
    [
        b'{"error": {"message": "Incorrect API key provided: Bearer sk-a\\/very-secret."}}',
        b"no such key: sk-a/very-secret",
        b'{"error": "' + b"x" * 150 + b' sk-a/very-secret"}',
    ],
)
def test_a_key_that_the_server_quotes_is_not_told_again(content: bytes) -> None:
    said = read(401, content, {}, "sk-a/very-secret").text
    assert "…" in said
    assert "sk-" not in said
    assert "secret" not in said
    assert read(401, b'{"error": "not x"}', {}, "x").text == "not x"
