"""Conversation values: who said what, with which pictures.

Frozen structs without behaviour, shared by every layer above. They do not know how a message is
stored, rendered into a prompt, or drawn on a screen.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Annotated, Literal

import msgspec

Detail = Literal["low", "normal", "high", "max"] | Annotated[int, msgspec.Meta(ge=1, le=65536)]
"""How finely a picture is looked at, where a vision tower has the choice. low: 256 tokens at most;
normal: as the tower does of itself; high: 1,024 at least; max: as many as there can be; a number:
so many at most."""


class Role(str, Enum):
    """Who speaks, in the words of the chat templates."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


class TextPart(msgspec.Struct, frozen=True, tag="text"):
    """A run of text inside a message."""

    text: str


class ImagePart(msgspec.Struct, frozen=True, tag="image"):
    """A picture inside a message, as a reference to the bytes of its file."""

    path: str
    """Absolute path of a file that holds the bytes and will stay: the content store's copy in a
    chat, the user's own file in `vlmtui ask`."""

    sha256: str
    """Lower-case hex digest of the file's bytes; the picture's identity everywhere."""

    name: str
    """What the user calls it (the base name of the file it came from), for display only."""

    width: int
    """Pixels, after EXIF orientation."""

    height: int

    detail: Detail | None = None
    """How finely it is looked at; None: as the chat's others."""

    @property
    def key(self) -> str:
        """What the picture is to a model: the same one in another detail is another."""
        return self.sha256 if self.detail is None else f"{self.sha256}-{self.detail}"


Part = TextPart | ImagePart


class Message(msgspec.Struct, frozen=True):
    """One turn of one speaker. Pictures usually come before the text, as templates expect."""

    role: Role
    parts: tuple[Part, ...]
    thought: str = ""
    """What was thought before it was said; not part of the text."""

    @property
    def text(self) -> str:
        """All text parts, joined."""
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))

    @property
    def images(self) -> tuple[ImagePart, ...]:
        return tuple(part for part in self.parts if isinstance(part, ImagePart))


def user(text: str, images: Sequence[ImagePart] = (), places: Sequence[int] = ()) -> Message:
    """A user message, with its pictures in order.

    `places` says how many characters of the text stand before each picture, ascending; those that
    have none stand before the text, as templates expect.
    """
    ahead = (0,) * (len(images) - len(places))
    return Message(Role.USER, parts(text, list(zip((*ahead, *places), images, strict=True))))


def parts(text: str, images: Sequence[tuple[int, ImagePart]]) -> tuple[Part, ...]:
    """The opposite of `placed`: put the pictures back between the characters."""
    found: list[Part] = []
    done = 0
    for place, image in images:
        if place > done:
            found.append(TextPart(text[done:place]))
            done = place
        found.append(image)
    if text[done:]:
        found.append(TextPart(text[done:]))
    return tuple(found)


def placed(message: Message) -> list[tuple[int, ImagePart]]:
    """The pictures of a message, each with the number of characters that stand before it."""
    found: list[tuple[int, ImagePart]] = []
    place = 0
    for part in message.parts:
        if isinstance(part, ImagePart):
            found.append((place, part))
        else:
            place += len(part.text)
    return found


def readable(message: Message) -> str:
    """The text as a person reads it: where pictures stand inside it, all are there by name."""
    inside = any(place for place, _ in placed(message))
    pieces: list[str] = []
    for part in message.parts:
        if isinstance(part, TextPart):
            pieces.append(part.text)
        elif inside:
            if pieces and not pieces[-1][-1:].isspace():
                pieces.append(" ")
            pieces.append(f"[{part.name}]")
            if len(pieces) == 1:
                pieces.append(" ")
    return "".join(pieces)


def assistant(text: str, thought: str = "") -> Message:
    """An assistant message holding just text, and what was thought before it."""
    return Message(Role.ASSISTANT, (TextPart(text),), thought)


def system(text: str) -> Message:
    """A system message."""
    return Message(Role.SYSTEM, (TextPart(text),))
