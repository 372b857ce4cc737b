"""Choosing a theme by a command."""

from __future__ import annotations

from vlmtui import printable
from vlmtui.commands.outcomes import Choice
from vlmtui.ui.screens.chat.topic import ChatContext, Topic
from vlmtui.ui.themes.app_themes import AppThemes


class ThemeTopic(Topic):
    """`/theme`: the list of themes, or one of them by name."""

    def __init__(self, chat: ChatContext) -> None:
        super().__init__(chat)
        chat.commands.forms["theme"] = self._theme
        chat.commands.choices["theme"] = self._choices

    @property
    def _app(self) -> AppThemes:
        app = self.chat.screen.app
        assert isinstance(app, AppThemes)
        return app

    def _choices(self) -> list[Choice]:
        return [Choice(name) for name in self._app.theme_names]

    def _theme(self, name: str) -> None:
        if not name:
            self._app.action_theme()
        elif name in self._app.available_themes:
            self._app.choose_theme(name)
        else:
            self.chat.prompt.say(
                f"There is no theme {printable.line(name, 40)}",
                "There are: " + ", ".join(self._app.theme_names),
                error=True,
            )
