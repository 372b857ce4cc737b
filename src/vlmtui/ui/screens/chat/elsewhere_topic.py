"""What another instance of vlmtui does with the same chats, shown within two seconds.

Its answer in the chat that is open here grows and ends as it does there; the list tells which chats
are being written. Looks only while no turn runs here, and only at what is in sight.
"""

from __future__ import annotations

from contextlib import suppress

from textual import events

from vlmtui.errors import StorageError
from vlmtui.ui.screens.chat.chat_facts import ChatsChanged
from vlmtui.ui.screens.chat.topic import ChatContext, Topic
from vlmtui.ui.widgets.transcript.entries import MessageEntry

LOOK_SECONDS = 2.0
"""Time between two looks."""


class ElsewhereTopic(Topic):
    """Keeps up with other instances."""

    def __init__(self, chat: ChatContext) -> None:
        super().__init__(chat)
        self._version = 0
        chat.handlers[events.Mount].append(
            lambda _: chat.screen.set_interval(LOOK_SECONDS, self._look)
        )

    def _look(self) -> None:
        if not self.chat.busy and not self.chat.left and self.chat.opened.done():
            self.chat.start(self._keep_up(), "elsewhere")

    def _written_elsewhere(self) -> list[MessageEntry]:
        """The answers shown here that another instance is writing."""
        messages = self.chat.transcript.messages()
        return [entry for entry in messages if entry.stored.status == "streaming"]

    async def _keep_up(self) -> None:
        before = {entry.stored.id: entry.stored for entry in self._written_elsewhere()}
        with suppress(StorageError):  # what needs the disk tells
            version, thread = await self.chat.on_session(
                lambda session: (
                    session.archive.listing.version(),
                    session.transcript() if before else [],
                )
            )
            if self.chat.busy:
                return  # a turn has begun here
            for stored in thread:
                if stored != before.get(stored.id, stored):
                    await self.chat.transcript.end_answer(stored)
                    self.chat.transcript.price(stored.stats)
            if version != self._version:
                self._version = version
                self.chat.emit_now(ChatsChanged())
