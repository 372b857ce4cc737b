"""What chat templates of a few families want otherwise than all others.

llama.cpp knows these families by the words of their templates, and so does this module.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Message = dict[str, Any]

_REFUSALS = (
    (
        "<|channel|>",
        '{%- if "<|channel|>analysis<|message|>" in message.content or '
        '"<|channel|>final<|message|>" in message.content %}',
    ),
    (
        "[TOOL_CALLS]",
        "{%- if (message['content'] is none or message['content'] == '' or "
        "message['content']|length == 0) and (message['tool_calls'] is not defined or "
        "message['tool_calls'] is none or message['tool_calls']|length == 0) %}",
    ),
)
"""By a word of the template (gpt-oss, Mistral): the test behind which it refuses a conversation for
what it itself may have written, a channel's name or nothing."""


def mended(source: str) -> str:
    """The source without tests that refuse ordinary conversations."""
    for word, test in _REFUSALS:
        if word in source:
            source = source.replace(test, "{%- if false %}")
    return source


def trims(source: str) -> bool:
    """Whether texts lose the whitespace at their ends, which makes StepFun think in circles."""
    return "You have access to the following functions in JSONSchema format" in source


def adapting(source: str) -> Callable[[Message], Message]:
    """What brings a message into the form that a template reads, given its source."""

    def has(*words: str) -> bool:
        return all(word in source for word in words)

    if has("[SYSTEM_PROMPT]", "[TOOL_CALLS]", "[ARGS]") and not has("[CALL_ID]"):
        return _in_blocks  # Ministral 3
    if has("<|channel|>") or has("<|tool_list_start|>", "<|tool_list_end|>"):
        return _with_thinking  # gpt-oss, LFM2
    return _with_thinking if has("List of tools: [") else _as_it_is  # LFM2.5


def _as_it_is(message: Message) -> Message:
    return message


def _with_thinking(message: Message) -> Message:
    """The thought under the name that these read, too."""
    if "reasoning_content" not in message:
        return message
    return {**message, "thinking": message["reasoning_content"]}


def _in_blocks(message: Message) -> Message:
    """What isn't the user's as typed blocks, the thought one of them."""
    if message["role"] not in ("system", "assistant"):
        return message
    blocks = []
    if "reasoning_content" in message:
        blocks.append({"type": "thinking", "thinking": message["reasoning_content"]})
    content = message["content"]
    blocks += [{"type": "text", "text": content}] if isinstance(content, str) else content
    return {"role": message["role"], "content": blocks}
