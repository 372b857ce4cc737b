"""What a client is told: an answer, its pieces, the model, errors, in the protocol's JSON.

Beside what OpenAI has, an answer carries llama-server's `timings`, and `trimmed` where the oldest
messages had to be left out.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from typing import Any

import msgspec

from vlmtui.engine.engine_events import Finished, FinishReason, ModelInfo, Stats, Trimmed
from vlmtui.errors import EngineCrashed, EngineError, VlmtuiError
from vlmtui.serve.tool_calls import Call

Json = dict[str, Any]

_REASONS: dict[FinishReason, str] = {"length": "length", "context": "length"}


class Completion:
    """One answer, as JSON."""

    def __init__(self, model: str, *, stream: bool) -> None:
        self._head = {
            "id": f"chatcmpl-{secrets.token_hex(12)}",
            "object": "chat.completion.chunk" if stream else "chat.completion",
            "created": int(time.time()),
            "model": model,
        }
        self.trimmed: Trimmed | None = None

    def piece(self, delta: Json, reason: str | None = None) -> Json:
        return {**self._head, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}

    def calling(self, calls: Sequence[Call]) -> Json:
        return self.piece({"tool_calls": [{"index": n, **_json(c)} for n, c in enumerate(calls)]})

    def last_pieces(self, finished: Finished, *, calls: bool, usage: bool) -> list[Json]:
        """What ends a stream, in which there were calls of tools or not."""
        reason = _reason(finished, calls=calls)
        last = {**self.piece({}, reason), **self._costs(finished.stats)}
        if not usage:
            return [last]
        return [last, {**self._head, "choices": [], "usage": usage_of(finished.stats)}]

    def whole(self, text: str, thought: str, calls: Sequence[Call], finished: Finished) -> Json:
        """The answer in one, and what was thought before it."""
        message: Json = {"role": "assistant", "content": text}
        if thought:
            message["reasoning_content"] = thought
        if calls:
            message |= {"content": text or None, "tool_calls": [_json(call) for call in calls]}
        reason = _reason(finished, calls=bool(calls))
        choice = {"index": 0, "message": message, "finish_reason": reason}
        stats = finished.stats
        return {**self._head, "choices": [choice], "usage": usage_of(stats), **self._costs(stats)}

    def _costs(self, stats: Stats) -> Json:
        read = stats.prompt_tokens - stats.reused_tokens
        fields: Json = {
            "timings": {
                "cache_n": stats.reused_tokens,
                "prompt_n": read,
                "prompt_ms": round((stats.encode_s + stats.prefill_s) * 1000, 3),
                "predicted_n": stats.generated_tokens,
                "predicted_ms": round(stats.decode_s * 1000, 3),
                "predicted_per_second": round(stats.decode_tokens_per_s, 3),
            }
        }
        if self.trimmed is not None:
            fields["trimmed"] = {"messages": self.trimmed.dropped, "images": self.trimmed.images}
        return fields


def _reason(finished: Finished, *, calls: bool) -> str:
    """Why an answer ended, in which there were calls of tools or not."""
    return "tool_calls" if calls else _REASONS.get(finished.reason, "stop")


def _json(call: Call) -> Json:
    return {"id": call.id, "type": call.type, "function": msgspec.structs.asdict(call.function)}


def usage_of(stats: Stats) -> Json:
    """The tokens of an answer."""
    return {
        "prompt_tokens": stats.prompt_tokens,
        "completion_tokens": stats.generated_tokens,
        "total_tokens": stats.prompt_tokens + stats.generated_tokens,
        "prompt_tokens_details": {"cached_tokens": stats.reused_tokens},
        "completion_tokens_details": {"reasoning_tokens": stats.thought_tokens},
    }


def models(info: ModelInfo, since: int) -> Json:
    """The list of models, which is one."""
    row: Json = {
        "id": info.name,
        "object": "model",
        "created": since,
        "owned_by": "vlmtui",
        "modalities": {"vision": info.vision},
        "meta": {
            "n_ctx": info.context_size,
            "n_ctx_train": info.context_trained,
            "n_params": info.parameters,
            "size": info.size_bytes,
        },
    }
    return {"object": "list", "data": [row]}


def error(status: int, message: str, code: str, param: str | None = None) -> Json:
    """What went wrong, and with which field of the request."""
    kind = "server_error" if status >= 500 else "invalid_request_error"
    return {"error": {"message": message, "type": kind, "param": param or None, "code": code}}


def words_of(failure: VlmtuiError) -> str:
    """An error for a client: no hint of the engine's, which is for who runs the server."""
    if isinstance(failure, EngineCrashed):
        return "The engine died while it was answering; the next request starts it again"
    hint = "" if isinstance(failure, EngineError) else failure.hint
    return f"{failure.message}. {hint}".strip().removesuffix(".") + "."
