"""What was asked before, in any chat: the questions as they were sent, the last one first.

Deleted chats and messages are left out. Reads by message ids from the end, so the first few come at
once however many chats there are.
"""

from __future__ import annotations

import sqlite3

import msgspec

from vlmtui.messages import Message, Role, parts
from vlmtui.storage import rows
from vlmtui.storage.database import Database

_ASKED = """
    SELECT messages.id, messages.text FROM messages JOIN chats ON chats.id = chat_id
    WHERE role = 'user' AND messages.deleted IS NULL AND chats.deleted IS NULL
        AND (:before IS NULL OR messages.id < :before)
    ORDER BY messages.id DESC LIMIT :limit
"""


class Asked(msgspec.Struct, frozen=True):
    """A question from some chat."""

    message_id: int
    message: Message


class Prompts:
    """The questions in one database. May be used by any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def latest(self, limit: int = 50, before: int | None = None) -> list[Asked]:
        """Questions, the last one first; only those older than the message `before`, if given.

        Raises:
            StorageError: They can't be read.
        """
        with self._database.read() as connection:
            found = connection.execute(_ASKED, {"before": before, "limit": limit}).fetchall()
            return [
                Asked(number, Message(Role.USER, parts(text, self._images(connection, number))))
                for number, text in found
            ]

    def _images(self, connection: sqlite3.Connection, message: int) -> list[rows.Placed]:
        return rows.images_of(connection, self._database.folder, message=message)[message]
