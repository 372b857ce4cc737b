"""What a client asks for: the body of a request to `/v1/chat/completions`, as the engine takes it.

What would change the answer and can't be done is refused; what only this or that server knows is
left aside.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from vlmtui import printable
from vlmtui.engine.engine_requests import Constraint, Generate, Sampling, Think
from vlmtui.engine.structured import constraints
from vlmtui.errors import InputError
from vlmtui.messages import Detail, ImagePart, Message, Part, Role, TextPart

_MOST_SEED = 2**32

_DETAILS: dict[str, Detail] = {"low": "low", "high": "high"}
"""OpenAI's words for how finely a picture is looked at; "auto", as any other, leaves it open."""

Fetch = Callable[[str], ImagePart]
"""Makes a picture of its address, `data:` or, where that is allowed, `http:`."""


class _Url(msgspec.Struct):
    url: str
    detail: str | None = None


class _Text(msgspec.Struct, tag_field="type", tag="text"):
    text: str


class _Picture(msgspec.Struct, tag_field="type", tag="image_url"):
    image_url: _Url | str


class _Said(msgspec.Struct):
    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[_Text | _Picture] | None = None
    reasoning_content: str | None = None


class _TemplateOptions(msgspec.Struct):
    enable_thinking: bool | None = None


class _StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


_Probability = Annotated[float, Meta(ge=0, le=1)]
_Count = Annotated[int, Meta(ge=0, le=2**31 - 1)]


class ChatBody(msgspec.Struct):
    """The fields that mean something here; clients send null for what they leave open."""

    messages: Annotated[list[_Said], Meta(min_length=1)]
    model: str | None = None
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    temperature: Annotated[float, Meta(ge=0)] | None = None
    top_p: _Probability | None = None
    top_k: Annotated[int, Meta(ge=-1, le=2**31 - 1)] | None = None
    min_p: _Probability | None = None
    repeat_penalty: Annotated[float, Meta(gt=0)] | None = None
    seed: int | None = None
    stop: str | list[str] | None = None
    max_tokens: _Count | None = None
    max_completion_tokens: _Count | None = None
    reasoning_effort: str | None = None
    chat_template_kwargs: _TemplateOptions | None = None
    thinking_budget_tokens: Annotated[int, Meta(ge=-1, le=2**31 - 1)] | None = None
    n: int | None = None
    tools: list[Any] | None = None
    functions: list[Any] | None = None
    logprobs: bool | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logit_bias: dict[str, Any] | None = None
    response_format: dict[str, Any] | None = None
    grammar: str | None = None
    """GBNF, as llama-server takes it."""

    @property
    def wants_usage(self) -> bool:
        """A stream ends with what it took."""
        return bool(self.stream_options and self.stream_options.include_usage)


def read(content: bytes) -> ChatBody:
    """Read a body.

    Raises:
        InputError: It isn't one, or asks for what can't be done.
    """
    try:
        body = msgspec.json.decode(content, type=ChatBody)
    except msgspec.ValidationError as error:
        raise InputError(f"The request is not valid: {printable.line(str(error), 200)}") from error
    except (ValueError, RecursionError) as error:
        raise InputError("The body is not JSON") from error
    if unknown := _refused(body):
        raise InputError(f"This server doesn't take {unknown}", "Leave it out.")
    if body.messages[-1].role not in ("user", "assistant"):
        raise InputError("The last message should be the user's")
    return body


def _refused(body: ChatBody) -> str:
    """What is asked for and would change the answer, but isn't done."""
    kind = (body.response_format or {}).get("type", "text")
    asked = {
        "n other than 1": body.n not in (None, 1),
        "tools": bool(body.tools),
        "functions": bool(body.functions),
        "logprobs": bool(body.logprobs),
        "presence_penalty": bool(body.presence_penalty),
        "frequency_penalty": bool(body.frequency_penalty),
        "logit_bias": bool(body.logit_bias),
        f"a response_format of type {printable.line(str(kind), 40)}": kind
        not in ("text", "json_object", "json_schema"),
    }
    return next((name for name, is_asked in asked.items() if is_asked), "")


def _constraint(body: ChatBody) -> Constraint | None:
    """What the answer must be like.

    Raises:
        InputError: It can't be held to that, or it isn't said rightly.
    """
    given = body.response_format or {}
    if given.get("type") == "json_object":
        return constraints.of_schema('{"type": "object"}')
    if given.get("type") == "json_schema":
        named = given.get("json_schema")
        if not isinstance(named, dict) or "schema" not in named:
            raise InputError("response_format has no schema", "It belongs in json_schema.schema.")
        return constraints.of_schema(msgspec.json.encode(named["schema"]).decode())
    return None if body.grammar is None else constraints.of_grammar(body.grammar)


def request(body: ChatBody, defaults: Sampling, fetch: Fetch) -> Generate:
    """What the engine is asked; blocks while pictures are looked into.

    Args:
        body: One that was read.
        defaults: How tokens are chosen where the body doesn't say.
        fetch: Makes pictures of their addresses.

    Raises:
        InputError: A picture can't be used.
        FetchFailed: A picture can't be had.
    """
    messages = tuple(_message(said, fetch) for said in body.messages)
    return Generate(messages, _sampling(body, defaults))


def _message(said: _Said, fetch: Fetch) -> Message:
    role = Role.SYSTEM if said.role == "developer" else Role(said.role)
    if not isinstance(said.content, list):
        return Message(role, (TextPart(said.content or ""),), said.reasoning_content or "")
    if role is not Role.USER and any(isinstance(part, _Picture) for part in said.content):
        raise InputError(f"A message of role {said.role} has a picture", "Only the user's may.")
    return Message(
        role, tuple(_part(part, fetch) for part in said.content), said.reasoning_content or ""
    )


def _part(part: _Text | _Picture, fetch: Fetch) -> Part:
    if isinstance(part, _Text):
        return TextPart(part.text)
    if isinstance(part.image_url, str):
        return fetch(part.image_url)
    image, told = fetch(part.image_url.url), part.image_url.detail
    detail = _DETAILS.get(told) if told is not None else None
    return msgspec.structs.replace(image, detail=detail)


def _think(body: ChatBody) -> Think | None:
    """Whether the model shall think, in the words of OpenAI, vLLM and llama-server."""
    wanted = (body.chat_template_kwargs or _TemplateOptions()).enable_thinking
    budget = body.thinking_budget_tokens
    if wanted is False or budget == 0 or body.reasoning_effort == "none":
        return "off"
    if budget is not None and budget > 0:
        return budget
    return "on" if wanted or budget == -1 else None


def _sampling(body: ChatBody, defaults: Sampling) -> Sampling:
    names = ("temperature", "top_p", "min_p", "repeat_penalty")
    given: dict[str, Any] = {
        name: value for name in names if (value := getattr(body, name)) is not None
    }
    if body.top_k is not None:
        given["top_k"] = max(body.top_k, 0)  # -1 is vLLM's word for all
    if body.seed is not None:
        given["seed"] = body.seed % _MOST_SEED
    if body.stop is not None:
        stops = [body.stop] if isinstance(body.stop, str) else body.stop
        given["stop"] = tuple(filter(None, stops))
    if (think := _think(body)) is not None:
        given["think"] = think
    longest = body.max_tokens if body.max_completion_tokens is None else body.max_completion_tokens
    if longest is not None:
        given["max_tokens"] = longest
    if (constraint := _constraint(body)) is not None:
        given["constraint"] = constraint
    return msgspec.structs.replace(defaults, **given)
