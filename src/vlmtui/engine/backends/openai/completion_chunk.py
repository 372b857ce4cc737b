"""A piece of a streamed answer, from JSON that any server may have made.

What isn't understood is left out: servers add fields of their own, and some send null, or a number
as a text, where others send nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from vlmtui.engine.backends.openai.server_json import count, mapping, text, unwrapped


class Usage(msgspec.Struct, frozen=True):
    """What the server says it did. None: it doesn't say."""

    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    generated_tokens: int | None = None
    prefill_s: float | None = None
    decode_s: float | None = None
    thought_tokens: int | None = None


class Chunk(msgspec.Struct, frozen=True):
    """A piece of an answer."""

    text: str = ""
    thought: str = ""
    """What the model thinks, where the server keeps it apart."""

    finish: str = ""
    """Why the answer ended: "stop", "length", …; empty while it goes on."""

    usage: Usage | None = None
    trimmed: tuple[int, int] | None = None
    """Messages, and pictures in them, that the server (another vlmtui) left out of the prompt."""

    error: Mapping[str, Any] | None = None
    """What went wrong on the server in mid-stream."""

    completion: str = ""
    """What the server calls the answer; empty where it has no name for it."""


def read(data: bytes) -> Chunk | None:
    """Read the data of an event; None where it is no JSON object."""
    whole = unwrapped(data)
    if whole is None:
        return None
    error = whole.get("error") or (whole if whole.get("object") == "error" else None)  # vLLM's
    if error:
        return Chunk(error=error if isinstance(error, dict) else {"message": str(error)})
    choices = whole.get("choices")
    choice = mapping(choices[0]) if isinstance(choices, list) and choices else {}
    # "message" where the server doesn't stream although it was asked to
    delta = mapping(choice.get("delta") or choice.get("message"))
    return Chunk(
        text=_content_text(delta.get("content")) or text(delta.get("refusal")),
        thought=text(delta.get("reasoning_content")) or text(delta.get("reasoning")),
        finish=text(choice.get("finish_reason")),
        usage=_usage(whole),
        trimmed=_trimmed(mapping(whole.get("trimmed"))),
        completion=text(whole.get("id")),
    )


def _trimmed(left_out: Mapping[str, Any]) -> tuple[int, int] | None:
    dropped = count(left_out.get("messages"))
    return (dropped, count(left_out.get("images")) or 0) if dropped else None


def _content_text(content: object) -> str:
    """The text of a content, which is a text or a list of parts."""
    if isinstance(content, list):
        return "".join(text(part.get("text")) for part in content if isinstance(part, dict))
    return text(content)


def _usage(whole: Mapping[str, Any]) -> Usage | None:
    usage, timings = mapping(whole.get("usage")), mapping(whole.get("timings"))
    if not usage and not timings:
        return None
    details = mapping(usage.get("prompt_tokens_details"))
    cached = count(details.get("cached_tokens"))
    return Usage(
        prompt_tokens=count(usage.get("prompt_tokens")),
        cached_tokens=cached if cached is not None else count(timings.get("cache_n")),
        generated_tokens=count(usage.get("completion_tokens")),
        thought_tokens=count(
            mapping(usage.get("completion_tokens_details")).get("reasoning_tokens")
        ),
        prefill_s=_seconds(timings.get("prompt_ms")),
        decode_s=_seconds(timings.get("predicted_ms")),
    )


def _seconds(milliseconds: object) -> float | None:
    if isinstance(milliseconds, bool) or not isinstance(milliseconds, (int, float)):
        return None
    return milliseconds / 1000 if 0 <= milliseconds < 1e12 else None
