"""How the chat is answered, on the chat screen: what needs more than a line there."""

from __future__ import annotations

from vlmtui.commands.settings_commands import SystemPrompt, own_settings, set_system
from vlmtui.ui.screens.chat.chat_work import ChatWork
from vlmtui.ui.screens.chat.topic import ChatContext, Topic


class SettingsTopic(Topic):
    """The system prompt in an editor; a word on chats that have settings of their own."""

    def __init__(self, chat: ChatContext) -> None:
        super().__init__(chat)
        chat.shows[SystemPrompt] = self._edit_system
        chat.hears[ChatWork.Restored].append(self._look)

    def _edit_system(self, prompt: SystemPrompt) -> None:
        from vlmtui.ui.screens.dialogs.text_editor import TextEditor

        def take(text: str | None) -> None:
            if text is not None and text != prompt.text:
                changed = self.chat.change(lambda context: set_system(context, text))
                self.chat.start(changed, "command system")

        editor = TextEditor("System prompt of this chat", prompt.text, "None")
        self.chat.screen.app.push_screen(editor, take)

    def _look(self, event: ChatWork.Restored) -> None:
        if event.thread:
            self.chat.start(self._tell(), "peculiarities")

    async def _tell(self) -> None:
        if own := await self.chat.on_session(own_settings):
            self.chat.prompt.say(f"This chat has its own settings: {own}", "/set")
