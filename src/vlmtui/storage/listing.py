"""Many chats at once: listed, and searched in all their words.

Deleted chats and messages are neither listed nor found. Made for 10,000 chats on a slow disk: a
list reads an index and looks only at the messages of the chats that it returns.
"""

from __future__ import annotations

import os
import re
import sqlite3
import unicodedata

from vlmtui.storage import rows
from vlmtui.storage.database import Database
from vlmtui.storage.pictures import storable
from vlmtui.storage.presence import Presence
from vlmtui.storage.records import ChatRow, Found

PREVIEW_LENGTH = 160
"""Characters of a message that a list gets to show."""

EXCERPT_LENGTH = 400
"""Most characters of an excerpt. Sixteen words are shorter, unless they are no words."""

_ROWS = """
    SELECT page.*,
        (SELECT count(*) FROM messages
         WHERE chat_id = page.id AND deleted IS NULL) AS messages,
        (SELECT count(*) FROM messages JOIN message_images ON message_id = messages.id
         WHERE chat_id = page.id AND deleted IS NULL) AS images,
        (SELECT substr(CASE WHEN leaf.text <> '' THEN leaf.text ELSE before.text END, 1, :preview)
         FROM messages AS leaf LEFT JOIN messages AS before ON before.id = leaf.parent_id
         WHERE leaf.id = page.leaf_id) AS preview,
        (SELECT group_concat(writer) FROM messages
         WHERE chat_id = page.id AND status = 'streaming' AND deleted IS NULL) AS writers
    FROM (
        SELECT * FROM chats
        WHERE deleted IS NULL AND last_id IS NOT NULL AND {matching}
        ORDER BY pinned DESC, last_id DESC LIMIT :limit OFFSET :offset
    ) AS page
    ORDER BY pinned DESC, last_id DESC
"""

_MESSAGES = """
    SELECT chats.*, messages.id AS message_id,
        snippet(messages_fts, 0, :begin, :end, '…', 16) AS excerpt
    FROM messages_fts JOIN messages ON messages.id = messages_fts.rowid
        JOIN chats ON chats.id = messages.chat_id
    WHERE messages_fts MATCH :query AND messages.deleted IS NULL AND chats.deleted IS NULL
        AND (:chat IS NULL OR chats.id = :chat)
    ORDER BY messages_fts.rank, messages.id DESC LIMIT :limit
"""

_TITLES = """
    SELECT chats.*, leaf_id AS message_id, highlight(chats_fts, 0, :begin, :end) AS excerpt
    FROM chats_fts JOIN chats ON chats.id = chats_fts.rowid
    WHERE chats_fts MATCH :query AND deleted IS NULL AND leaf_id IS NOT NULL AND :chat IS NULL
    ORDER BY last_id DESC LIMIT :limit
"""


class Listing:
    """The chats of one database as lists. All methods may be called from any thread.

    Every method raises `StorageError` when the database can't be read.
    """

    def __init__(self, database: Database, presence: Presence) -> None:
        self._database = database
        self._presence = presence

    def rows(self, limit: int = 200, offset: int = 0, title_like: str = "") -> list[ChatRow]:
        """Chats that have had messages: pinned ones first, then the one that got one last.

        Args:
            limit: How many at most.
            offset: How many to leave out at the beginning.
            title_like: Only chats whose title has this in it; case and accents don't matter.
        """
        wanted = _folded(title_like)
        with self._database.read() as connection:
            if wanted:
                connection.create_function("folded", 1, _folded, deterministic=True)
            matching = "instr(folded(title), :title)" if wanted else "true"
            found = connection.execute(
                _ROWS.format(matching=matching),
                {"limit": limit, "offset": offset, "title": wanted, "preview": PREVIEW_LENGTH},
            ).fetchall()
        return [
            ChatRow(
                rows.chat(row),
                row["messages"],
                row["images"],
                " ".join((row["preview"] or "").split()),
                any(map(self._presence.is_alive, filter(None, (row["writers"] or "").split(",")))),
            )
            for row in found
        ]

    def version(self) -> int:
        """A number that is another one when anybody has changed something."""
        with self._database.read() as connection:
            (number,) = connection.execute("PRAGMA data_version").fetchone()
        return int(number)

    def search(self, text: str, limit: int = 50, chat_id: int | None = None) -> list[Found]:
        """Messages and titles that have words beginning with each of the words in `text`.

        Case and accents don't matter. Signs that mean something to FTS5 are just signs here. Chats
        whose title has the words come first, by their messages where these have them too; then
        messages, best first. Of one chat, where one is named, the messages alone.
        """
        words = [word for word in text.replace("\0", " ").split() if re.search(r"\w", word)]
        if not words:
            return []
        # A text can't have guessed these.
        begin, end = (f"\x02{os.urandom(8).hex()}{sign}" for sign in "<>")
        query = " ".join('"' + storable(word).replace('"', '""') + '"*' for word in words)
        values = {"query": query, "limit": limit, "begin": begin, "end": end, "chat": chat_id}
        with self._database.read() as connection:
            titles = connection.execute(_TITLES, values).fetchall()
            messages = connection.execute(_MESSAGES, values).fetchall()
        seen = {row["id"] for row in messages}
        named = {row["id"] for row in titles}
        found = [_found(row, begin, end, in_title=True) for row in titles if row["id"] not in seen]
        hits = [_found(row, begin, end) for row in messages]
        found += [hit for hit in hits if hit.chat.id in named]
        found += [hit for hit in hits if hit.chat.id not in named]
        return found[:limit]


def _folded(text: str) -> str:
    """The text without what makes no difference."""
    if text.isascii():
        return text.lower()
    letters = unicodedata.normalize("NFKD", storable(text).casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def _found(row: sqlite3.Row, begin: str, end: str, *, in_title: bool = False) -> Found:
    excerpt, spans = _marked(row["excerpt"], begin, end)
    return Found(rows.chat(row), row["message_id"], excerpt, spans, in_title)


def _marked(text: str, begin: str, end: str) -> tuple[str, tuple[tuple[int, int], ...]]:
    """An excerpt on one line, and where in it the hits are."""
    line = ""
    start = 0
    spans: list[tuple[int, int]] = []
    for piece in re.split(f"({re.escape(begin)}|{re.escape(end)})", text):
        if piece == begin:
            start = len(line)
        elif piece == end:
            spans.append((start, len(line)))
        else:
            piece = re.sub(r"\s+", " ", piece)
            line += piece if line else piece.lstrip()
    return _cut(line.rstrip(), spans)


def _cut(line: str, spans: list[tuple[int, int]]) -> tuple[str, tuple[tuple[int, int], ...]]:
    """At most so many characters of an excerpt, with its first hit among them."""
    if len(line) <= EXCERPT_LENGTH:
        return line, tuple(spans)
    first = spans[0][0] if spans else 0
    begin = max(0, min(first - EXCERPT_LENGTH // 4, len(line) - EXCERPT_LENGTH))
    end = begin + EXCERPT_LENGTH
    kept = [(max(a, begin) - begin, min(b, end) - begin) for a, b in spans if b > begin and a < end]
    return line[begin:end], tuple(kept)
