"""What comes of a command: what to say, what to list, what to choose from, what to follow.

A front end shows each of these in its own way, and does nothing else about it. Topics add outcomes
of their own, beside their verbs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:  # the database and the engine: not needed for the first paint
    from vlmtui.chat.comparison import Comparison
    from vlmtui.commands.context import CommandContext
    from vlmtui.engine.engine_requests import Load
    from vlmtui.errors import VlmtuiError
    from vlmtui.messages import ImagePart, Message
    from vlmtui.storage.records import Chat, Draft, StoredMessage


class Outcome(msgspec.Struct, frozen=True):
    """Base of all outcomes."""


Then = Callable[["CommandContext"], Outcome]
"""The rest of a command; blocks, as a verb does."""


# ---------------------------------------------------------------------- to be said and listed


class Said(Outcome, frozen=True):
    """It is done; this is to be said of it."""

    message: str
    advice: str = ""


class Listing(Outcome, frozen=True):
    """Lines that were asked for; they may be read as they are shown."""

    rows: Iterable[str]
    nothing: str
    """Said where there are none."""

    advice: str = ""
    heading: str = ""
    notes: Sequence[Said] = ()
    """Said after them."""


class Table(Outcome, frozen=True):
    """Labels and values that were asked for."""

    heading: str
    rows: Sequence[tuple[str, str]]
    advice: str = ""


class Choice(msgspec.Struct, frozen=True):
    """Something that a command's argument can be."""

    value: str
    note: str = ""
    """What stands beside it in a list."""


class Choices(Outcome, frozen=True):
    """The command was given without its argument: these are what it can be."""

    command: str
    question: str
    choices: Sequence[Choice]
    advice: str = ""


class Confirm(Outcome, frozen=True):
    """Something that is done only if the user says yes."""

    question: str
    then: Then
    declined: Said
    hint: str = ""


class Copied(Outcome, frozen=True):
    """A text for the clipboard, or where there is none, to be shown."""

    text: str
    what: str
    """What it is, for a sentence: `the answer`."""


# ---------------------------------------------------------------------- turns


class Ask(Outcome, frozen=True):
    """A turn to follow: a question that is sent, edited, answered again, or gone on with."""

    events: Callable[[], Iterator[object]]
    """Begins the turn; iterated in a thread, as the turns of `ChatSession`."""

    typed: str = ""
    """What was typed: to be given back if the question isn't on disk by the end of the turn."""

    changes: bool = False
    """It changes what stood there before: when it fails, the disk tells what does now."""


class Compare(Ask, frozen=True, kw_only=True):
    """One question to several models. Its events are those of `Comparison.run`."""

    comparison: Comparison
    """`stop` begins nothing more; `ChatSession.cancel` ends what goes on."""

    models: tuple[str, ...]
    asked: str
    """The question, new or old, as a heading."""


# ---------------------------------------------------------------------- the chat that is shown


class Branch(Outcome, frozen=True):
    """Another branch of the open chat is shown."""

    thread: Sequence[StoredMessage]
    cursor: int | None = None
    """The message that this is about; None where it is gone and none is left."""

    said: Said | None = None


class ChatShown(Outcome, frozen=True):
    """Another chat is open, or another place in it."""

    thread: Sequence[StoredMessage]
    chat: Chat | None
    """None: a new one, that begins with its first question."""

    draft: Draft | None = None
    """What was in its composer; None: the composer stays as it is."""

    message_id: int | None = None
    """Where to go in it."""

    words: tuple[str, ...] = ()
    """What to mark there."""

    said: Said | None = None
    peculiarities: tuple[Said, ...] = ()
    """What is not as in other chats: another model, settings of its own."""


class ChatChanged(Outcome, frozen=True):
    """Something of a chat in the list is not what it was; the open chat stays open."""

    chat: Chat
    said: Said


# ---------------------------------------------------------------------- the composer


class Attached(Outcome, frozen=True):
    """Pictures for the next message."""

    images: tuple[ImagePart, ...] = ()
    wants: WantsFetch | None = None
    """Those of the web, to be asked about once these are attached."""

    error: VlmtuiError | None = None
    """Why not all of them are attached."""

    left: tuple[str, ...] = ()
    """The path that failed, and those behind it."""


class WantsFetch(Outcome, frozen=True):
    """Pictures of the web are named: nothing is fetched unless the user says yes."""

    urls: tuple[str, ...]
    then: Callable[[CommandContext, Mapping[str, ImagePart]], Outcome]
    """The rest of the command, with the pictures by their addresses."""

    typed: str = ""
    """To be given back where they are not fetched."""


class EditQuestion(Outcome, frozen=True):
    """A question of this chat is to be edited; what comes of it goes to `/edit`."""

    stored: StoredMessage


class WriteAgain(Outcome, frozen=True):
    """A question that was asked before is put where one writes."""

    message: Message


class SystemPrompt(Outcome, frozen=True):
    """The system prompt of the chat, to be shown or edited."""

    text: str
    own: bool
    """It is this chat's, not the settings'."""


class OpenEditor(Outcome, frozen=True):
    """A text is to be written in the user's own editor."""

    text: str
    edits: StoredMessage | None = None
    """The question that it is, where it is one of this chat."""


# ---------------------------------------------------------------------- models


class Switch(Outcome, frozen=True):
    """The model that answers is exchanged: the front end follows `ChatSession.switch`."""

    load: Load
    same: bool = False
    """It is the one that answers already."""


class Pull(Outcome, frozen=True):
    """A model is to be fetched while one chats."""

    name: str
