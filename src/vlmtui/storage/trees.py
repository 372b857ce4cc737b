"""Whole chats: all their branches read at once, and put into the database as new chats."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence

import msgspec

from vlmtui.storage import rows
from vlmtui.storage.database import Database
from vlmtui.storage.pictures import storable
from vlmtui.storage.presence import Presence
from vlmtui.storage.records import Chat, StoredMessage
from vlmtui.storage.trash import chat_of

_TREE = """
    SELECT messages.*,
        row_number() OVER (PARTITION BY parent_id ORDER BY id) AS sibling,
        count(*) OVER (PARTITION BY parent_id) AS siblings
    FROM messages WHERE chat_id = ? AND deleted IS NULL ORDER BY id
"""


class Trees:
    """The chats of one database as trees. All methods may be called from any thread."""

    def __init__(self, database: Database, presence: Presence) -> None:
        self._database = database
        self._presence = presence
        self._root = database.folder

    def read(self, chat_id: int) -> list[StoredMessage]:
        """All messages that aren't deleted, each after the one it follows.

        Raises:
            StorageError: They can't be read.
        """
        with self._database.read() as connection:
            found = connection.execute(_TREE, (chat_id,)).fetchall()
            images = rows.images_of(connection, self._root, chat=chat_id)
        return [rows.stored(row, images[row["id"]], self._presence) for row in found]

    def add(self, chat: Chat, messages: Sequence[StoredMessage]) -> Chat:
        """Put a whole chat into the database as a new one, all of it or nothing.

        Args:
            chat: What it is to be. Its id is not used; its leaf is one of `messages`.
            messages: Each after the one it follows. They get new ids. One that is streaming is
                interrupted, as nobody writes it any more.

        Returns:
            The chat as it is now.

        Raises:
            StorageError: It can't be written.
        """
        new_ids: dict[int | None, int | None] = {None: None}
        with self._database.write(durable=True) as connection:
            chat_id = self._add_chat(connection, chat)
            for message in messages:
                put = msgspec.structs.replace(
                    message,
                    parent_id=new_ids.get(message.parent_id),  # lost where there is damage
                    message=rows.storable_message(message.message),
                    status="interrupted" if message.status == "streaming" else message.status,
                )
                new_ids[message.id] = rows.insert(connection, chat_id, put, self._root)
            leaf_id = new_ids[chat.leaf_id]
            connection.execute("UPDATE chats SET leaf_id = ? WHERE id = ?", (leaf_id, chat_id))
            return chat_of(connection, chat_id, self._database)

    def _add_chat(self, connection: sqlite3.Connection, chat: Chat) -> int | None:
        return connection.execute(
            "INSERT INTO chats (title, created, updated, pinned, system, sampling, model)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                storable(chat.title),
                chat.created,
                chat.updated or time.time(),
                chat.pinned,
                *rows.own_settings(chat),
            ),
        ).lastrowid
