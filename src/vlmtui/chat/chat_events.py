"""What a turn of a conversation tells, beside the engine's own events."""

from __future__ import annotations

import msgspec

from vlmtui.engine.engine_events import Event
from vlmtui.storage.records import StoredMessage


class UserSaved(msgspec.Struct, frozen=True):
    """The question is on disk, safe from a power cut; the composer may be cleared."""

    stored: StoredMessage


class AnswerStarted(msgspec.Struct, frozen=True):
    """An answer begins, still empty; or one goes on, and holds what it had."""

    stored: StoredMessage


class AnswerSaved(msgspec.Struct, frozen=True):
    """The answer has ended, well or not; the last event of a turn that raises nothing."""

    stored: StoredMessage
    on_disk: bool = True
    """False when the disk refuses it; then it is tried again each second and when closing."""


class StorageWarning(msgspec.Struct, frozen=True):
    """The answer can't be written to disk just now; it goes on, and is kept in memory."""

    message: str
    hint: str = ""


class GoingBack(msgspec.Struct, frozen=True):
    """A switch came to nothing: the model from before is loaded again."""

    model: str
    """What the user calls it."""

    error: str = ""
    """Why the new one can't be loaded; empty when the switch was cancelled."""


ChatEvent = UserSaved | AnswerStarted | AnswerSaved | StorageWarning | GoingBack | Event
