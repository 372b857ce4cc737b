"""Chats as trees of messages.

A message names the one it follows. A new answer to the same question, or the same question in other
words, is a sibling: nothing is overwritten, and the chat remembers which leaf was shown last. This
module knows nothing of engines or screens; what an answer took comes and goes as plain JSON.
"""

from __future__ import annotations

import re
import sqlite3
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from vlmtui.errors import StorageError
from vlmtui.messages import ImagePart, Message, Part, Role, TextPart, placed
from vlmtui.storage.database import Database
from vlmtui.storage.drafts import Drafts
from vlmtui.storage.pictures import picture, remember, storable
from vlmtui.storage.presence import Presence
from vlmtui.storage.records import Chat, Found, Status, StoredMessage

_BRANCH = """
    WITH RECURSIVE branch (id, parent_id, depth) AS (
        SELECT id, parent_id, 0 FROM messages
        WHERE chat_id = :chat
          AND id = coalesce(:leaf, (SELECT leaf_id FROM chats WHERE id = :chat))
        UNION ALL
        SELECT messages.id, messages.parent_id, depth + 1
        FROM branch JOIN messages ON messages.id = branch.parent_id
    )
    SELECT messages.* FROM branch JOIN messages USING (id) ORDER BY depth DESC
"""


class ChatStore:
    """The chats in one database. All methods may be called from any thread.

    Every method raises `StorageError` when the database can't be read or written.

    Attributes:
        drafts: What stands in composers.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._root = Path(database.path).absolute().parent
        self._presence = Presence(self._root / "instances")
        self.drafts = Drafts(database, self._presence)

    def close(self) -> None:
        """Close the database too. Safe to call twice."""
        self._presence.close()
        self._database.close()

    # ------------------------------------------------------------------ writing

    def create(self, title: str) -> Chat:
        """Make a chat without messages. It is not listed before it has one."""
        now = time.time()
        with self._database.write() as connection:
            row = connection.execute(
                "INSERT INTO chats (title, created, updated) VALUES (?, ?, ?) RETURNING *",
                (storable(title), now, now),
            ).fetchone()
            return _chat(row)

    def start(self, title: str, message: Message) -> tuple[Chat, StoredMessage]:
        """Make a chat with its first message, both or neither, safe from a power cut."""
        with self._database.write(durable=True):
            chat = self.create(title)
            stored = self.add(chat.id, None, message)
        return msgspec.structs.replace(chat, leaf_id=stored.id), stored

    def add(
        self,
        chat_id: int,
        parent_id: int | None,
        message: Message,
        model: str | None = None,
        status: Status = "complete",
    ) -> StoredMessage:
        """Add a message after `parent_id`; it becomes the end of the chat's shown branch.

        A complete message is safe from a power cut when this returns. One that is streaming is
        taken for interrupted as soon as this process is gone.
        """
        parts = tuple(_storable_part(part) for part in message.parts)
        message = msgspec.structs.replace(message, parts=parts)
        now = time.time()
        writer = self._presence.token if status == "streaming" else None
        with self._database.write(durable=status != "streaming") as connection:
            message_id = connection.execute(
                "INSERT INTO messages"
                " (chat_id, parent_id, role, text, status, writer, created, model)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (chat_id, parent_id, message.role.value, message.text, status, writer, now, model),
            ).lastrowid
            assert message_id is not None
            remember(connection, self._root, message.images)
            connection.executemany(
                "INSERT INTO message_images (message_id, position, place, sha256, name)"
                " VALUES (?, ?, ?, ?, ?)",
                [
                    (message_id, position, place, image.sha256, image.name)
                    for position, (place, image) in enumerate(placed(message))
                ],
            )
            connection.execute(
                "UPDATE chats SET leaf_id = ?, updated = ? WHERE id = ?", (message_id, now, chat_id)
            )
        return StoredMessage(message_id, parent_id, message, status, now, model)

    def update_text(
        self,
        message_id: int,
        text: str,
        status: Status,
        stats: dict[str, Any] | None = None,
        error: str | None = None,
        error_kind: str | None = None,
    ) -> None:
        """Put down an answer as far as it has come.

        Unless it is still streaming, it is safe from a power cut when this returns.
        """
        writer = self._presence.token if status == "streaming" else None
        encoded = None if stats is None else msgspec.json.encode(stats).decode()
        with self._database.write(durable=status != "streaming") as connection:
            changed = connection.execute(
                "UPDATE messages SET text = ?, status = ?, writer = ?, stats = ?, error = ?,"
                " error_kind = ? WHERE id = ?",
                (storable(text), status, writer, encoded, error, error_kind, message_id),
            )
            if not changed.rowcount:
                raise StorageError(
                    f"The answer can't be saved: its chat in {self._database.path} was deleted",
                    "Copy what you need of it, and go on in a new chat",
                )

    def rename(self, chat_id: int, title: str) -> None:
        """Give a chat another title."""
        with self._database.write() as connection:
            connection.execute(
                "UPDATE chats SET title = ? WHERE id = ?", (storable(title), chat_id)
            )

    def set_leaf(self, chat_id: int, message_id: int) -> None:
        """Show the branch that ends with this message."""
        with self._database.write() as connection:
            connection.execute("UPDATE chats SET leaf_id = ? WHERE id = ?", (message_id, chat_id))

    # ------------------------------------------------------------------ reading

    def get(self, chat_id: int) -> Chat:
        """A chat by its id."""
        with self._database.read() as connection:
            row = connection.execute("SELECT * FROM chats WHERE id = ?", (chat_id,)).fetchone()
        if row is None:
            raise StorageError(
                f"There is no chat {chat_id} in {self._database.path}", "It may have been deleted"
            )
        return _chat(row)

    def latest(self) -> Chat | None:
        """The chat that got a message last."""
        return next(iter(self.recent(1)), None)

    def recent(self, limit: int = 100) -> list[Chat]:
        """Chats that have messages, the one that got a message last first."""
        # By ids, not by times: a Jetson without a battery wakes up in 1970.
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT chats.* FROM chats JOIN messages ON messages.chat_id = chats.id"
                " GROUP BY chats.id ORDER BY max(messages.id) DESC LIMIT ?",
                (limit,),
            ).fetchall()
        return [_chat(row) for row in rows]

    def thread(self, chat_id: int, leaf_id: int | None = None) -> list[StoredMessage]:
        """A branch from the first message to `leaf_id`, or to the chat's own leaf.

        An answer that a dead process left streaming is shown as interrupted.
        """
        with self._database.read() as connection:
            rows = connection.execute(_BRANCH, {"chat": chat_id, "leaf": leaf_id}).fetchall()
            images = self._images(connection, chat_id)
        return [self._stored(row, images[row["id"]]) for row in rows]

    def siblings(self, message_id: int) -> list[int]:
        """Ids of all messages that follow the same one as this does, its own too, oldest first."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT other.id FROM messages AS one JOIN messages AS other"
                " ON other.chat_id = one.chat_id AND other.parent_id IS one.parent_id"
                " WHERE one.id = ? ORDER BY other.id",
                (message_id,),
            ).fetchall()
        return [row["id"] for row in rows]

    def search(self, text: str, limit: int = 50) -> list[Found]:
        """Messages that have words beginning with each of the words in `text`, best first.

        Case and accents don't matter. Signs that mean something to FTS5 are just signs here.
        """
        words = [word for word in text.split() if re.search(r"\w", word)]
        if not words:
            return []
        query = " ".join('"' + storable(word).replace('"', '""') + '"*' for word in words)
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT chats.*, messages.id AS message_id,"
                " snippet(messages_fts, 0, '', '', '…', 16) AS excerpt"
                " FROM messages_fts JOIN messages ON messages.id = messages_fts.rowid"
                " JOIN chats ON chats.id = messages.chat_id"
                " WHERE messages_fts MATCH ? ORDER BY rank, messages.id DESC LIMIT ?",
                (query.replace("\0", ""), limit),
            ).fetchall()
        return [
            Found(_chat(row), row["message_id"], " ".join(row["excerpt"].split())) for row in rows
        ]

    def _images(
        self, connection: sqlite3.Connection, chat_id: int
    ) -> defaultdict[int, list[tuple[int, ImagePart]]]:
        """The pictures of a chat by message, each with the number of characters before it."""
        found: defaultdict[int, list[tuple[int, ImagePart]]] = defaultdict(list)
        for row in connection.execute(
            "SELECT message_images.*, images.* FROM message_images"
            " JOIN images USING (sha256) JOIN messages ON messages.id = message_id"
            " WHERE chat_id = ? ORDER BY message_id, position",
            (chat_id,),
        ):
            found[row["message_id"]].append((row["place"], picture(row, self._root)))
        return found

    def _stored(self, row: sqlite3.Row, images: Sequence[tuple[int, ImagePart]]) -> StoredMessage:
        status: Status = row["status"]
        if status == "streaming" and not self._presence.is_alive(row["writer"]):
            status = "interrupted"
        return StoredMessage(
            id=row["id"],
            parent_id=row["parent_id"],
            message=Message(Role(row["role"]), _parts(row["text"], images)),
            status=status,
            created=row["created"],
            model=row["model"],
            error=row["error"],
            stats=None if row["stats"] is None else msgspec.json.decode(row["stats"]),
            error_kind=row["error_kind"],
        )


def _chat(row: sqlite3.Row) -> Chat:
    return Chat(row["id"], row["title"], row["created"], row["updated"], row["leaf_id"])


def _storable_part(part: Part) -> Part:
    if isinstance(part, TextPart):
        return TextPart(storable(part.text))
    return msgspec.structs.replace(part, name=storable(part.name))


def _parts(text: str, images: Sequence[tuple[int, ImagePart]]) -> tuple[Part, ...]:
    """The opposite of `placed`: put the pictures back between the characters."""
    parts: list[Part] = []
    done = 0
    for place, image in images:
        if place > done:
            parts.append(TextPart(text[done:place]))
            done = place
        parts.append(image)
    if done < len(text):
        parts.append(TextPart(text[done:]))
    return tuple(parts)
