"""The themes, beside the screen below, which wears the one under the cursor."""

from __future__ import annotations

from textual import on
from textual.widgets import OptionList

from vlmtui.ui.screens.dialogs.chooser import Choice, Chooser
from vlmtui.ui.themes.theme_files import LoadedThemes


class ThemePicker(Chooser):
    """Enter keeps the theme; whoever opened it puts the old one back otherwise."""

    DEFAULT_CSS = """
    ThemePicker {
        align: right top;
        background: transparent;

        & > #chooser {
            width: 62;
            margin: 0;
        }
    }
    """

    title_text = "Themes"
    hints = (("↑↓", "try on"), ("Enter", "keep"), ("Esc", "close"))

    def __init__(self, themes: LoadedThemes, current: str) -> None:
        choices = [
            Choice(
                theme.name,
                theme.name,
                themes.about.get(theme.name, ""),
                "dark" if theme.dark else "light",
            )
            for theme in sorted(themes.themes, key=lambda theme: (not theme.dark, theme.name))
        ]
        super().__init__(choices, current)

    @on(OptionList.OptionHighlighted)
    def _try_on(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        if self.row is not None:
            self.app.theme = self.row.value
