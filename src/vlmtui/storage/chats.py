"""Chats as trees of messages.

A message names the one it follows. A new answer to the same question, or the same question in other
words, is a sibling: nothing is overwritten, and the chat remembers which leaf was shown last. This
module knows nothing of engines or screens; what an answer took comes and goes as plain JSON.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from vlmtui.errors import StorageError
from vlmtui.messages import Message
from vlmtui.storage import rows, stored_json
from vlmtui.storage.database import Database
from vlmtui.storage.drafts import Drafts
from vlmtui.storage.fallback_drafts import FallbackDrafts
from vlmtui.storage.listing import Listing
from vlmtui.storage.pictures import storable
from vlmtui.storage.presence import Presence
from vlmtui.storage.prompts import Prompts
from vlmtui.storage.records import Chat, Status, StoredMessage
from vlmtui.storage.trash import Trash, bring_back, chat_of, no_chat, no_message
from vlmtui.storage.trees import Trees

_BRANCH = """
    WITH RECURSIVE branch (id, parent_id, depth) AS (
        SELECT id, parent_id, 0 FROM messages
        WHERE chat_id = :chat
          AND id = coalesce(:leaf, (SELECT leaf_id FROM chats WHERE id = :chat))
        UNION ALL
        SELECT messages.id, messages.parent_id, depth + 1
        FROM branch JOIN messages ON messages.id = branch.parent_id
            AND messages.id < branch.id  -- as always, but where damage has made it a circle
    )
    SELECT messages.*, (
            SELECT count(*) FROM messages AS other
            WHERE other.chat_id = messages.chat_id AND other.parent_id IS messages.parent_id
                AND other.deleted IS NULL AND other.id <= messages.id
        ) AS sibling, (
            SELECT count(*) FROM messages AS other
            WHERE other.chat_id = messages.chat_id AND other.parent_id IS messages.parent_id
                AND other.deleted IS NULL
        ) AS siblings
    FROM branch JOIN messages USING (id) ORDER BY depth DESC
"""


class ChatStore:
    """The chats in one database. All methods may be called from any thread.

    Every method raises `StorageError` when the database can't be read or written.

    Attributes:
        drafts: What stands in composers.
        refused: What was typed and can't be put into the database.
        prompts: What was asked before.
        listing: Many chats at once, and search.
        trash: Deleting and undoing it.
        trees: Chats with all their branches.
    """

    def __init__(self, database: Database, words: Path | None = None) -> None:
        """Nothing is read or written yet.

        Args:
            database: Closed with the store.
            words: Where what the database refuses is put; None: beside it.
        """
        self._database = database
        self._root = database.folder
        self._presence = Presence(self._root / "instances")
        if not database.in_memory:
            with suppress(StorageError):  # told when something is to be written
                self._presence.enter()
        self.refused = FallbackDrafts(words or self._root)
        self.drafts = Drafts(database, self._presence)
        self.prompts = Prompts(database)
        self.listing = Listing(database, self._presence)
        self.trash = Trash(database)
        self.trees = Trees(database, self._presence)

    @property
    def in_memory(self) -> bool:
        """Whether nothing in it outlasts it."""
        return self._database.in_memory

    def state_name(self, chat_id: int) -> str:
        """What an engine's state of a chat goes by, among those of all databases.

        Empty for one that isn't saved.
        """
        if self._database.in_memory:
            return ""
        return hashlib.sha256(os.fsencode(f"{self._root}\n{chat_id}")).hexdigest()

    def close(self) -> None:
        """Close the database too. Safe to call twice."""
        self._presence.close()
        self._database.close()

    def take_notices(self) -> list[StorageError]:
        """What the user must be told of the database, each once."""
        notices = self._database.notices
        self._database.notices = []
        return notices

    # ------------------------------------------------------------------ writing

    def create(self, title: str) -> Chat:
        """Make a chat without messages. It is not listed before it has one."""
        now = time.time()
        with self._database.write() as connection:
            row = connection.execute(
                "INSERT INTO chats (title, created, updated) VALUES (?, ?, ?) RETURNING *",
                (storable(title), now, now),
            ).fetchone()
            return rows.chat(row)

    def start(self, title: str, message: Message) -> tuple[Chat, StoredMessage]:
        """Make a chat with its first message, both or neither, safe from a power cut."""
        with self._database.write(durable=True):
            chat = self.create(title)
            stored = self.add(chat.id, None, message)
        self._database.in_use.add(chat.id)
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
        taken for interrupted as soon as this process is gone. What it follows comes back if another
        instance has deleted it.
        """
        message = rows.storable_message(message)
        now = time.time()
        writer = self._presence.token if status == "streaming" else None
        with self._database.write(durable=status != "streaming") as connection:
            stored = StoredMessage(0, parent_id, message, status, now, model)
            message_id = rows.insert(connection, chat_id, stored, self._root, writer)
            bring_back(connection, chat_id, parent_id)
            connection.execute(
                "UPDATE chats SET leaf_id = ?, updated = ? WHERE id = ?", (message_id, now, chat_id)
            )
            places = connection.execute(
                "SELECT count(*) FROM messages"
                " WHERE chat_id = ? AND parent_id IS ? AND deleted IS NULL",
                (chat_id, parent_id),
            ).fetchone()[0]
        return msgspec.structs.replace(stored, id=message_id, sibling=places, siblings=places)

    def update_text(
        self,
        message_id: int,
        text: str,
        status: Status,
        stats: dict[str, Any] | None = None,
        error: str | None = None,
        error_kind: str | None = None,
        model: str | None = None,
        thought: str = "",
    ) -> None:
        """Put down an answer as far as it has come; without a model, whose it is stays.

        Unless it is still streaming, it is safe from a power cut when this returns.
        """
        writer = self._presence.token if status == "streaming" else None
        encoded = None if stats is None else msgspec.json.encode(stats).decode()
        with self._database.write(durable=status != "streaming") as connection:
            changed = connection.execute(
                "UPDATE messages SET text = ?, status = ?, writer = ?, stats = ?, error = ?,"
                " error_kind = ?, model = coalesce(?, model), thought = ? WHERE id = ?",
                (
                    *(storable(text), status, writer, encoded, error, error_kind, model),
                    *(storable(thought), message_id),
                ),
            )
            if not changed.rowcount:
                raise StorageError(
                    f"The answer can't be saved: its chat in {self._database.path} was deleted",
                    "Copy what you need, and continue in a new chat",
                )

    def annotate(self, message_id: int, extra: Mapping[str, Any]) -> None:
        """Add to the statistics of a complete answer."""
        with self._database.write() as connection:
            row = connection.execute(
                "SELECT stats FROM messages WHERE id = ?", (message_id,)
            ).fetchone()
            if row is None:
                raise no_message(message_id, self._database)
            stats = {**(stored_json.stats(row["stats"]) or {}), **extra}
            connection.execute(
                "UPDATE messages SET stats = ? WHERE id = ?",
                (msgspec.json.encode(stats).decode(), message_id),
            )

    def rename(self, chat_id: int, title: str) -> None:
        self._change(chat_id, "title = ?", storable(title))

    def pin(self, chat_id: int, pinned: bool) -> None:
        self._change(chat_id, "pinned = ?", pinned)

    def configure(self, chat: Chat) -> None:
        """Keep the system prompt, the sampling and the model that stand in `chat`."""
        self._change(chat.id, "system = ?, sampling = ?, model = ?", *rows.own_settings(chat))

    def _change(self, chat_id: int, columns: str, *values: object) -> None:
        with self._database.write() as connection:
            changed = connection.execute(
                f"UPDATE chats SET {columns} WHERE id = ?", (*values, chat_id)
            )
            if not changed.rowcount:
                raise no_chat(chat_id, self._database)

    def set_leaf(self, chat_id: int, message_id: int) -> None:
        with self._database.write() as connection:
            connection.execute("UPDATE chats SET leaf_id = ? WHERE id = ?", (message_id, chat_id))

    # ------------------------------------------------------------------ reading

    def get(self, chat_id: int) -> Chat:
        with self._database.read() as connection:
            return chat_of(connection, chat_id, self._database)

    def latest(self) -> Chat | None:
        return next(iter(self.recent(1)), None)

    def recent(self, limit: int = 100) -> list[Chat]:
        """Chats that have had messages, the one that got a message last first."""
        with self._database.read() as connection:
            found = connection.execute(
                "SELECT * FROM chats WHERE deleted IS NULL AND last_id IS NOT NULL"
                " ORDER BY last_id DESC LIMIT ?",
                (limit,),
            ).fetchall()
        return [rows.chat(row) for row in found]

    def thread(self, chat_id: int, leaf_id: int | None = None) -> list[StoredMessage]:
        """A branch from the first message to `leaf_id`, or to the chat's own leaf.

        An answer that a dead process left streaming is shown as interrupted. A deleted message is
        part of its branch for those who name its leaf: they may have it on their screen.
        """
        self._database.in_use.add(chat_id)
        with self._database.read() as connection:
            found = connection.execute(_BRANCH, {"chat": chat_id, "leaf": leaf_id}).fetchall()
            images = rows.images_of(connection, self._root, chat=chat_id)
        return [rows.stored(row, images[row["id"]], self._presence) for row in found]

    def ask_to_stop(self, message_id: int) -> None:
        """Leave word for the instance that writes an answer that it stop; it need not hear."""
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT writer FROM messages WHERE id = ?", (message_id,)
            ).fetchone()
        if row is not None and row["writer"] is not None:
            self._presence.ask_to_stop(row["writer"], message_id)

    def is_to_stop(self, message_id: int | None) -> bool:
        """Whether other instances have left such word for this one."""
        return message_id is not None and self._presence.is_to_stop(message_id)

    def siblings(self, message_id: int) -> list[int]:
        """Ids of all messages that follow the same one as this does, its own too, oldest first.

        Deleted ones are left out.
        """
        with self._database.read() as connection:
            found = connection.execute(
                "SELECT other.id FROM messages AS one JOIN messages AS other"
                " ON other.chat_id = one.chat_id AND other.parent_id IS one.parent_id"
                " WHERE one.id = ? AND other.deleted IS NULL ORDER BY other.id",
                (message_id,),
            ).fetchall()
        return [row["id"] for row in found]
