"""The chats of a user as a whole: listed, searched, put in order, copied, thrown away.

What goes on inside a conversation is `chat.session`. An archive changes only what is on disk: a
session that has the same chat open goes on with the chat that a method here returns.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from vlmtui import paths
from vlmtui.chat.title import MAX_LENGTH
from vlmtui.engine.cache_folder import CacheFolder
from vlmtui.errors import ArchiveError, StorageError
from vlmtui.storage.chats import ChatStore
from vlmtui.storage.images import ImageStore
from vlmtui.storage.records import Chat, ChatRow, Found, StoredMessage

if TYPE_CHECKING:
    from vlmtui.chat.export import Format

LONGEST_TITLE = 200
"""Characters of a title that a user gives; a list shows fewer."""


class Archive:
    """The chats of one store. Every method blocks, and may be called from any thread.

    All raise `StorageError` when the disk refuses or what they name isn't there.
    """

    def __init__(self, store: ChatStore, images: ImageStore) -> None:
        """Join the parts; nothing is read yet.

        Args:
            store: Stays open.
            images: The files of the store's pictures.
        """
        self._store = store
        self._images = images

    # ------------------------------------------------------------------ looking

    def rows(self, limit: int = 200, offset: int = 0, title_like: str = "") -> list[ChatRow]:
        """A page of the list of chats: pinned ones first, then the one that got a message last.

        Args:
            limit: How many at most.
            offset: How many to leave out at the beginning.
            title_like: Only chats whose title has this in it; case and accents don't matter.
        """
        return self._store.listing.rows(limit, offset, title_like)

    def version(self) -> int:
        """A number that is another one when anybody, here or in another instance, changed chats."""
        return self._store.listing.version()

    def search(self, text: str, limit: int = 50, chat_id: int | None = None) -> list[Found]:
        """Messages and titles with words that begin with each of the words in `text`."""
        return self._store.listing.search(text, limit, chat_id)

    def get(self, chat_id: int) -> Chat:
        """A chat by its number, also one that is deleted and can be restored."""
        return self._store.get(chat_id)

    def latest(self) -> Chat | None:
        """The chat that was continued last."""
        return self._store.latest()

    def thread(self, chat_id: int, message_id: int | None = None) -> list[StoredMessage]:
        """The messages of a chat up to one of them, or the branch that is shown."""
        return self._store.thread(chat_id, message_id)

    def deleted(self) -> list[Chat]:
        """The chats that can be restored, the one that was deleted last first."""
        return self._store.trash.chats()

    # ------------------------------------------------------------------ putting in order

    def rename(self, chat_id: int, title: str) -> None:
        """Give a chat another title; what is no single line becomes one.

        Raises:
            ArchiveError: There is no letter in it.
        """
        words = "".join(sign if sign.isprintable() else " " for sign in title).split()
        if not words:
            raise ArchiveError("A chat needs a title", "Give it a few words")
        self._store.rename(chat_id, " ".join(words)[:LONGEST_TITLE])

    def pin(self, chat_id: int, pinned: bool) -> None:
        """Put a chat above the others, or back among them."""
        self._store.pin(chat_id, pinned)

    def duplicate(self, chat_id: int, *, branch_only: bool = False) -> Chat:
        """Copy a chat, which then goes its own way.

        Args:
            chat_id: The chat.
            branch_only: Leave out what isn't on the branch that is shown.
        """
        store = self._store
        chat = store.get(chat_id)
        messages = store.thread(chat_id) if branch_only else store.trees.read(chat_id)
        ending = " (copy)"
        title = chat.title.removesuffix(ending)[: max(MAX_LENGTH, len(chat.title)) - len(ending)]
        copy = msgspec.structs.replace(
            chat, title=title + ending, created=time.time(), pinned=False, deleted=None
        )
        return store.trees.add(copy, messages)

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
        """Write a chat to a file, whole or not at all.

        Args:
            chat_id: The chat.
            destination: A file, or a directory, in which a free name is chosen; `~` is expanded.
            format: "markdown" and "html" are the shown branch for reading, the first with its
                pictures beside it; "json" is everything, and can be imported.
            overwrite: Replace a file that is there.
            shown: The shown branch as it stands in memory, where that may be ahead of the disk.

        Returns:
            The file.

        Raises:
            ArchiveError: It can't be written there.
        """
        from vlmtui.chat.export import export

        chat = self._store.get(chat_id)
        thread = self._store.thread(chat_id) if shown is None else list(shown)
        ahead = {message.id: message for message in thread}
        tree = [ahead.get(message.id, message) for message in self._store.trees.read(chat_id)]
        return export(chat, thread, tree, destination, format, overwrite=overwrite)

    def import_json(self, path: Path) -> Chat:
        """Make a chat from a JSON file; it is a new one even if the same was imported before.

        Raises:
            ArchiveError: It is no chat, damaged, or of a newer version; nothing was kept of it.
        """
        from vlmtui.chat.import_json import import_json

        return import_json(self._store, self._images, path)

    # ------------------------------------------------------------------ throwing away

    def delete(self, chat_id: int) -> None:
        """Take a chat out of lists and searches. For 30 days `restore` brings it back."""
        self._store.trash.delete(chat_id)
        self._forget_state(chat_id)

    def restore(self, chat_id: int) -> None:
        self._store.trash.restore(chat_id)

    def delete_message(self, message_id: int) -> Chat:
        """Hide a message and what follows it on all branches.

        Returns:
            The chat, with the branch to show now.
        """
        chat = self._store.trash.delete_message(message_id)
        self._forget_state(chat.id)
        return chat

    def restore_message(self, message_id: int) -> Chat:
        """Undo `delete_message`.

        Returns:
            The chat, with the branch to show now.
        """
        return self._store.trash.restore_message(message_id)

    def _forget_state(self, chat_id: int) -> None:
        """Delete what engines keep of a chat: it tells what was said."""
        if name := self._store.state_name(chat_id):
            with suppress(StorageError):  # without a place for it there is none
                CacheFolder(paths.engine_cache_dir()).forget_chat(name)

    def tidy(self) -> None:
        """Remove for good what was deleted long ago, and the pictures that nothing shows any more.

        Meant for a quiet moment. Other instances may go on meanwhile.
        """
        self._store.trash.purge()
        self._store.trash.sweep(self._images)
