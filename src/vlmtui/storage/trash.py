"""Chats and messages that are deleted and can come back.

Deleting hides: a chat, or a message with all that follows it on every branch. What is visible
always has visible messages before it, so going on from a deleted message brings back the way to it.
After `KEEP_DAYS` a deleted chat goes for good, and with it the pictures that nothing else shows.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence

import msgspec

from vlmtui.errors import StorageError
from vlmtui.storage import rows, stored_json
from vlmtui.storage.database import Database
from vlmtui.storage.images import ImageStore
from vlmtui.storage.records import Chat

KEEP_DAYS = 30
"""How long a deleted chat can be restored."""

_CHUNK = 50
"""Pictures that are removed in one transaction, during which others can't write."""

_BELOW = """
    WITH RECURSIVE below (id) AS (
        SELECT id FROM messages WHERE id = :message
        UNION ALL
        SELECT messages.id FROM below JOIN messages ON messages.parent_id = below.id
            AND messages.id > below.id
    )
"""

_UNUSED = """
    SELECT sha256 FROM images
    WHERE NOT EXISTS (SELECT 1 FROM message_images WHERE message_images.sha256 = images.sha256)
"""


class Trash:
    """What is deleted in one database. All methods may be called from any thread.

    Every method raises `StorageError` when the database can't be read or written, or when what it
    names isn't there.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def delete(self, chat_id: int) -> None:
        """Take a chat out of lists and searches. Nothing happens to one that is deleted already."""
        with self._database.write() as connection:
            chat_of(connection, chat_id, self._database)
            connection.execute(
                "UPDATE chats SET deleted = ? WHERE id = ? AND deleted IS NULL",
                (_now(connection), chat_id),
            )

    def restore(self, chat_id: int) -> None:
        with self._database.write() as connection:
            chat_of(connection, chat_id, self._database)
            connection.execute("UPDATE chats SET deleted = NULL WHERE id = ?", (chat_id,))

    def chats(self) -> list[Chat]:
        with self._database.read() as connection:
            found = connection.execute(
                "SELECT * FROM chats WHERE deleted IS NOT NULL ORDER BY deleted DESC, id DESC"
            ).fetchall()
        return [rows.chat(row) for row in found]

    def delete_message(self, message_id: int) -> Chat:
        """Hide a message and all that follows it.

        Where it was on the shown branch, another answer or wording in its place is shown now, the
        nearest older one first, or else the branch ends before it.

        Returns:
            The chat, with the branch to show.
        """
        with self._database.write() as connection:
            row = self._message(connection, message_id)
            connection.execute(
                f"{_BELOW} UPDATE messages SET deleted = :now, deleted_with = :message"
                " WHERE deleted IS NULL AND id IN below",
                {"message": message_id, "now": _now(connection)},
            )
            chat = chat_of(connection, row["chat_id"], self._database)
            if not self._is_hidden(connection, chat.leaf_id):
                return chat
            neighbour = connection.execute(
                "SELECT id FROM messages WHERE chat_id = ? AND parent_id IS ? AND deleted IS NULL"
                " ORDER BY id > ?, abs(id - ?) LIMIT 1",
                (row["chat_id"], row["parent_id"], message_id, message_id),
            ).fetchone()
            leaf = row["parent_id"] if neighbour is None else _leaf_below(connection, neighbour[0])
            return _shown(connection, chat, leaf)

    def restore_message(self, message_id: int) -> Chat:
        """Undo `delete_message`: bring back just what it hid, and show it.

        Returns:
            The chat, with the branch to show.
        """
        with self._database.write() as connection:
            row = self._message(connection, message_id)
            parent = connection.execute(
                "SELECT deleted, deleted_with FROM messages WHERE id = ?", (row["parent_id"],)
            ).fetchone()
            # What it follows may have been deleted after it, and then takes it along.
            connection.execute(
                "UPDATE messages SET deleted = ?, deleted_with = ? WHERE deleted_with = ?",
                (*(parent or (None, None)), message_id),
            )
            chat = chat_of(connection, row["chat_id"], self._database)
            if self._is_hidden(connection, message_id):
                return chat
            return _shown(connection, chat, _leaf_below(connection, message_id))

    def leaf_below(self, message_id: int) -> int:
        """The newest message that follows this one, however far; itself if none does."""
        with self._database.read() as connection:
            self._message(connection, message_id)
            return _leaf_below(connection, message_id)

    def purge(self) -> int:
        """Remove for good the chats and messages that were deleted more than `KEEP_DAYS` ago.

        The newest chat stays whatever it is: its number would be given to the next one, which an
        instance that has it open would take for it.

        Returns:
            How many chats they were.
        """
        long_ago = (time.time() - KEEP_DAYS * 86_400,)
        with self._database.write() as connection:
            # What follows a deleted message was deleted with it or before: nothing else goes along.
            connection.execute(
                "DELETE FROM messages WHERE deleted_with IS NOT NULL AND deleted < ?", long_ago
            )
            gone = connection.execute(
                "DELETE FROM chats WHERE deleted < ? AND id < (SELECT max(id) FROM chats)", long_ago
            )
            return gone.rowcount

    def sweep(self, images: ImageStore) -> int:
        """Remove the pictures that neither a message nor a draft of any instance shows.

        Only those that this database knows: a file in the store may belong to another database,
        one that was moved away because it is damaged, say.

        Returns:
            How many they were.
        """
        images.sweep()
        with self._database.read() as connection:
            unused = [row[0] for row in connection.execute(_UNUSED)]
        return sum(
            self._sweep(images, unused[start : start + _CHUNK])
            for start in range(0, len(unused), _CHUNK)
        )

    def _sweep(self, images: ImageStore, candidates: Sequence[str]) -> int:
        gone = 0
        with self._database.write() as connection:  # so that nobody begins to use one meanwhile
            unused = {row[0] for row in connection.execute(_UNUSED)}
            for (attachments,) in connection.execute("SELECT attachments FROM drafts"):
                drafted = stored_json.attachments(attachments)
                if drafted is None:
                    return 0  # nobody knows what that draft shows
                unused -= {attachment.sha256 for attachment in drafted}
            for sha256 in unused.intersection(candidates):
                if images.remove(sha256):
                    connection.execute("DELETE FROM images WHERE sha256 = ?", (sha256,))
                    gone += 1
        return gone

    def _message(self, connection: sqlite3.Connection, message_id: int) -> sqlite3.Row:
        row: sqlite3.Row | None = connection.execute(
            "SELECT chat_id, parent_id FROM messages WHERE id = ?", (message_id,)
        ).fetchone()
        if row is None:
            raise no_message(message_id, self._database)
        return row

    def _is_hidden(self, connection: sqlite3.Connection, message_id: int | None) -> bool:
        found = connection.execute(
            "SELECT 1 FROM messages WHERE id = ? AND deleted IS NOT NULL", (message_id,)
        )
        return found.fetchone() is not None


def chat_of(connection: sqlite3.Connection, chat_id: int | None, database: Database) -> Chat:
    """A chat by its number.

    Raises:
        StorageError: There is none.
    """
    row = connection.execute("SELECT * FROM chats WHERE id = ?", (chat_id,)).fetchone()
    if row is None:
        raise no_chat(chat_id, database)
    return rows.chat(row)


def no_chat(chat_id: int | None, database: Database) -> StorageError:
    """What to say of a chat that isn't there."""
    return StorageError(
        f"There is no chat {chat_id} in {database.path}", "It may have been deleted for good"
    )


def no_message(message_id: int, database: Database) -> StorageError:
    """What to say of a message that isn't there."""
    return StorageError(
        f"There is no message {message_id} in {database.path}",
        "Its chat may have been deleted for good",
    )


def bring_back(connection: sqlite3.Connection, chat_id: int, message_id: int | None) -> None:
    """Make a message, the way to it and its chat visible, because somebody goes on from it."""
    connection.execute(
        "UPDATE chats SET deleted = NULL WHERE id = ? AND deleted IS NOT NULL", (chat_id,)
    )
    connection.execute(
        "WITH RECURSIVE way (id, parent_id) AS ("
        " SELECT id, parent_id FROM messages WHERE id = ? AND deleted IS NOT NULL"
        " UNION ALL"
        " SELECT messages.id, messages.parent_id FROM way"
        " JOIN messages ON messages.id = way.parent_id AND messages.id < way.id"
        " WHERE messages.deleted IS NOT NULL"
        ") UPDATE messages SET deleted = NULL, deleted_with = NULL"
        " WHERE id IN (SELECT id FROM way)",
        (message_id,),
    )


def _leaf_below(connection: sqlite3.Connection, message_id: int) -> int:
    # Ids grow along every branch, so the greatest one ends a branch.
    row = connection.execute(
        f"{_BELOW} SELECT max(id) FROM messages WHERE id IN below AND deleted IS NULL",
        {"message": message_id},
    ).fetchone()
    return message_id if row[0] is None else int(row[0])


def _shown(connection: sqlite3.Connection, chat: Chat, leaf_id: int | None) -> Chat:
    connection.execute("UPDATE chats SET leaf_id = ? WHERE id = ?", (leaf_id, chat.id))
    return msgspec.structs.replace(chat, leaf_id=leaf_id)


def _now(connection: sqlite3.Connection) -> float:
    """The time, but never earlier than what is there.

    Deleted by a clock that isn't set yet, a chat would seem to be long gone as soon as it is.
    """
    newest = connection.execute("SELECT max(updated) FROM chats").fetchone()[0]
    return max(time.time(), newest or 0.0)
