"""What topics of the chat screen let each other know, beside events of turns and messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:  # the database: not needed for the first paint
    from vlmtui.storage.records import StoredMessage


class TurnBegan(msgspec.Struct, frozen=True):
    """A turn has begun, and nothing is prepared for it yet."""


class TurnEnded(msgspec.Struct, frozen=True):
    """A turn is over."""

    well: bool
    """Nothing failed, or it was stopped before."""


class ThreadShown(msgspec.Struct, frozen=True):
    """Another chat, or another branch of this one, is on the screen."""

    thread: Sequence[StoredMessage]


class ChatsChanged(msgspec.Struct, frozen=True):
    """The list of chats is not what it was."""


class CommandDone(msgspec.Struct, frozen=True):
    """A command was done; what came of it isn't shown yet."""


class Sent(msgspec.Struct, frozen=True):
    """A message has left the composer."""


class PanesMounted(msgspec.Struct, frozen=True):
    """The panes are there; they have no place yet."""


class Leaving(msgspec.Struct, frozen=True):
    """The screen is left; the conversation is still open."""
