"""Search on the chat screen: in every chat, from any of them."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType

from vlmtui.storage.records import Found, StoredMessage
from vlmtui.ui.screens.chat.chat_list import ChatList


class ChatSearch(ChatList):
    """Opens the search, and goes where it leads."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+f", "search", "Search all chats", id="chat.search", priority=True),
    ]

    _searched_for = ""

    def action_search(self) -> None:
        """Search, beginning with what was searched for last."""
        self._open_search(self._searched_for)

    def command_search(self, argument: str) -> None:
        """Search in all chats."""
        self._open_search(argument)

    def _open_search(self, text: str) -> None:
        from vlmtui.ui.screens.search_screen import SearchScreen, words

        screen = SearchScreen(self._find, self._read, text)

        def go(hit: Found | None) -> None:
            self._searched_for = screen.text
            if hit is not None:
                message_id = None if hit.in_title else hit.message_id
                self.go_to_chat(hit.chat.id, message_id, words(hit))

        self.app.push_screen(screen, go)

    def _find(self, text: str, limit: int) -> list[Found]:
        return self._session.archive.search(text, limit)

    def _read(self, hit: Found) -> list[StoredMessage]:
        return self._session.archive.thread(hit.chat.id, hit.message_id)
