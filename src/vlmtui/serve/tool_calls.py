"""Tools: what a model is told of them, and the calls in its answers.

All in the words of the conversation, as Hermes and Qwen write them (`<tool_call>` around JSON), so
that it works with any template: those of vision-language models mostly know no tools. What a tool
returned is said by the user. Models may write calls as they were trained to, all the same: Llama
3's and Qwen3.5's are read, too.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Literal

import msgspec

from vlmtui.engine.engine_requests import Constraint
from vlmtui.engine.structured import constraints
from vlmtui.errors import InputError

RESULT_BEGINS, RESULT_ENDS = "<tool_response>\n", "\n</tool_response>"
"""What stands around that which a tool returned."""

_OPEN, _CLOSE = "<tool_call>", "</tool_call>"
_FENCED = "```json"
_CALL = re.compile(rf"{_OPEN}(.*?)(?:{_CLOSE}|(?={_OPEN})|\Z)", re.DOTALL)
_FUNCTION = re.compile(r"<function=([^>\n]+)>(.*)", re.DOTALL)
_PARAMETER = re.compile(r"<parameter=([^>\n]+)>\n?(.*?)\n?</parameter>", re.DOTALL)
_FENCE = re.compile(r"\A```(?:json)?\s*(.*?)\s*(?:```)?\Z", re.DOTALL)

_TOLD = """\
# Tools

You can call functions to help the user. Each line between <tools> and </tools> describes one:
<tools>
{tools}
</tools>

To call a function, write its name and arguments as JSON, like this, and nothing after it:
<tool_call>
{{"name": "the function", "arguments": {{"an argument": "its value"}}}}
</tool_call>
Call {number} only where that helps; otherwise answer as usual."""


class Function(msgspec.Struct):
    """What can be called."""

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    """JSON Schema of its arguments."""


class Tool(msgspec.Struct):
    """One of the tools of a request."""

    function: Function
    type: Literal["function"] = "function"


class CalledFunction(msgspec.Struct):
    """A function, and what it is called with."""

    name: str
    arguments: str
    """JSON, as the model wrote it."""


class Call(msgspec.Struct):
    """A call, in an answer or in a conversation that goes on."""

    function: CalledFunction
    id: str = msgspec.field(default_factory=lambda: f"call_{secrets.token_hex(12)}")
    type: str = "function"


class _Written(msgspec.Struct):
    name: str
    arguments: msgspec.Raw = msgspec.Raw(b"")
    parameters: msgspec.Raw = msgspec.Raw(b"")
    """Llama 3's name for the arguments."""


def described(tools: Sequence[Tool], *, several: bool) -> str:
    """What the system message says of tools."""
    lines = [msgspec.json.encode({"type": "function", "function": t.function}) for t in tools]
    number = "functions" if several else "one function at a time, and"
    return _TOLD.format(tools=b"\n".join(lines).decode(), number=number)


def written(calls: Sequence[Call]) -> str:
    """Calls as the model wrote them."""
    return "\n".join(
        f'{_OPEN}\n{{"name": {json.dumps(call.function.name)}, "arguments": '
        f"{call.function.arguments or '{}'}}}\n{_CLOSE}"
        for call in calls
    )


def constraint(tools: Sequence[Tool]) -> Constraint:
    """Holds an answer to a call of one of the tools.

    Raises:
        InputError: The arguments of a tool can't be held to their schema.
    """
    known: dict[str, Any] = {}
    calls = []
    for tool in tools:
        arguments = dict(tool.function.parameters or {"type": "object"})
        for name in ("$defs", "definitions"):  # which references look for at the root
            known.setdefault(name, {}).update(arguments.pop(name, {}))
        calls.append(
            {
                "type": "object",
                "properties": {"name": {"const": tool.function.name}, "arguments": arguments},
                "required": ["name", "arguments"],
                "additionalProperties": False,
            }
        )
    schema = {"anyOf": calls, **{name: of for name, of in known.items() if of}}
    return constraints.of_schema(json.dumps(schema))


class CallFinder:
    """Parts the calls of an answer from its words, as they come."""

    def __init__(self, tools: Sequence[Tool], *, several: bool) -> None:
        self._functions = {tool.function.name: tool.function for tool in tools}
        self._several = several
        self._text = ""
        self._given = 0

    def words(self, text: str) -> str:
        """What can be shown now that more of the answer has come: what surely is no call."""
        self._text += text
        begun = self._text.lstrip()
        if begun[:1] == "{" or _FENCED.startswith(begun[: len(_FENCED)]):
            return ""  # perhaps a call without its markers
        opened = self._text.find(_OPEN, self._given)
        end = opened if opened >= 0 else self._before_marker()
        ready = self._text[self._given : end].rstrip()
        self._given += len(ready)
        return ready

    def _before_marker(self) -> int:
        """Where the text ends, or the beginning of a marker at its end begins."""
        at = self._text.rfind("<", self._given)
        return at if at >= 0 and _OPEN.startswith(self._text[at:]) else len(self._text)

    def end(self) -> tuple[str, list[Call]]:
        """The words that were held back, and the calls, when all has come."""
        rest = self._text[self._given :]
        read = (_read(found) or self._read_tags(found) for found in _CALL.findall(rest))
        calls = [call for call in read if call is not None]
        if not calls and not self._given:
            bare = _read(_FENCE.sub(r"\1", rest.strip()))
            calls = [bare] if bare is not None and bare.function.name in self._functions else []
        if not calls:
            return rest, []
        before = rest.partition(_OPEN)[0] if _OPEN in rest else ""
        return before.rstrip(), calls if self._several else calls[:1]

    def _read_tags(self, text: str) -> Call | None:
        """A call in Qwen3.5's tags, whose values are JSON unless they are texts."""
        found = _FUNCTION.match(text.strip())
        function = self._functions.get(found[1]) if found else None
        if found is None or function is None:
            return None
        known = (function.parameters or {}).get("properties")
        arguments: dict[str, Any] = dict(_PARAMETER.findall(found[2]))
        for name, value in arguments.items():
            schema = known.get(name) if isinstance(known, dict) else None
            if not isinstance(schema, dict) or schema.get("type") != "string":
                with suppress(ValueError):
                    arguments[name] = json.loads(value)
        return Call(CalledFunction(function.name, json.dumps(arguments, ensure_ascii=False)))


def _read(text: str) -> Call | None:
    """A call from what was written; None where it is none."""
    try:
        found = msgspec.json.decode(text.strip().encode(errors="replace"), type=_Written)
        arguments = (bytes(found.arguments) or bytes(found.parameters) or b"{}").decode()
        if arguments.startswith('"'):  # JSON in JSON, as the protocol has it
            arguments = msgspec.json.decode(arguments, type=str)
        msgspec.json.decode(arguments, type=dict)
    except (ValueError, RecursionError):
        return None
    return Call(CalledFunction(found.name, arguments))


def chosen(tools: Sequence[Tool], choice: str | dict[str, Any] | None) -> tuple[list[Tool], bool]:
    """The tools that may be called, and whether one must be.

    Raises:
        InputError: The choice is none that can be made.
    """
    if choice in (None, "auto"):
        return list(tools), False
    if choice == "none":
        return [], False
    named = choice.get("function") if isinstance(choice, dict) else None
    name = named.get("name") if isinstance(named, dict) else None
    wanted = [tool for tool in tools if choice == "required" or tool.function.name == name]
    if not wanted:
        raise InputError(
            "tool_choice is not auto, none, required or the name of one of the tools", ""
        )
    return wanted, True
