"""The chats of a user as a whole: listed, searched, put in order, copied, thrown away.

What goes on inside a conversation is `chat.session`. An archive changes only what is on disk: a
session that has the same chat open goes on with the chat that a method here returns.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import msgspec

from vlmtui import paths
from vlmtui.chat.title import MAX_LENGTH
from vlmtui.engine.cache_folder import CacheFolder
from vlmtui.errors import ArchiveError, StorageError
from vlmtui.storage.chats import ChatStore
from vlmtui.storage.images import ImageStore
from vlmtui.storage.records import Chat, StoredMessage

if TYPE_CHECKING:
    from vlmtui.chat.export import Format

LONGEST_TITLE = 200
"""Characters of a title that a user gives; a list shows fewer."""


class Archive:
    """The chats of one store. Every method blocks, and may be called from any thread.

    All raise `StorageError` when the disk refuses or what they name isn't there.

    Attributes:
        chats: The chats one by one.
        listing: All of them as lists, and searched.
    """

    def __init__(self, store: ChatStore, images: ImageStore) -> None:
        """Join the parts; nothing is read yet, and the store stays open."""
        self.chats = store
        self.listing = store.listing
        self._images = images

    # ------------------------------------------------------------------ putting in order

    def rename(self, chat_id: int, title: str) -> None:
        """Give a chat another title; what is no single line becomes one.

        Raises:
            ArchiveError: There is no letter in it.
        """
        # the joiners hold Persian words and families of emoji together
        kept = (s if s.isprintable() or s in "\u200c\u200d" else " " for s in title)
        words = "".join(kept).split()
        if not words:
            raise ArchiveError("A chat needs a title", "Give it a few words")
        self.chats.rename(chat_id, " ".join(words)[:LONGEST_TITLE])

    def duplicate(self, chat_id: int) -> Chat:
        """Copy a chat with all its branches; the copy then goes its own way."""
        store = self.chats
        chat = store.get(chat_id)
        ending = " (copy)"
        title = chat.title.removesuffix(ending)[: max(MAX_LENGTH, len(chat.title)) - len(ending)]
        copy = msgspec.structs.replace(
            chat, title=title + ending, created=time.time(), pinned=False, deleted=None
        )
        return store.trees.add(copy, store.trees.read(chat_id))

    # ------------------------------------------------------------------ to files and back

    def export(
        self,
        chat_id: int,
        destination: Path,
        format: Format,
        *,
        overwrite: bool = False,
        shown: Sequence[StoredMessage] | None = None,
    ) -> Path:
        """Write a chat to a file, whole or not at all; returns the file.

        Args:
            chat_id: The chat.
            destination: A file, or a directory, in which a free name is chosen; `~` is expanded.
            format: "markdown" and "html" are the shown branch for reading, the first with its
                pictures beside it; "json" is everything, and can be imported.
            overwrite: Replace a file that is there.
            shown: The shown branch as it stands in memory, where that may be ahead of the disk.

        Raises:
            ArchiveError: It can't be written there.
        """
        from vlmtui.chat.export import export

        chat = self.chats.get(chat_id)
        thread = self.chats.thread(chat_id) if shown is None else list(shown)
        ahead = {message.id: message for message in thread}
        tree = [ahead.get(message.id, message) for message in self.chats.trees.read(chat_id)]
        return export(chat, thread, tree, destination, format, overwrite=overwrite)

    def exported(self, chat_id: int, format: Format) -> Iterator[bytes]:
        """What `export` writes of a chat, in pieces, but for pictures that would lie beside it."""
        from vlmtui.chat.export import pieces

        chat, thread = self.chats.get(chat_id), self.chats.thread(chat_id)
        return pieces(chat, thread, self.chats.trees.read(chat_id), format)

    def import_json(self, path: Path, opened: BinaryIO | None = None) -> Chat:
        """Make a chat from a JSON file; it is a new one even if the same was imported before.

        Args:
            path: The file, or what it is called where it was opened already.
            opened: What was opened.

        Raises:
            ArchiveError: It is no chat, damaged, or of a newer version; nothing was kept of it.
        """
        from vlmtui.chat.import_json import import_json

        return import_json(self.chats, self._images, path, opened)

    # ------------------------------------------------------------------ throwing away

    def delete(self, chat_id: int) -> None:
        """Take a chat out of lists and searches. For 30 days `chats.trash.restore` has it back."""
        self.chats.trash.delete(chat_id)
        self._forget_state(chat_id)

    def delete_message(self, message_id: int) -> Chat:
        """Hide a message and what follows it on all branches; returns the chat as it is now."""
        chat = self.chats.trash.delete_message(message_id)
        self._forget_state(chat.id)
        return chat

    def _forget_state(self, chat_id: int) -> None:
        """Delete what engines keep of a chat: it tells what was said."""
        if name := self.chats.state_name(chat_id):
            with suppress(StorageError):  # without a place for it there is none
                CacheFolder(paths.engine_cache_dir()).forget_chat(name)

    def tidy(self) -> None:
        """Remove for good what was deleted long ago, and the pictures that nothing shows any more.

        Meant for a quiet moment. Other instances may go on meanwhile.
        """
        self.chats.trash.purge()
        self.chats.trash.sweep(self._images)
