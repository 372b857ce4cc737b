"""Search on the chat screen: in every chat, from any of them."""

from __future__ import annotations

from textual.binding import Binding

from vlmtui.storage.records import Found, StoredMessage
from vlmtui.ui.screens.chat.topic import ChatContext, Topic


class SearchTopic(Topic):
    """Opens the search, and goes where it leads."""

    BINDINGS = (
        Binding("ctrl+f", "topic('search')", "Search all chats", id="chat.search", priority=True),
    )

    def __init__(self, chat: ChatContext) -> None:
        super().__init__(chat)
        self._searched_for = ""
        chat.forms["search"] = self._search
        chat.actions["search"] = lambda: self._search(self._searched_for)

    def _search(self, text: str) -> None:
        from vlmtui.commands.chat_commands import open_chat
        from vlmtui.ui.screens.search_screen import SearchScreen, words

        screen = SearchScreen(self._find, self._read, text)

        def go(hit: Found | None) -> None:
            self._searched_for = screen.text
            if hit is not None and not self.chat.must_wait("Esc stops it, or let it finish"):
                message_id = None if hit.in_title else hit.message_id
                self.chat.start(
                    self.chat.change(
                        lambda context: open_chat(context, hit.chat, message_id, words(hit))
                    ),
                    "chat",
                )
                self.chat.prompt.focus_composer()

        self.chat.screen.app.push_screen(screen, go)

    async def _find(self, text: str, limit: int) -> list[Found]:
        return await self.chat.on_session(lambda session: session.archive.search(text, limit))

    async def _read(self, hit: Found) -> list[StoredMessage]:
        return await self.chat.on_session(
            lambda session: session.archive.thread(hit.chat.id, hit.message_id)
        )
