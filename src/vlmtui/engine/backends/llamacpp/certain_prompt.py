"""What of a prompt is certain while its question is still being written.

The question is gone on with in two ways, and what both prompts begin with will be read. Should the
real one begin otherwise, that costs time: the KV cache keeps only what a prompt has in common with
it.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from vlmtui.engine.backends.llamacpp.prompt_builder import Prompt
from vlmtui.engine.backends.llamacpp.prompt_units import common_prefix
from vlmtui.messages import Message, Role, TextPart

_WAYS_TO_GO_ON = ("What", "How")
"""Words that most vocabularies have whole: pieces of rarer ones might begin with the same token."""


def certain(
    build: Callable[[tuple[Message, ...]], Prompt], messages: tuple[Message, ...]
) -> Prompt:
    """The prompt up to where it depends on what is written next; its units may be none.

    Args:
        build: Makes the prompt of a conversation.
        messages: The conversation; a last message of the user's is one that isn't finished.
    """
    earlier, begun = messages, Message(Role.USER, ())
    if messages and messages[-1].role is Role.USER:
        earlier, begun = messages[:-1], messages[-1]
    one, other = (
        build((*earlier, Message(Role.USER, (*begun.parts, TextPart(text)))))
        for text in _WAYS_TO_GO_ON
    )
    return msgspec.structs.replace(one, units=one.units[: common_prefix(one.units, other.units)])
