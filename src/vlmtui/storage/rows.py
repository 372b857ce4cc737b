"""Rows of the database as values, and the texts of messages with their pictures taken out.

A message is stored as its text and, beside it, its pictures with the number of characters that
stand before each.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import msgspec

from vlmtui.messages import ImagePart, Message, Part, Role, TextPart, parts, placed
from vlmtui.storage import stored_json
from vlmtui.storage.pictures import picture, remember, storable
from vlmtui.storage.presence import Presence
from vlmtui.storage.records import Chat, Status, StoredMessage

Placed = tuple[int, ImagePart]
"""A picture and the number of characters before it."""


def chat(row: sqlite3.Row) -> Chat:
    """The chat of a row that has the columns of `chats`."""
    return Chat(
        id=row["id"],
        title=row["title"],
        created=row["created"],
        updated=row["updated"],
        leaf_id=row["leaf_id"],
        pinned=bool(row["pinned"]),
        system=row["system"],
        sampling=stored_json.mapping(row["sampling"]),
        model=row["model"],
        deleted=row["deleted"],
    )


def own_settings(chat: Chat) -> tuple[str | None, str | None, str | None]:
    """Values of the columns `system`, `sampling` and `model`."""
    return (
        None if chat.system is None else storable(chat.system),
        None if chat.sampling is None else msgspec.json.encode(chat.sampling).decode(),
        None if chat.model is None else storable(chat.model),
    )


def stored(row: sqlite3.Row, images: Sequence[Placed], presence: Presence) -> StoredMessage:
    """The message of a row that has the columns of `messages`, `sibling` and `siblings`.

    An answer that a dead process left streaming is interrupted.
    """
    status: Status = row["status"]
    if status == "streaming" and not presence.is_alive(row["writer"]):
        status = "interrupted"
    return StoredMessage(
        id=row["id"],
        parent_id=row["parent_id"],
        message=Message(_role(row), parts(row["text"], images), row["thought"]),
        status=status,
        created=row["created"],
        model=row["model"],
        error=row["error"],
        stats=stored_json.stats(row["stats"]),
        error_kind=row["error_kind"],
        sibling=max(1, row["sibling"]),  # a deleted one counts for itself
        siblings=max(1, row["siblings"]),
    )


def _role(row: sqlite3.Row) -> Role:
    try:
        return Role(row["role"])
    except ValueError:  # damaged; only answers have a model
        return Role.USER if row["model"] is None else Role.ASSISTANT


def insert(
    connection: sqlite3.Connection,
    chat_id: int | None,
    stored: StoredMessage,
    root: Path,
    writer: str | None = None,
) -> int:
    """Store a message, as `storable_message` has it, with its pictures; returns its id.

    The connection is in a transaction. Neither the message's id nor its siblings are used; the
    writer is the instance that streams into it.
    """
    message = stored.message
    values = {
        "chat_id": chat_id,
        "parent_id": stored.parent_id,
        "role": message.role.value,
        "text": message.text,
        "thought": message.thought,
        "status": stored.status,
        "writer": writer,
        "created": stored.created,
        "model": stored.model,
        "error": stored.error,
        "error_kind": stored.error_kind,
        "stats": None if stored.stats is None else msgspec.json.encode(stored.stats).decode(),
    }
    message_id = connection.execute(
        f"INSERT INTO messages ({', '.join(values)}) VALUES (:{', :'.join(values)})", values
    ).lastrowid
    assert message_id is not None
    _put_images(connection, message_id, message, root)
    return message_id


def images_of(
    connection: sqlite3.Connection,
    root: Path,
    *,
    chat: int | None = None,
    message: int | None = None,
) -> defaultdict[int, list[Placed]]:
    """The pictures of a chat, or of one message, by message."""
    found: defaultdict[int, list[Placed]] = defaultdict(list)
    where, number = ("message_id = ?", message) if chat is None else ("chat_id = ?", chat)
    for row in connection.execute(
        "SELECT message_images.*, images.* FROM messages"
        " JOIN message_images ON message_id = messages.id JOIN images USING (sha256)"
        f" WHERE {where} ORDER BY message_id, position",
        (number,),
    ):
        found[row["message_id"]].append((row["place"], picture(row, root)))
    return found


def _put_images(
    connection: sqlite3.Connection, message_id: int, message: Message, root: Path
) -> None:
    remember(connection, root, message.images)
    connection.executemany(
        "INSERT INTO message_images (message_id, position, place, sha256, name, detail)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        [
            (
                *(message_id, position, place, image.sha256, image.name),
                None if image.detail is None else str(image.detail),
            )
            for position, (place, image) in enumerate(placed(message))
        ],
    )


def storable_message(message: Message) -> Message:
    """The message as it will come back from the database."""
    return msgspec.structs.replace(
        message,
        parts=tuple(_storable_part(part) for part in message.parts),
        thought=storable(message.thought),
    )


def _storable_part(part: Part) -> Part:
    if isinstance(part, TextPart):
        return TextPart(storable(part.text))
    return msgspec.structs.replace(part, name=storable(part.name))
