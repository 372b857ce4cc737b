"""The messages of a request: from the protocol's words to those of the engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from vlmtui.errors import InputError
from vlmtui.messages import Detail, ImagePart, Message, Part, Role, TextPart
from vlmtui.serve import tool_calls
from vlmtui.serve.tool_calls import Call

Fetch = Callable[[str], ImagePart]
"""Makes a picture of its address, `data:` or, where that is allowed, `http:`."""

_DETAILS: dict[str, Detail] = {"low": "low", "high": "high"}
"""OpenAI's words for how finely a picture is looked at; "auto", as any other, leaves it open."""

_ROLES = {"developer": Role.SYSTEM, "tool": Role.USER, "function": Role.USER}
_RESULTS = ("tool", "function")


class _Url(msgspec.Struct):
    url: str
    detail: str | None = None


class _Text(msgspec.Struct, tag_field="type", tag="text"):
    text: str


class _InputText(_Text, tag="input_text"):
    """The same in the Responses protocol, which some clients mix in."""


class _OutputText(_Text, tag="output_text"):
    """The same, said by the assistant."""


class _Refusal(msgspec.Struct, tag_field="type", tag="refusal"):
    refusal: str


class _Picture(msgspec.Struct, tag_field="type", tag="image_url"):
    image_url: _Url | str


class _InputPicture(_Picture, tag="input_image"):
    """The same in the Responses protocol."""


_AnyText = _Text | _InputText | _OutputText
_AnyPart = _AnyText | _Refusal | _Picture | _InputPicture


class RequestMessage(msgspec.Struct):
    """One message."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[_AnyPart] | None = None
    reasoning_content: str | None = None
    tool_calls: list[Call] | None = None


def messages(sent: Sequence[RequestMessage], fetch: Fetch, tools: str = "") -> tuple[Message, ...]:
    """A conversation as the engine takes it; blocks while pictures are looked into.

    `tools` is what the system message says of tools, if anything.

    Raises:
        InputError: A picture can't be used.
        FetchFailed: A picture can't be had.
    """
    found: list[Message] = []
    returned = False
    for each in sent:
        message = _message(each, fetch)
        if returned and each.role in _RESULTS:  # results of one answer's calls are one message
            message = Message(Role.USER, (*found.pop().parts, TextPart("\n"), *message.parts))
        returned = each.role in _RESULTS
        found.append(message)
    if tools:
        own = found.pop(0).text if found[0].role is Role.SYSTEM else ""
        text = f"{own}\n\n{tools}" if own else tools
        found.insert(0, Message(Role.SYSTEM, (TextPart(text),)))
    return tuple(found)


def _message(sent: RequestMessage, fetch: Fetch) -> Message:
    role = _ROLES.get(sent.role) or Role(sent.role)
    parts = _parts(sent, role, fetch)
    if sent.role in _RESULTS:
        ends = TextPart(tool_calls.RESULT_BEGINS), TextPart(tool_calls.RESULT_ENDS)
        parts = [ends[0], *parts, ends[1]]
    elif sent.tool_calls:
        before = "\n" if any(isinstance(p, ImagePart) or p.text for p in parts) else ""
        parts.append(TextPart(before + tool_calls.written(sent.tool_calls)))
    return Message(role, tuple(parts), sent.reasoning_content or "")


def _parts(sent: RequestMessage, role: Role, fetch: Fetch) -> list[Part]:
    if not isinstance(sent.content, list):
        return [TextPart(sent.content or "")]
    if role is not Role.USER and any(isinstance(part, _Picture) for part in sent.content):
        raise InputError(f"A message of role {sent.role} has a picture", "Only the user's may.")
    return [_part(part, fetch) for part in sent.content]


def _part(part: _AnyPart, fetch: Fetch) -> Part:
    if isinstance(part, _Refusal):
        return TextPart(part.refusal)
    if isinstance(part, _Text):
        return TextPart(part.text)
    if isinstance(part.image_url, str):
        return fetch(part.image_url)
    image, wanted = fetch(part.image_url.url), part.image_url.detail
    detail = _DETAILS.get(wanted) if wanted is not None else None
    return msgspec.structs.replace(image, detail=detail)
