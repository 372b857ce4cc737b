"""A chat as JSON, with all there is to it: every branch, all statistics, every picture.

The format, which `docs/chats.md` describes for others too. What is written can be read back by this
and by later versions; `chat.import_json` does.
"""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from typing import Annotated, Any, BinaryIO, Literal

import msgspec

from vlmtui.messages import Detail, ImagePart, Role, TextPart
from vlmtui.storage.records import Chat, Status, StoredMessage

FORMAT = "vlmtui-chat"
VERSION = 1
"""Grows when an older vlmtui would misread a file."""

CHAT_FIELDS = ("title", "created", "updated", "pinned", "system", "sampling", "model")
MESSAGE_FIELDS = ("id", "status", "created", "model", "error", "error_kind")
"""What is the same in the file and in the store."""

_PIECE = 3 << 18
"""Bytes of a picture that become base64 at a time, without filling at their end."""

Name = Annotated[str, msgspec.Meta(max_length=4096)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e11)]
Number = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Sha256 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class Text(msgspec.Struct, frozen=True, tag="text"):
    """A run of text in a message."""

    text: str


class Image(msgspec.Struct, frozen=True, tag="image"):
    """A place in a message where a picture stands."""

    sha256: Sha256
    name: Name
    detail: Detail | None = None


class ExportedMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message. It stands behind the one it follows."""

    id: Number
    parent: Number | None
    role: Role
    parts: list[Text | Image]
    thought: str = ""
    status: Status
    created: Seconds
    model: Name | None = None
    error: str | None = None
    error_kind: Name | None = None
    stats: dict[str, Any] | None = None


class ExportedChat(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to a chat besides its messages."""

    title: Name
    created: Seconds
    updated: Seconds
    leaf: Number | None
    pinned: bool = False
    system: str | None = None
    sampling: dict[str, Any] | None = None
    model: Name | None = None


class ExportedImage(msgspec.Struct, frozen=True, kw_only=True):
    """A picture; without data when its file was gone."""

    width: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
    height: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
    data: bytes | None


class Head(msgspec.Struct, frozen=True):
    """What every version of the format begins with."""

    format: Literal["vlmtui-chat"]
    version: int


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """A whole file, its pictures not looked into yet."""

    format: Literal["vlmtui-chat"] = "vlmtui-chat"
    version: int = VERSION
    exported: Seconds
    chat: ExportedChat
    messages: Annotated[list[ExportedMessage], msgspec.Meta(max_length=1_000_000)]
    images: dict[Sha256, msgspec.Raw]
    """`ExportedImage` by SHA-256."""


def values(of: msgspec.Struct, fields: Sequence[str]) -> dict[str, Any]:
    """Some fields, for another struct that has them, too."""
    return {name: getattr(of, name) for name in fields}


def pieces(chat: Chat, tree: Sequence[StoredMessage]) -> Iterator[bytes]:
    """The file, in pieces of bounded size.

    The messages are all of the chat's, each behind the one it follows.
    """
    export = Export(
        exported=time.time(),
        chat=ExportedChat(leaf=chat.leaf_id, **values(chat, CHAT_FIELDS)),
        messages=[_message(stored) for stored in tree],
        images={},
    )
    yield msgspec.json.encode(export).removesuffix(b"}}") + b"\n"  # up to the first picture
    images = {image.sha256: image for stored in tree for image in stored.message.images}
    for number, image in enumerate(images.values()):
        comma = b",\n" if number else b""
        yield comma + msgspec.json.encode(image.sha256) + b":"
        yield from _image(image)
    yield b"}}\n"


def _message(stored: StoredMessage) -> ExportedMessage:
    return ExportedMessage(
        parent=stored.parent_id,
        role=stored.message.role,
        parts=[
            Text(part.text)
            if isinstance(part, TextPart)
            else Image(part.sha256, part.name, part.detail)
            for part in stored.message.parts
        ],
        thought=stored.message.thought,
        stats=stored.stats,
        **values(stored, MESSAGE_FIELDS),
    )


def _image(image: ImagePart) -> Iterator[bytes]:
    size = {"width": image.width, "height": image.height}
    file = _intact(image)
    if file is None:
        yield msgspec.json.encode({**size, "data": None})
        return
    with file:
        yield msgspec.json.encode(size)[:-1] + b',"data":"'
        yield from base64_pieces(file)
        yield b'"}'


def _intact(image: ImagePart) -> BinaryIO | None:
    """A picture's file; None where it isn't there any more, or isn't what it was."""
    digest = hashlib.sha256()
    with suppress(OSError), ExitStack() as stack:
        file = stack.enter_context(open(image.path, "rb"))
        while piece := file.read(_PIECE):
            digest.update(piece)
        if digest.hexdigest() == image.sha256:
            stack.pop_all()
            return file
    return None


def base64_pieces(file: BinaryIO) -> Iterator[bytes]:
    """A file from its beginning as base64, in pieces."""
    file.seek(0)
    while piece := file.read(_PIECE):
        yield base64.b64encode(piece)
