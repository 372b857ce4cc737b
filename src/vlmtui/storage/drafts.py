"""What stands in a composer and isn't sent yet, so that a crash doesn't cost it.

A draft belongs to the instance that writes it: two of them may compose in the same chat, or in a
new one, without overwriting each other. What a dead instance left is taken over by the next that
asks, one draft at a time, so nothing typed is ever thrown away unseen.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence

import msgspec

from vlmtui.messages import ImagePart
from vlmtui.storage import stored_json
from vlmtui.storage.database import Database
from vlmtui.storage.pictures import picture, remember, storable
from vlmtui.storage.presence import Presence
from vlmtui.storage.records import Draft


class Drafts:
    """The drafts of all chats; a chat id of None means one that does not exist yet."""

    def __init__(self, database: Database, presence: Presence) -> None:
        self._database = database
        self._presence = presence
        self._root = database.folder

    def save(self, chat_id: int | None, text: str, images: Sequence[ImagePart] = ()) -> None:
        """Keep what is in this instance's composer. Nothing in it: nothing is kept.

        Raises:
            StorageError: It can't be written.
        """
        attachments = [
            stored_json.Attachment(image.sha256, storable(image.name), image.detail)
            for image in images
        ]
        row = (
            storable(text),
            msgspec.json.encode(attachments).decode(),
            time.time(),
            self._presence.token,
            chat_id,
        )
        with self._database.write() as connection:
            if not text and not images:
                connection.execute("DELETE FROM drafts WHERE writer = ? AND chat_id IS ?", row[3:])
                return
            remember(connection, self._root, images)
            changed = connection.execute(
                "UPDATE drafts SET text = ?, attachments = ?, updated = ?"
                " WHERE writer = ? AND chat_id IS ?",
                row,
            )
            if not changed.rowcount:
                connection.execute(
                    "INSERT INTO drafts (text, attachments, updated, writer, chat_id)"
                    " VALUES (?, ?, ?, ?, ?)",
                    row,
                )

    def find(self, chat_id: int | None) -> Draft:
        """What is or was in the composer of that chat.

        This instance's draft, or else the newest one that a dead instance left, which is this
        instance's from now on.

        Raises:
            StorageError: It can't be read.
        """
        with self._database.read() as connection:
            row = self._choose(connection, chat_id)
            if row is None:
                return Draft()
            draft = Draft(row["text"], self._pictures(connection, row["attachments"]))
        token = self._presence.token
        if row["writer"] != token:
            with self._database.write() as connection:
                # Unless another instance was quicker.
                taken = connection.execute(
                    "UPDATE drafts SET writer = ? WHERE id = ? AND writer = ?",
                    (token, row["id"], row["writer"]),
                )
                if not taken.rowcount:
                    return Draft()
        return draft

    def _choose(self, connection: sqlite3.Connection, chat_id: int | None) -> sqlite3.Row | None:
        rows: list[sqlite3.Row] = connection.execute(
            "SELECT * FROM drafts WHERE chat_id IS ? ORDER BY updated DESC, id DESC", (chat_id,)
        ).fetchall()
        for row in rows:
            if row["writer"] == self._presence.token:
                return row
        for row in rows:
            if not self._presence.is_alive(row["writer"]):
                return row
        return None

    def _pictures(self, connection: sqlite3.Connection, attachments: str) -> tuple[ImagePart, ...]:
        found: list[ImagePart] = []
        for each in stored_json.attachments(attachments) or ():
            detail = None if each.detail is None else str(each.detail)
            row = connection.execute(
                "SELECT *, ? AS name, ? AS detail FROM images WHERE sha256 = ?",
                (each.name, detail, each.sha256),
            ).fetchone()
            if row is not None:
                found.append(picture(row, self._root))
        return tuple(found)
