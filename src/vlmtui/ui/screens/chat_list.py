"""Chats on the chat screen: opened, begun."""

from __future__ import annotations

from vlmtui.storage.records import Draft
from vlmtui.ui.screens.chat_turns import ChatTurns
from vlmtui.ui.screens.chat_work import ChatWork


class ChatList(ChatTurns):
    """What can be done with whole chats."""

    async def on_chat_work_restored(self, event: ChatWork.Restored) -> None:
        """Show the chat, and what was in the composer unless something is there already."""
        self.chat = self._session.chat
        await self.transcript.show(event.thread)
        pictures = [image for stored in event.thread for image in stored.message.images]
        self._last_in_chat = pictures[-1] if pictures else None
        if event.draft != Draft() and not self.prompt.text:
            self.prompt.draft = event.draft
        self._choose_image()
        if event.warning is not None:
            await self.transcript.tell(event.warning.message, event.warning.hint, error=True)
        if event.error is not None:
            await self._tell(event.error)

    async def on_chat_work_restore_failed(self, event: ChatWork.RestoreFailed) -> None:
        """Begin anew, and say why."""
        await self._tell(event.error)

    def command_new(self, _: str) -> None:
        """Begin a new chat."""
        self.restore(new=True)
