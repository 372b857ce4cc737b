"""Themes of the whole application: which one, changed while it runs, read again when edited."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from textual.app import App
from textual.filter import LineFilter

from vlmtui import printable
from vlmtui.ui.remembered import Memory
from vlmtui.ui.themes import theme_files
from vlmtui.ui.themes.theme_files import LoadedThemes, ThemeFailure

_LOOK_SECONDS = 1.0
"""Time between two looks at the user's theme files, where there are any."""

_READ_SECONDS = 15.0
"""How long a problem with a theme stays on the screen."""


class AppThemes(App[int]):
    """An application with the themes that vlmtui ships and those of the user."""

    def get_css_variables(self) -> dict[str, str]:
        """Textual's colours, what vlmtui derives from them, and what the theme says itself."""
        colors = super().get_css_variables()
        self.theme_variables = {
            **colors,
            **theme_files.derived(colors),
            **self.current_theme.variables,
        }
        return self.theme_variables

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Textual's, and one for terminals of 16 or of 256 colours."""
        filters = super().get_line_filters()
        if self.is_headless:
            return filters
        if self.console.color_system == "standard":
            from vlmtui.terminal import sixteen_colors  # rare

            return [*filters, sixteen_colors.FILTER]
        if self.console.color_system == "256":
            from vlmtui.terminal import indexed_colors  # in tmux, for example

            return [*filters, indexed_colors.FILTER]
        return filters

    def take_themes(
        self, loaded: LoadedThemes, named: str, directory: Path | None, memory: Memory
    ) -> None:
        """Use a theme from the beginning.

        Args:
            loaded: The themes, or those that the first paint may need.
            named: The one in the settings; empty for the one that was chosen last.
            directory: Where the user's own themes are, or would be.
            memory: Keeps what is chosen.
        """
        self._named_theme = named
        self._theme_directory = directory
        self._theme_memory = memory
        self._reported_themes: set[ThemeFailure] = set()
        self._theme_files = theme_files.signature(directory) if directory is not None else ()
        self._add(loaded)
        automatic = theme_files.MONOCHROME if self.no_color else memory.value.theme
        for name in (named, automatic, theme_files.DEFAULT):
            if name in self.available_themes:
                self.theme = name
                return

    def follow_themes(self) -> None:
        """Read the rest, tell what is wrong, and look at the user's files from time to time."""
        if not self._themes.complete:
            self._add(theme_files.load_themes(self._theme_directory))
        self._tell_themes()
        if self._named_theme and self._named_theme not in self.available_themes:
            self._warn(
                f"There is no theme {printable.line(self._named_theme)!r}. There are: "
                + ", ".join(self.theme_names)
            )
        if self._theme_directory is not None and self._theme_directory.is_dir():
            self.set_interval(_LOOK_SECONDS, self.read_themes)

    def read_themes(self) -> None:
        """Read the user's themes again if a file has changed."""
        if self._theme_directory is None:
            return
        files = theme_files.signature(self._theme_directory)
        if files == self._theme_files:
            return
        self._theme_files = files
        before = self.current_theme
        self._add(theme_files.load_themes(self._theme_directory))
        if self.current_theme != before:
            self.mutate_reactive(AppThemes.theme)
        self._tell_themes()

    def _add(self, loaded: LoadedThemes) -> None:
        self._themes = loaded
        for theme in loaded.themes:
            self.register_theme(theme)

    def _tell_themes(self) -> None:
        for failure in self._themes.failures:
            if failure not in self._reported_themes:
                self._reported_themes.add(failure)
                self._warn(f"{failure.path}: {failure.reason}", "A theme can't be used")

    def _warn(self, message: str, title: str = "") -> None:
        self.notify(
            printable.line(message),
            title=title,
            severity="warning",
            timeout=_READ_SECONDS,
            markup=False,
        )

    @property
    def theme_names(self) -> list[str]:
        """Ours and the user's; Textual's own can be named, too."""
        return sorted(theme.name for theme in self._themes.themes)

    def choose_theme(self, name: str) -> None:
        """Use a theme, now and when vlmtui is started again."""
        self.theme = name
        self._theme_memory.change(theme=name)
        if self._named_theme not in ("", name):
            self._warn(
                f"The settings name {printable.line(self._named_theme)}: it is back at the next "
                "start, unless the line is deleted"
            )

    def action_theme(self) -> None:
        """Choose a theme, each of which is seen while it is highlighted."""
        from vlmtui.ui.screens.dialogs.theme_picker import ThemePicker

        self.read_themes()
        before = self.theme

        def choose(name: str | None) -> None:
            self.theme = before
            if name is not None:
                self.choose_theme(name)

        self.push_screen(ThemePicker(self._themes, before), choose)
