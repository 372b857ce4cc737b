"""The threads of the chat screen that work on chats as a whole: listed, changed, opened.

Like those of `chat_work`, they touch no widget and tell by messages what came of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from textual import work
from textual.message import Message

from vlmtui.errors import StorageError, VlmtuiError
from vlmtui.storage.records import Chat, ChatRow, Draft, StoredMessage
from vlmtui.ui.screens.chat.chat_turns import ChatTurns

if TYPE_CHECKING:
    from vlmtui.chat.archive import Archive

    Change = Callable[[Archive], Chat | None]


class ChatArchive(ChatTurns):
    """A screen that reads and changes all chats."""

    class ChatsRead(Message):
        """A page of the list of chats."""

        def __init__(
            self, rows: Sequence[ChatRow], offset: int, title_like: str, complete: bool
        ) -> None:
            super().__init__()
            self.rows = rows
            self.offset = offset
            self.title_like = title_like
            self.complete = complete

    class ChatsFailed(Message):
        """Something could not be done with a chat, or with all of them."""

        def __init__(self, error: VlmtuiError) -> None:
            super().__init__()
            self.error = error

    class ChatsChanged(Message):
        """The list is not what it was."""

        def __init__(self, told: str, advice: str, chat: Chat | None, opens: bool) -> None:
            super().__init__()
            self.told = told
            self.advice = advice
            self.chat = chat
            self.opens = opens

    class Exported(Message):
        """A chat is in a file."""

        def __init__(self, path: Path) -> None:
            super().__init__()
            self.path = path

    class ChatOpened(Message):
        """Another chat is open: what is in it, and what was in its composer."""

        def __init__(
            self,
            thread: Sequence[StoredMessage],
            draft: Draft,
            message_id: int | None,
            words: Sequence[str],
            told: str,
        ) -> None:
            super().__init__()
            self.thread = thread
            self.draft = draft
            self.message_id = message_id
            self.words = words
            self.told = told

    @work(thread=True, exclusive=True, group="chats", exit_on_error=False)
    def read_chats(self, limit: int, offset: int, title_like: str) -> None:
        """Read a page of the list."""
        try:
            rows = self._session.archive.rows(limit, offset, title_like)
        except VlmtuiError as error:
            self.post_message(self.ChatsFailed(error))
        else:
            self.post_message(self.ChatsRead(rows, offset, title_like, len(rows) < limit))

    @work(thread=True, group="change_chats", exit_on_error=False)
    def change_chats(
        self, change: Change, told: str, advice: str = "", *, opens: bool = False
    ) -> None:
        """Change something about chats.

        Args:
            change: What to do; returns a chat that comes of it.
            told: Said when it is done.
            advice: Said after it.
            opens: The chat that comes of it is opened then.
        """
        try:
            chat = change(self._session.archive)
        except VlmtuiError as error:
            self.post_message(self.ChatsFailed(error))
        else:
            self.post_message(self.ChatsChanged(told, advice, chat, opens))

    @work(thread=True, exclusive=True, group="export", exit_on_error=False)
    def export_chat(
        self, chat_id: int, destination: Path, format_name: str | None, *, overwrite: bool = False
    ) -> None:
        """Write a chat to a file.

        Args:
            chat_id: The chat. Of the one that is open it is what stands on the screen.
            destination: A file, or a directory.
            format_name: As `Archive.export` takes it; None goes by the file's name.
            overwrite: Replace a file that is there.
        """
        from vlmtui.chat.export import format_of

        session = self._session
        try:
            is_open = session.chat is not None and session.chat.id == chat_id
            path = session.archive.export(
                chat_id,
                destination,
                format_of(destination, format_name),
                overwrite=overwrite,
                shown=session.transcript() if is_open else None,
            )
        except VlmtuiError as error:
            self.post_message(self.ChatsFailed(error))
        else:
            self.post_message(self.Exported(path))

    @work(thread=True, exclusive=True, group="restore", exit_on_error=False)
    def open_chat(
        self,
        chat_id: int,
        left: Draft,
        message_id: int | None = None,
        words: Sequence[str] = (),
        told: str = "",
    ) -> None:
        """Open another chat, or another branch of the same.

        Args:
            chat_id: The chat.
            left: What is in the composer, for the chat that is left.
            message_id: Open it on a branch with this message.
            words: What to mark in that message.
            told: Said when it is open.
        """
        session = self._session
        try:
            with suppress(StorageError):
                session.save_draft(left.text, left.images)
            if session.chat is None or session.chat.id != chat_id:
                session.open(session.archive.get(chat_id))
            thread = session.select(message_id) if message_id else session.transcript()
            draft = session.draft()
        except VlmtuiError as error:
            self.post_message(self.ChatsFailed(error))
        else:
            self.post_message(self.ChatOpened(thread, draft, message_id, words, told))
