"""What a server's refusal means, in a sentence, with what to do about it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from vlmtui import printable
from vlmtui.engine.backends.openai import server_json
from vlmtui.errors import ContextOverflow, EngineError, GenerateFailed

_SEARCHED = 10_000
"""Bytes of a refusal that are searched for the name of a field."""

_SAID = 300
"""Longest part of a server's own words that is shown, in characters."""

_SHORTEST_KEY = 6
"""Characters of a key that is a secret; "none" or "x" are given where a server wants any."""

_TOO_LONG = re.compile(
    r"context (length|size|window)|too (long|many tokens)|maximum.{0,20}(length|tokens)",
    re.IGNORECASE,
)
_ROOM = re.compile(r"(?:n_ctx:|(?:context|maximum)(?!.*n_ctx))\D{0,40}\b(\d{3,8})\b", re.IGNORECASE)
_READ = re.compile(r"length is (\d+) tokens.{0,60}?\b(\d+) (?:in the messages|input tokens)")
"""In vLLM's words and OpenAI's: the size of the context, and what the conversation takes of it."""

_LENGTHS = re.compile(r"\b(\d{3,8})\b")

_OPTIONAL = (
    *("temperature", "top_p", "top_k", "min_p", "repeat_penalty", "repetition_penalty"),
    *("presence_penalty", "frequency_penalty", "seed", "stop", "max_tokens", "stream_options"),
    *("chat_template_kwargs", "thinking_budget_tokens"),
)
"""Fields of a request that an answer can do without."""

_NAMED = re.compile(rf"""["'`]({"|".join(_OPTIONAL)})["'`\\]""")

_PICTURES = re.compile(r"\b(image|vision|multimodal)", re.IGNORECASE)

BUSY = (429, 503)
"""Statuses after which the same may be asked again in a while."""


class Refusal(msgspec.Struct, frozen=True):
    """A status, and what the server said with it."""

    status: int
    text: str
    """Its own words on one line; empty where it has none."""

    context_size: int = 0
    """Tokens that it has room for, where the conversation was too long and it tells; else 0."""

    too_long: bool = False
    """The conversation doesn't fit into its context, or not with an answer of `max_tokens`."""

    answer_room: int = 0
    """Tokens that are left for an answer, where it tells and there are some."""

    retry_after_s: float | None = None
    """When it wants to be asked again."""

    spent: bool = False
    """There is no credit left, so asking again is of no use."""

    field: str = ""
    """What of the request it doesn't take, where an answer can do without: "temperature"."""

    def fits_shorter(self, divisible: bool) -> bool:
        """A shorter answer fits, and is better than a shorter conversation, if one is possible."""
        enough = self.context_size // 4 if divisible else 1
        return self.too_long and self.answer_room >= max(enough, 1)


def read(status: int, content: bytes, headers: Mapping[str, str], key: str) -> Refusal:
    """Read a refusal; its content may be anything, the key that was sent among it."""
    error = _error(content)
    words = _without(key, str(error.get("message") or error.get("detail") or "")).split()
    text = printable.line(" ".join(words), _SAID)
    kind = f"{error.get('type')} {error.get('code')}"
    too_long = status in (400, 413, 500) and (
        "exceed_context" in kind or "context_length" in kind or bool(_TOO_LONG.search(text))
    )
    if status == 400 and "api key" in text.lower():  # Gemini's
        status = 401
    size = error.get("n_ctx")
    if not isinstance(size, int) and too_long:
        # it is named; else what there is room for is less than what was sent
        found = _ROOM.findall(text)[:1] or _LENGTHS.findall(text)
        size = min(map(int, found), default=0)
    taken = _READ.search(text)
    return Refusal(
        status,
        text or _page(_without(key, content.decode(errors="replace")), headers),
        context_size=size if isinstance(size, int) and too_long else 0,
        too_long=too_long,
        answer_room=max(int(taken[1]) - int(taken[2]), 0) if taken else 0,
        retry_after_s=_seconds(headers.get("Retry-After", "") or _delay(error)),
        spent=status == 402 or "insufficient_quota" in kind,
        field="" if too_long or status not in (400, 422) else _field(error, content),
    )


def in_stream(error: Mapping[str, Any], key: str) -> Refusal:
    """Read what came as a piece of an answer; LM Studio refuses all questions so."""
    code = server_json.count(error.get("code")) or 0
    return read(code if 400 <= code < 600 else 500, msgspec.json.encode(error), {}, key)


def _delay(error: Mapping[str, Any]) -> str:
    """When to ask again, as Gemini has it among the details: "32s"."""
    details = error.get("details")
    rows = details if isinstance(details, list) else []
    delays = [each.get("retryDelay") for each in rows if isinstance(each, dict)]
    return next((each.removesuffix("s") for each in delays if isinstance(each, str)), "")


def _field(error: Mapping[str, Any], content: bytes) -> str:
    """The optional field that is refused: OpenAI has it in `param`, others in their words."""
    if error.get("param") in (*_OPTIONAL, "stream"):  # of accounts that aren't verified
        return str(error["param"])
    found = _NAMED.search(content[:_SEARCHED].decode(errors="replace"))
    return found[1] if found else ""


def error(refusal: Refusal, host: str, model: str, *, key: bool) -> EngineError:
    """The error for a refusal that is final; `key` tells whether one was sent."""
    name = printable.line(model, 60)
    if refusal.too_long:
        room = f" of {refusal.context_size:,} tokens" if refusal.context_size else ""
        return ContextOverflow(
            f"The conversation is longer than the context{room} that {host} gives {name}",
            "/new starts another chat; fewer or smaller pictures take less.",
        )
    what, hint = _meaning(refusal, host, name, key=key)
    return _failed(what, refusal, hint)


def form_refused(refusal: Refusal, host: str) -> EngineError:
    """The error where a question was refused that says what the answer must be like."""
    return _failed(
        f"{host} refused the format of the answer",
        refusal,
        "It may not know this form, or allow less in a schema: ask for something simpler, or a "
        "model on this machine.",
    )


def _failed(what: str, refusal: Refusal, hint: str) -> EngineError:
    return GenerateFailed(f"{what}: {refusal.text}" if refusal.text else what, hint)


def _meaning(refusal: Refusal, host: str, name: str, *, key: bool) -> tuple[str, str]:
    match refusal.status:
        case 401 | 403:
            what = "doesn't accept the key it was sent" if key else "needs a key"
            return f"{host} {what}", (
                "Name the variable that holds the key: `vlmtui models add --endpoint URL "
                "--api-key-env NAME`."
            )
        case 404:
            return f"{host} has no model {name} at this address", (
                "`vlmtui models` lists the models that it offers; the address of its interface "
                "often ends in /v1."
            )
        case 413:
            return f"What was sent is too large for {host}", "Attach fewer or smaller pictures."
        case _ if refusal.spent:
            hint = "Check the account there, or choose another model."
            return f"{host} has no credit left for this key", hint
        case 429:
            return f"{host} is busy, or you asked too often", _later(refusal)
        case status if status in (400, 422) or (status >= 500 and _blind(refusal.text)):
            seen = _PICTURES.search(refusal.text)
            hint = "Choose a model that sees pictures, or remove them." if seen else "Rephrase it."
            return f"{host} can't take this question", hint
        case status if status >= 500:
            return f"{host} failed ({status})", _later(refusal)
        case status:
            return f"{host} answered {status}", "Check the address."


def _blind(text: str) -> bool:
    """The model sees no pictures, which Ollama and llama-server call a failure (500)."""
    return bool(_PICTURES.search(text) and re.search("not support|missing", text))


def _later(refusal: Refusal) -> str:
    if refusal.retry_after_s is not None:
        return f"Try again in {refusal.retry_after_s:.0f} s."
    return "Try again later."


def _error(content: bytes) -> Mapping[str, Any]:
    """The object with the server's words: `{"error": {"message": …}}`, and what comes close."""
    whole = server_json.unwrapped(content)
    if whole is None:
        return {}
    error = whole.get("error", whole)
    return error if isinstance(error, dict) else {"message": error}


def _page(text: str, headers: Mapping[str, str]) -> str:
    if "html" in headers.get("Content-Type", "").lower() or text.lstrip()[:1] == "<":
        return "it sent a web page"
    return printable.line(text[:_SAID], _SAID).strip()


def _without(key: str, text: str) -> str:
    """What a server says, in which it may quote the key: errors are shown, and kept with chats."""
    return text.replace(key, "…") if len(key) >= _SHORTEST_KEY else text


def _seconds(text: str) -> float | None:
    try:
        seconds = float(text)
    except ValueError:
        return None  # a date: clocks of boards are often wrong
    return seconds if 0 <= seconds < 1e6 else None
