"""Conversations with less in them, to be asked about anew."""

from __future__ import annotations

import msgspec

from vlmtui.engine.engine_requests import Generate
from vlmtui.messages import Message, Role


def unthinking(asked: Generate) -> Generate:
    """The same question, to be answered at once: a thought that was begun is left out."""
    sampling = msgspec.structs.replace(asked.sampling, think="off")
    last = asked.messages[-1]
    begun = last.role is Role.ASSISTANT and not last.text
    messages = asked.messages[:-1] if begun else asked.messages
    return msgspec.structs.replace(asked, messages=messages, sampling=sampling)


def oldest(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """What may be left out of a conversation: its older half, up to a question; empty for nothing.

    The system message stays.
    """
    rest = messages[_fixed(messages) :]
    starts = [at for at, each in enumerate(rest) if each.role is Role.USER and at > 0]
    if not starts:
        return ()
    return rest[: min((at for at in starts if at >= len(rest) // 2), default=starts[-1])]


def answered_within(asked: Generate, tokens: int) -> Generate:
    """The same question, for an answer of so many tokens at most."""
    sampling = msgspec.structs.replace(asked.sampling, max_tokens=tokens)
    return msgspec.structs.replace(asked, sampling=sampling)


def without(asked: Generate, gone: tuple[Message, ...]) -> Generate:
    """The same question without these messages, which `oldest` named."""
    fixed = _fixed(asked.messages)
    messages = (*asked.messages[:fixed], *asked.messages[fixed + len(gone) :])
    return msgspec.structs.replace(asked, messages=messages)


def _fixed(messages: tuple[Message, ...]) -> int:
    return 1 if messages[0].role is Role.SYSTEM else 0
