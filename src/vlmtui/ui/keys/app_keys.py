"""Keys of the whole application: the user's own, the help about them, the palette."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.app import App
from textual.binding import Binding, BindingType

from vlmtui import printable
from vlmtui.commands import specs
from vlmtui.ui.background import in_thread
from vlmtui.ui.keys import keymap

if TYPE_CHECKING:
    from textual.dom import DOMNode
    from textual.screen import Screen

    from vlmtui.ui.keys.key_bindings import Entry

_READ_SECONDS = 15.0
"""How long a problem with the settings stays on the screen."""


class AppKeys(App[int]):
    """An application whose keys are remapped by the settings, and told on F1."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f1", "help", "Help", id="app.help", priority=True),
        Binding("ctrl+p", "palette", "Commands", id="app.palette"),
    ]

    _config: Path | None = None

    def take_keys(self, table: Mapping[str, str], config: Path | None) -> None:
        """Use the keys of the settings' `[keys]` from the beginning; complaints name their file."""
        self._config = config
        self._wanted_keys, self._key_problems = keymap.parse(table)
        self._keymap = self._wanted_keys  # `set_keymap` wants a screen

    def check_keys(self) -> None:
        """Check them once everything is painted, if there are any."""
        if self._wanted_keys or self._key_problems:
            self.run_worker(self._check_keys(), group="keys")

    async def _check_keys(self) -> None:
        """Leave out what can't be used, and tell it."""
        from vlmtui.ui.keys import key_bindings

        usable, problems = await in_thread(lambda: key_bindings.check(self._wanted_keys))
        self.set_keymap(usable)
        for problem in [*self._key_problems, *problems]:
            where = f"{self._config}: " if self._config is not None else ""
            self.notify(
                printable.line(f"{where}{problem}"),
                title="A key can't be used",
                severity="warning",
                timeout=_READ_SECONDS,
                markup=False,
            )

    def action_help(self, wanted: str = "") -> None:
        """List the keys of this screen, or what of them is wanted; the same key closes the list."""
        from vlmtui.ui.screens.help_screen import PICTURES, HelpScreen, command_rows, key_rows

        if isinstance(self.screen, HelpScreen):
            self.screen.dismiss(None)
            return
        entries = [entry for entry, _ in _bindings_of(self.screen)]
        if _takes_commands(self.screen):
            areas = ("composer", "chat", "app", "edit")
            of = {area: [entry for entry in entries if entry.area == area] for area in areas}
            others = [entry for entry in entries if entry.area not in areas]
            rows = [
                *key_rows(of["composer"]),
                *PICTURES,
                *key_rows([*of["chat"], *of["app"], *others]),
                *command_rows(specs.of("screen")),
                *key_rows(of["edit"]),  # many, and well known
            ]
        else:
            rows = key_rows(entries)
        self.push_screen(HelpScreen(rows, wanted))

    def action_keys(self) -> None:
        """List the ids of the bindings with their keys, and how to change them."""
        from vlmtui.ui.screens.help_screen import HelpScreen, Row

        how = Row("In the settings file", "[keys]", f'"{{id}}" = "ctrl+k, f5" in {self._config}')
        rows = [
            Row(entry.heading, keymap.shown(entry.keys), f"{entry.id}: {entry.description}")
            for entry, _ in _bindings_of(self.screen)
        ]
        every = Row("Everywhere else", "vlmtui keys", "on the command line lists all of them")
        self.push_screen(HelpScreen([how, *rows, every]))

    def action_palette(self) -> None:
        from vlmtui.ui.screens.dialogs.palette import COMMAND, PaletteScreen, actions, choices

        below = self.screen
        focused = (below.focused or below).ancestors_with_self
        offered = actions(_bindings_of(below), focused)
        shown = specs.of("screen") if _takes_commands(below) else ()

        async def act(chosen: str | None) -> None:
            if chosen is None:
                return
            if chosen.startswith(COMMAND):
                command = chosen.removeprefix(COMMAND)
                await below.do_command(command)  # type: ignore[attr-defined] # it takes commands
            else:
                entry, node = offered[chosen]
                await self.run_action(entry.action, node)

        self.push_screen(PaletteScreen(choices(offered, shown)), act)


def _bindings_of(screen: Screen[object]) -> list[tuple[Entry, DOMNode]]:
    from vlmtui.ui.keys import key_bindings

    return key_bindings.of_screen(screen)


def _takes_commands(screen: Screen[object]) -> bool:
    return hasattr(screen, "do_command")
