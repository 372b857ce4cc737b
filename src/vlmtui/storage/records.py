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

    pinned: bool = False
    """Stands above the others in lists."""

    system: str | None = None
    """Its own system prompt, "" for none; None for the one of the settings."""

    sampling: dict[str, Any] | None = None
    """Its own sampling: fields of the engine's `Sampling`; None for that of the settings."""

    model: str | None = None
    """Who is to answer, as the user calls it; None for the model of the settings."""

    deleted: float | None = None
    """When it was deleted, in seconds since 1970; None while it isn't."""


class ChatRow(msgspec.Struct, frozen=True):
    """A chat as a list shows it."""

    chat: Chat
    messages: int
    """How many there are, on all branches."""

    images: int
    """How many pictures are in them."""

    preview: str
    """The beginning of the last message of the shown branch that has text, on one line."""

    written: bool = False
    """Whether an instance of vlmtui is writing an answer in it just now."""


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

    sibling: int = 1
    """Its place among the messages that follow the same one, oldest first, from 1."""

    siblings: int = 1
    """How many these are, itself too."""


class Found(msgspec.Struct, frozen=True):
    """A message that a search found, or a chat by its title."""

    chat: Chat
    message_id: int
    """Where to go. For a title, the message with which the chat opens."""

    excerpt: str
    """The words around the first hit, on one line; or the title."""

    spans: tuple[tuple[int, int], ...] = ()
    """Where in the excerpt the hits are: first character, and the one after the last."""

    in_title: bool = False
    """Whether the excerpt is the chat's title."""


class Draft(msgspec.Struct, frozen=True):
    """What was in the composer."""

    text: str = ""
    images: tuple[ImagePart, ...] = ()
