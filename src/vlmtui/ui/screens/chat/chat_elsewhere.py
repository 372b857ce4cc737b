"""What another instance of vlmtui does with the same chats, shown within two seconds.

Its answer in the chat that is open here grows and ends as it does there; the list tells which chats
are being written. Looks only while no turn runs here, and only at what is in sight.
"""

from __future__ import annotations

from collections.abc import Sequence

from textual import work
from textual.message import Message

from vlmtui.errors import StorageError
from vlmtui.storage.records import StoredMessage
from vlmtui.ui.screens.chat.chat_list import ChatList
from vlmtui.ui.widgets.transcript.entries import MessageEntry

LOOK_SECONDS = 2.0
"""Time between two looks."""


class ChatElsewhere(ChatList):
    """Keeps up with other instances."""

    class Looked(Message):
        """What another instance writes here has come so far; nothing if it writes elsewhere."""

        def __init__(self, thread: Sequence[StoredMessage], version: int) -> None:
            super().__init__()
            self.thread = thread
            self.version = version

    _version = 0

    def on_mount(self) -> None:
        """Look now and then."""
        self.set_interval(LOOK_SECONDS, self._look)

    def _look(self) -> None:
        if not self._topics.busy and not self._topics.left and self._topics.opened.done():
            self.look_elsewhere(bool(self._written_elsewhere()))

    def _written_elsewhere(self) -> list[MessageEntry]:
        """The answers shown here that another instance is writing."""
        messages = self.transcript.messages()
        return [entry for entry in messages if entry.stored.status == "streaming"]

    @work(thread=True, exclusive=True, group="elsewhere", exit_on_error=False)
    def look_elsewhere(self, here: bool) -> None:
        """Look what has changed; `here`, whether what is shown is to be read again."""
        try:
            version = self._session.archive.version()
            thread = self._session.transcript() if here else []
        except StorageError:
            return  # what needs the disk tells
        self.post_message(self.Looked(thread, version))

    async def on_chat_elsewhere_looked(self, event: Looked) -> None:
        """Show it, unless a turn has begun here."""
        if self._topics.busy:
            return
        before = {entry.stored.id: entry.stored for entry in self._written_elsewhere()}
        for stored in event.thread:
            if stored != before.get(stored.id, stored):
                await self.transcript.end_answer(stored)
                self.transcript.price(stored.stats)
        if event.version != self._version:
            self._version = event.version
            self._reload()
