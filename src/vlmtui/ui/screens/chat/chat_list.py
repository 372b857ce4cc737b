"""Chats on the chat screen: opened, begun, put in order, searched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vlmtui import printable
from vlmtui.commands.chat_commands import peculiarities
from vlmtui.commands.outcomes import ChatShown, Said
from vlmtui.errors import ArchiveError
from vlmtui.storage.records import Chat
from vlmtui.ui.screens.chat.chat_archive import ChatArchive

if TYPE_CHECKING:
    from vlmtui.chat.archive import Archive
    from vlmtui.ui.widgets.panes.chats_pane import ChatsPane  # not needed for the first paint

_TITLE = 40
"""Longest title in a sentence, in characters."""


class ChatList(ChatArchive):
    """What can be done with whole chats."""

    # ------------------------------------------------------------------ shown

    async def on_chat_archive_chat_opened(self, event: ChatArchive.ChatOpened) -> None:
        """Show another chat, with the composer as it was left there."""
        said = Said(event.told) if event.told else None
        await self._topics.show(
            ChatShown(
                *(event.thread, self._session.chat, event.draft, event.message_id),
                *(tuple(event.words), said, peculiarities(self._session)),
            )
        )

    def watch_chat(self, before: Chat | None, chat: Chat | None) -> None:
        """Mark the chat that is open in the list."""
        for pane in self._chats_panes():
            pane.current = None if chat is None else chat.id
        if (before and before.id) != (chat and chat.id):
            self._reload()
        for told in self._topics.chat_changed:
            told()

    # ------------------------------------------------------------------ the list

    def _chats_panes(self) -> Iterator[ChatsPane]:
        """The list, once it is mounted."""
        yield from self.query("ChatsPane")  # type: ignore[misc]

    def on_chats_pane_page_wanted(self, event: ChatsPane.PageWanted) -> None:
        """Read it."""
        self.read_chats(event.limit, event.offset, event.title_like)

    def on_chat_archive_chats_read(self, event: ChatArchive.ChatsRead) -> None:
        """Give the pane its page."""
        for pane in self._chats_panes():
            pane.show(
                event.rows,
                offset=event.offset,
                title_like=event.title_like,
                complete=event.complete,
            )

    def on_chat_archive_chats_failed(self, event: ChatArchive.ChatsFailed) -> None:
        """Say why, and show what is really there."""
        self.prompt.say(event.error.message, event.error.hint, error=True)
        self._reload()

    def on_chat_archive_chats_changed(self, event: ChatArchive.ChatsChanged) -> None:
        """Say what was done, and show it."""
        self.prompt.say(event.told, event.advice)
        chat = event.chat
        if chat is not None and self.chat is not None and chat.id == self.chat.id:
            self.chat = chat  # its title
        if event.opens and event.chat is not None:
            self.go_to_chat(event.chat.id, told=event.told)
        self._reload()

    def _reload(self) -> None:
        for pane in self._chats_panes():
            pane.reload()

    def on_chats_pane_action_wanted(self, event: ChatsPane.ActionWanted) -> None:
        """Do something with a chat of the list."""
        if event.action == "new":
            if self._is_idle():
                self.prompt.focus_composer()
                self.command_new("")
        elif event.action == "undo":
            self.undo_deletion()
        elif event.row is not None:
            self.do_with_chat(event.action, event.row.chat)

    def do_with_chat(self, action: str, chat: Chat) -> None:
        """Do something with any chat: open, pin, delete, export or duplicate it."""
        match action:
            case "open":
                self.go_to_chat(chat.id)
            case "pin":
                self._pin(chat)
            case "delete":
                self.delete_chat(chat)
            case "export":
                self.export_chat(chat.id, Path("."), "markdown")
            case "duplicate":
                self.change_chats(lambda archive: archive.duplicate(chat.id), _told(chat, "copied"))

    def on_chats_pane_renamed(self, event: ChatsPane.Renamed) -> None:
        """Give a chat of the list another title."""
        self._rename(event.row.chat, event.title)

    # ------------------------------------------------------------------ doing

    def _is_idle(self) -> bool:
        """Whether the open chat may be left; says so where it may not."""
        return not self._topics.must_wait("Esc stops it, or let it finish")

    def go_to_chat(
        self,
        chat_id: int,
        message_id: int | None = None,
        words: Sequence[str] = (),
        told: str = "",
    ) -> None:
        """Open a chat and go there; an answer on its way is never cut off by it."""
        is_open = self.chat is not None and self.chat.id == chat_id
        if not (is_open and message_id is None):
            if not self._is_idle():
                return
            self.open_chat(chat_id, self.prompt.draft, message_id, words, told)
        self.prompt.focus_composer()

    def delete_chat(self, chat: Chat) -> None:
        """Take a chat away, so that it can be brought back."""
        is_open = self.chat is not None and self.chat.id == chat.id
        if is_open and not self._is_idle():
            return
        self.offer_undo(lambda: self._restore_chat(chat))
        if is_open:
            self.restore(new=True)

        def delete(archive: Archive) -> None:
            archive.delete(chat.id)

        self.change_chats(delete, _told(chat, "deleted"), "/undo brings it back")

    def _restore_chat(self, chat: Chat) -> None:
        def restore(archive: Archive) -> None:
            archive.restore(chat.id)

        self.change_chats(restore, _told(chat, "is back"))

    def _pin(self, chat: Chat) -> None:
        def pin(archive: Archive) -> None:
            archive.pin(chat.id, not chat.pinned)

        self.change_chats(pin, _told(chat, "unpinned" if chat.pinned else "pinned"))

    def _rename(self, chat: Chat, title: str) -> None:
        def rename(archive: Archive) -> Chat:
            archive.rename(chat.id, title)
            return archive.get(chat.id)

        self.change_chats(rename, "Renamed")

    def open_one(self) -> Chat | None:
        """The chat that is open; says so where there is none."""
        if self.chat is None:
            self.prompt.say("This chat begins with its first question", "There is nothing yet")
        return self.chat

    # ------------------------------------------------------------------ commands

    def command_new(self, _: str) -> None:
        """Begin a new chat."""
        self.restore(new=True)

    def command_rename(self, argument: str) -> None:
        """Give this chat another title."""
        if (chat := self.open_one()) is not None:
            self._rename(chat, argument)

    def command_pin(self, _: str) -> None:
        """Put this chat above the others, or back among them."""
        if (chat := self.open_one()) is not None:
            self._pin(chat)

    def command_trash(self, _: str) -> None:
        """Delete this chat."""
        if (chat := self.open_one()) is not None:
            self.delete_chat(chat)

    def command_duplicate(self, _: str) -> None:
        """Go on in a copy of this chat."""
        if (chat := self.open_one()) is not None:
            told = _told(chat, "copied; this is the copy")
            self.change_chats(lambda archive: archive.duplicate(chat.id), told, opens=True)

    def command_open(self, argument: str) -> None:
        """Open the newest chat with these words in its title."""

        def find(archive: Archive) -> Chat:
            for row in archive.rows(1, 0, argument):
                return row.chat
            raise ArchiveError(
                f'No chat has "{printable.line(argument, _TITLE)}" in its title',
                "/search looks into the messages, too",
            )

        self.change_chats(find, "", opens=True)


def _told(chat: Chat, what: str) -> str:
    return f"“{printable.line(chat.title, _TITLE)}” {what}"
