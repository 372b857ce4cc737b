"""What a client asks for: the body of a request to `/v1/chat/completions`, as the engine takes it.

What would change the answer and can't be done is refused; what only this or that server knows is
left aside.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from vlmtui import printable
from vlmtui.engine.engine_requests import Constraint, Generate, Sampling, Think
from vlmtui.engine.structured import constraints
from vlmtui.errors import InputError
from vlmtui.serve import request_messages, tool_calls
from vlmtui.serve.request_messages import Fetch, RequestMessage
from vlmtui.serve.tool_calls import CallFinder, Tool
from vlmtui.settings import Penalty

_MOST_SEED = 2**32

_CHARACTERS = 3.5
"""Of a description of tools that make a token, roughly."""

_EFFORTS: dict[str, Think] = {
    "none": "off",
    "minimal": 128,
    "low": 512,
    "medium": 2048,
    "high": "on",
    "xhigh": "on",
}
"""How long a model thinks, by OpenAI's words for it: tokens at most."""

_PLACE = re.compile(r" - at `\$\.?([^`]*)`$")
"""Where in a body something is wrong, as msgspec ends its words."""


class BadRequest(InputError):
    """What is asked can't be done.

    Attributes:
        param: The field that asks for it, from the body on: "messages[0].role".
    """

    def __init__(self, message: str, hint: str = "", *, param: str) -> None:
        super().__init__(message, hint)
        self.param = param


class _TemplateOptions(msgspec.Struct):
    enable_thinking: bool | None = None


class _StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


_Probability = Annotated[float, Meta(ge=0, le=1)]
_Penalty = Annotated[float, Meta(ge=-2, le=2)]
_Count = Annotated[int, Meta(ge=-1, le=2**31 - 1)]


class ChatBody(msgspec.Struct):
    """The fields that mean something here; clients send null for what they leave open."""

    messages: Annotated[list[RequestMessage], Meta(min_length=1)]
    model: str | None = None
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    temperature: Annotated[float, Meta(ge=0)] | None = None
    top_p: _Probability | None = None
    top_k: _Count | None = None
    min_p: _Probability | None = None
    repeat_penalty: Penalty | None = None
    repetition_penalty: Penalty | None = None
    """vLLM's name for the same."""

    presence_penalty: _Penalty | None = None
    frequency_penalty: _Penalty | None = None
    seed: int | None = None
    stop: str | list[str] | None = None
    max_tokens: _Count | None = None
    max_completion_tokens: _Count | None = None
    reasoning_effort: str | None = None
    chat_template_kwargs: _TemplateOptions | None = None
    thinking_budget_tokens: _Count | None = None
    tools: list[Tool] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    response_format: dict[str, Any] | None = None
    grammar: str | None = None
    """GBNF, as llama-server takes it."""

    n: int | None = None
    functions: list[Any] | None = None
    logprobs: bool | None = None
    logit_bias: dict[str, Any] | None = None
    modalities: list[str] | None = None

    @property
    def wants_usage(self) -> bool:
        """A stream ends with what it took."""
        return bool(self.stream_options and self.stream_options.include_usage)


class Asked(msgspec.Struct, frozen=True):
    """What the engine is asked, and how its answer is read."""

    generate: Generate
    calls: CallFinder | None = None
    """Finds the calls of tools in the answer; None where there are none to be called."""

    notice: str = ""
    """What was done otherwise than asked; empty for nothing."""


def read(content: bytes) -> ChatBody:
    """Read a body.

    Raises:
        InputError: It isn't one, or asks for what can't be done.
    """
    try:
        body = msgspec.json.decode(content, type=ChatBody)
    except msgspec.ValidationError as error:
        problem = printable.line(str(error), 200)
        place = _PLACE.search(problem)
        raise BadRequest(
            f"The request is not valid: {problem}", param=place[1] if place else ""
        ) from error
    except (ValueError, RecursionError) as error:
        raise InputError("The body is not JSON") from error
    if param := _refused(body):
        kind = f" of type {printable.line(str((body.response_format or {}).get('type')), 40)}"
        what = f"{param}{kind if param == 'response_format' else ''}"
        raise BadRequest(f"This server doesn't take {what}", "Leave it out.", param=param)
    last = body.messages[-1]
    if last.role in ("system", "developer") or last.tool_calls:
        raise BadRequest("The last message should be the user's", param="messages")
    return body


def _refused(body: ChatBody) -> str:
    """What is asked for and would change the answer, but isn't done."""
    kind = str((body.response_format or {}).get("type", "text"))
    asked = {
        "n": body.n not in (None, 1),
        "functions": bool(body.functions),
        "logprobs": bool(body.logprobs),
        "logit_bias": bool(body.logit_bias),
        "modalities": bool(body.modalities) and body.modalities != ["text"],
        "response_format": kind not in ("text", "json_object", "json_schema"),
    }
    return next((name for name, is_asked in asked.items() if is_asked), "")


def asked(body: ChatBody, defaults: Sampling, fetch: Fetch, context_size: int) -> Asked:
    """What the engine is asked; blocks while pictures are looked into.

    Args:
        body: One that was read.
        defaults: How tokens are chosen where the body doesn't say.
        fetch: Makes pictures of their addresses.
        context_size: Tokens that the model has room for, 0 where nobody knows. Tools that would
            take half of it are not told of, since clients send theirs to any model.

    Raises:
        InputError: A picture can't be used, a format can't be enforced.
        FetchFailed: A picture can't be had.
    """
    try:
        tools, must = tool_calls.chosen(body.tools or (), body.tool_choice)
    except InputError as error:
        raise BadRequest(error.message, error.hint, param="tool_choice") from None
    constraint = _constraint(body)
    if constraint is not None:
        tools, must = [], False
    if must:
        constraint = tool_calls.constraint(tools)
    several = body.parallel_tool_calls is not False
    about = tool_calls.described(tools, several=several) if tools else ""
    notice = ""
    if not must and 0 < context_size / 2 < len(about) / _CHARACTERS:
        tools, about = [], ""
        notice = "tools left out: they would take more than half of the context"
    messages = request_messages.messages(body.messages, fetch, about)
    sampling = _sampling(body, defaults)
    if constraint is not None:
        sampling = msgspec.structs.replace(sampling, constraint=constraint)
    finder = CallFinder(tools, several=several) if tools else None
    return Asked(Generate(messages, sampling), finder, notice)


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


def _think(body: ChatBody) -> Think | None:
    """Whether the model shall think, in the words of vLLM, llama-server and OpenAI."""
    wanted = (body.chat_template_kwargs or _TemplateOptions()).enable_thinking
    budget = body.thinking_budget_tokens
    if wanted is False or budget == 0:
        return "off"
    if budget is not None and budget > 0:
        return budget
    if wanted or budget == -1:
        return "on"
    return _EFFORTS.get(body.reasoning_effort or "")


def _sampling(body: ChatBody, defaults: Sampling) -> Sampling:
    penalties = ("repeat_penalty", "presence_penalty", "frequency_penalty")
    names = ("temperature", "top_p", "min_p", *penalties)
    given: dict[str, Any] = {
        name: value for name in names if (value := getattr(body, name)) is not None
    }
    if body.repetition_penalty is not None:
        given.setdefault("repeat_penalty", body.repetition_penalty)
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
        given["max_tokens"] = max(longest, 0)  # -1 is llama-server's word for no bound
    return msgspec.structs.replace(defaults, **given)
