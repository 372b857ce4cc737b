"""What the welcome offers whoever has been here before: the last chat, the newest picture."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from vlmtui.engine.engine_events import Loaded
from vlmtui.errors import VlmtuiError
from vlmtui.ui.keys import keymap
from vlmtui.ui.screens.chat.chat_facts import ThreadShown
from vlmtui.ui.screens.chat.topic import ChatContext, Topic

if TYPE_CHECKING:
    from vlmtui.chat.session import ChatSession
    from vlmtui.storage.records import Chat


class WelcomeTopic(Topic):
    """Enter, with nothing written, opens the chat that it names."""

    def __init__(self, chat: ChatContext) -> None:
        super().__init__(chat)
        self._last: Chat | None = None
        chat.handlers[ThreadShown].append(self._shown)
        chat.holds.append(self._hold)
        chat.handlers[Loaded].append(lambda loaded: chat.prompt.invite(pictures=loaded.info.vision))

    def _shown(self, shown: ThreadShown) -> None:
        self._last = None
        if not shown.thread:
            self.chat.start(self._offer(), "welcome")

    async def _offer(self) -> None:
        self._last, picture = await self.chat.on_session(_look)
        ways = []
        if self._last is not None:
            from vlmtui import dates

            when = dates.short(self._last.updated, time.time())
            send, chats = (
                keymap.keys_of(self.chat.screen.app, name, key)
                for name, key in (("composer.send", "enter"), ("panes.chats", "f4"))
            )
            ways.append((send, f"opens “{self._last.title}”, {when}"))
            ways.append((chats, "lists all chats"))
        if picture:
            ways.append(("@newest", f"attaches {os.path.basename(picture)}"))
        self.chat.transcript.welcome.offer(ways)

    def _hold(self, text: str) -> bool:
        """Open the last chat where nothing is written."""
        last = self._last
        if text.strip() or last is None or self.chat.transcript.messages():
            return False
        from vlmtui.commands import chat_commands

        self._last = None
        self.chat.start(
            self.chat.commands.change(lambda context: chat_commands.open_chat(context, last)),
            "chat",
        )
        return True


def _look(session: ChatSession) -> tuple[Chat | None, str]:
    """The last chat that isn't open, and the newest picture of the working directory; blocks."""
    from vlmtui.compose import references

    last, picture = None, ""
    with suppress(VlmtuiError):
        last = session.archive.chats.latest()
    with suppress(VlmtuiError):
        picture = references.newest()[0]
    return last, picture
