"""What a server says of itself and its models, as far as it says anything.

Every server lists its models at `/models`; what else it tells differs. Whatever isn't understood is
left out: what isn't known is learnt from the first answer, or never.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec

from vlmtui.engine.backends.openai.server_json import count, mapping

Kind = Literal["llama-server", "vllm", "ollama", "vlmtui", "other"]

Get = Callable[[str], Any]
"""What a path of the server answers, as JSON; None where it has none. Raises what `net` does."""

_OWNERS: dict[str, Kind] = {
    "llamacpp": "llama-server",
    "vllm": "vllm",
    "library": "ollama",
    "vlmtui": "vlmtui",
}


class ServerFacts(msgspec.Struct, frozen=True):
    """A server, with regard to one of its models."""

    kind: Kind = "other"
    models: tuple[str, ...] = ()
    context_size: int = 0
    """Tokens; 0: it doesn't say."""

    parameters: int = 0
    size_bytes: int = 0
    sees: bool = True
    """It takes pictures; so where it doesn't say."""

    @property
    def samples_more(self) -> bool:
        """It takes top_k, min_p and a penalty of repetition."""
        return self.kind in ("llama-server", "vllm", "vlmtui")

    @property
    def thinks_when_told(self) -> bool:
        """It heeds whether a model shall think."""
        return self.samples_more or self.kind == "ollama"

    @property
    def resumes(self) -> bool:
        """It may keep a streamed answer after a connection broke."""
        return self.kind == "llama-server"

    @property
    def continues(self) -> bool:
        """It goes on with a part of an answer; others would begin a new one."""
        return self.kind in ("llama-server", "vllm", "vlmtui")


def of(listed: object, model: str, get: Get) -> ServerFacts:
    """What a server is, by what `/models` answered; `get` asks for more."""
    rows = [row for row in _rows(listed) if isinstance(row.get("id"), str)]
    own = next((row for row in rows if row["id"] == model), {})
    kind = _OWNERS.get(str(own.get("owned_by")), "other")
    if kind == "other" and ":" in model and "version" in mapping(get("/api/version")):
        kind = "ollama"  # a model that isn't of its library has another owner
    meta = mapping(own.get("meta"))
    facts = ServerFacts(
        kind=kind,
        models=tuple(row["id"] for row in rows),
        context_size=count(own.get("max_model_len")) or count(meta.get("n_ctx")) or 0,
        parameters=count(meta.get("n_params")) or 0,
        size_bytes=count(meta.get("size")) or 0,
        sees=mapping(own.get("modalities")).get("vision") is not False,
    )
    if kind == "llama-server":
        return _of_llama_server(facts, mapping(get("/props")))
    return facts


def _of_llama_server(facts: ServerFacts, props: Mapping[str, Any]) -> ServerFacts:
    settings = mapping(props.get("default_generation_settings"))
    modalities = mapping(props.get("modalities"))
    return msgspec.structs.replace(
        facts,
        context_size=count(settings.get("n_ctx")) or facts.context_size,
        sees=modalities.get("vision") is not False,
    )


def _rows(listed: object) -> list[Mapping[str, Any]]:
    data = mapping(listed).get("data")
    return [row for row in data if isinstance(row, dict)] if isinstance(data, list) else []
