"""Search on the chat screen: in every chat, from any of them, or in the one that is open."""

from __future__ import annotations

from textual.binding import Binding

from vlmtui.storage.records import Chat, Found, StoredMessage
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
        chat.actions["find"] = lambda: self._search(self._searched_for, chat.screen.chat)
        chat.applies["find"] = lambda: chat.transcript.browsing

    def _search(self, text: str, within: Chat | None = None) -> None:
        from vlmtui.commands.chat_commands import open_chat
        from vlmtui.ui.screens.search_screen import SearchScreen, words

        async def find(text: str, limit: int) -> list[Found]:
            chat_id = within.id if within is not None else None
            return await self.chat.on_session(
                lambda session: session.archive.search(text, limit, chat_id)
            )

        screen = SearchScreen(find, self._read, text, here=within is not None)

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

    async def _read(self, hit: Found) -> list[StoredMessage]:
        return await self.chat.on_session(
            lambda session: session.archive.thread(hit.chat.id, hit.message_id)
        )
