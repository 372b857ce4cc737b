"""How the chat is answered, on the chat screen: what needs more than a line there."""

from __future__ import annotations

from vlmtui.commands.settings_commands import SystemPrompt, set_system
from vlmtui.ui.screens.chat.topic import ChatContext, Topic


class SettingsTopic(Topic):
    """The system prompt in an editor."""

    def __init__(self, chat: ChatContext) -> None:
        super().__init__(chat)
        chat.commands.shows[SystemPrompt] = self._edit_system

    def _edit_system(self, prompt: SystemPrompt) -> None:
        from vlmtui.ui.screens.dialogs.text_editor import TextEditor

        def take(text: str | None) -> None:
            if text is not None and text != prompt.text:
                changed = self.chat.commands.change(lambda context: set_system(context, text))
                self.chat.start(changed, "command system")

        editor = TextEditor("System prompt of this chat", prompt.text, "None")
        self.chat.screen.app.push_screen(editor, take)
