"""What the store hands out: frozen values, without behaviour and without SQL."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from vlmtui.messages import ImagePart, Message

Status = Literal["complete", "streaming", "cancelled", "failed", "interrupted"]
"""Where a message stands. complete: as it was meant to be; streaming: an answer that some running
instance is writing; cancelled: stopped by the user; failed: ended by an error; interrupted: its
process died while it wrote. All but the first may hold a part of an answer."""


class Chat(msgspec.Struct, frozen=True):
    """A conversation."""

    id: int
    title: str
    created: float
    """Seconds since 1970."""

    updated: float
    """When its last message was added, in seconds since 1970."""

    leaf_id: int | None
    """Last message of the branch that was shown last; None without messages."""


class StoredMessage(msgspec.Struct, frozen=True):
    """A message and what became of it."""

    id: int
    parent_id: int | None
    """The message it follows; None for the first of a conversation."""

    message: Message
    status: Status
    created: float
    """Seconds since 1970."""

    model: str | None = None
    """Who answered, as the user calls it."""

    error: str | None = None
    """Why it failed, for a person."""

    stats: dict[str, Any] | None = None
    """What the answer took: the fields of the engine's `Stats`, and `finish_reason`."""

    error_kind: str | None = None
    """Name of the error's class in `vlmtui.errors`."""


class Found(msgspec.Struct, frozen=True):
    """A message that a search found."""

    chat: Chat
    message_id: int
    excerpt: str
    """The words around the first hit, on one line."""


class Draft(msgspec.Struct, frozen=True):
    """What was in the composer."""

    text: str = ""
    images: tuple[ImagePart, ...] = ()
