"""Settings on the chat screen: the theme."""

from __future__ import annotations

from vlmtui import printable
from vlmtui.ui import commands
from vlmtui.ui.app_themes import AppThemes
from vlmtui.ui.screens.chat_turns import ChatTurns


class ChatSettings(ChatTurns):
    """What can be set while one chats."""

    def choices_theme(self) -> list[commands.Choice]:
        """The themes by name."""
        app = self.app
        assert isinstance(app, AppThemes)
        return [commands.Choice(name) for name in app.theme_names]

    def command_theme(self, name: str) -> None:
        """Choose a theme from the list, or by name."""
        app = self.app
        assert isinstance(app, AppThemes)
        if not name:
            app.action_theme()
        elif name in app.available_themes:
            app.choose_theme(name)
        else:
            self.prompt.say(
                f"There is no theme {printable.line(name, 40)}",
                "There are: " + ", ".join(app.theme_names),
                error=True,
            )
