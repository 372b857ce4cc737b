"""Search on the chat screen: in every chat, from any of them, or in the one that is open."""

from __future__ import annotations

from collections.abc import Sequence

from vlmtui.storage.records import Chat, Found, StoredMessage
from vlmtui.ui.screens.chat.topic import ChatContext, Topic, key


class SearchTopic(Topic):
    """Opens the search, and goes where it leads."""

    BINDINGS = (key("ctrl+f", "search", "Search all chats"),)

    def __init__(self, chat: ChatContext) -> None:
        super().__init__(chat)
        self._searched_for = ""
        self._hits: Sequence[Found] = ()
        """What was found in this chat, from its beginning on."""

        self._at = 0
        chat.commands.forms["search"] = self._search
        chat.actions["search"] = lambda: self._search(self._searched_for)
        chat.actions["find"] = lambda: self._search(self._searched_for, chat.screen.chat)
        chat.applies["find"] = lambda: chat.transcript.browsing
        chat.actions["match"] = self._step
        chat.applies["match"] = lambda: chat.transcript.browsing and bool(chat.transcript.match)

    def _search(self, text: str, within: Chat | None = None) -> None:
        from vlmtui.ui.screens.search_screen import SearchScreen

        async def find(text: str, limit: int) -> list[Found]:
            chat_id = within.id if within is not None else None
            return await self.chat.on_session(
                lambda session: session.archive.listing.search(text, limit, chat_id)
            )

        screen = SearchScreen(find, self._read, text, here=within is not None)

        def go(hit: Found | None) -> None:
            self._searched_for = screen.line.value
            if hit is None or self.chat.must_wait("Esc stops it, or let it finish"):
                return
            if within is None:
                self.chat.start(self._go(hit), "chat")
                self.chat.prompt.focus_composer()
                return
            hits = (each for each in screen.rows if not each.in_title or each is hit)
            self._hits = sorted(hits, key=lambda each: each.message_id)
            self._at = self._hits.index(hit)
            self.chat.start(self._go(hit, among=True), "chat")

        self.chat.screen.app.push_screen(screen, go)

    def _step(self, by: int) -> None:
        if not self.chat.must_wait():
            self._at = (self._at + by) % len(self._hits)
            self.chat.start(self._go(self._hits[self._at], among=True), "chat")

    async def _go(self, hit: Found, *, among: bool = False) -> None:
        """Go to a hit; `among` those of this chat, with the cursor on its message."""
        from vlmtui.commands.chat_commands import open_chat
        from vlmtui.ui.screens.search_screen import words

        message_id = None if hit.in_title else hit.message_id
        transcript = self.chat.transcript
        await self.chat.commands.change(
            lambda context: open_chat(context, hit.chat, message_id, words(hit))
        )
        if among:
            transcript.match = f"{self._at + 1} of {len(self._hits)}"
            transcript.focus(scroll_visible=False)
            await transcript.put_cursor(hit.message_id)

    async def _read(self, hit: Found) -> list[StoredMessage]:
        return await self.chat.on_session(
            lambda session: session.archive.chats.thread(hit.chat.id, hit.message_id)
        )
