"""The keys of the screen below, as they are now, and the commands; over that screen."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from itertools import zip_longest
from typing import ClassVar

import msgspec
from rich.cells import cell_len
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Input, Static

from vlmtui.commands.spec import Spec
from vlmtui.ui import fuzzy
from vlmtui.ui.keys import key_hints, keymap
from vlmtui.ui.keys.key_bindings import Entry
from vlmtui.ui.screens.dialogs.dialog import Dialog
from vlmtui.ui.widgets.line_input import LineInput

_HINTS = (("↑↓ PgUp PgDn", "scroll"), ("Esc", "close"))


class Row(msgspec.Struct, frozen=True):
    """A line of the help."""

    heading: str
    keys: str
    does: str
    also: str = ""
    """Other words that find it."""


PICTURES = (Row("Pictures", "@path", 'in a message; also @"my pic.png"; \\@ is a plain @'),)


def key_rows(entries: Sequence[Entry]) -> list[Row]:
    """The lines about keys."""
    return [Row(entry.heading, keymap.shown(entry.keys), entry.description) for entry in entries]


def command_rows(specs: Sequence[Spec]) -> list[Row]:
    """The lines about commands."""
    return [
        Row("Commands", f"/{spec.name} {spec.arguments}".rstrip(), spec.summary, spec.also)
        for spec in specs
    ]


class HelpScreen(Dialog[None]):
    """Lists what it is given; what is typed narrows it."""

    DEFAULT_CSS = """
    HelpScreen {
        & > .frame {
            width: 86;
            padding: 0 1;
        }
        & Input {
            dock: top;
            padding: 0;
            background: $surface;
        }
        & VerticalScroll {
            height: auto;
            max-height: 100%;
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter", "close", "Close", id="help.close", priority=True),
        Binding(keymap.UP, "scroll('up')", "Scroll up", id="help.up", priority=True),
        Binding(keymap.DOWN, "scroll('down')", "Scroll down", id="help.down", priority=True),
        Binding("pageup", "scroll('page_up')", "Page up", id="help.pageup"),
        Binding("pagedown", "scroll('page_down')", "Page down", id="help.pagedown"),
        Binding("ctrl+home", "scroll('home')", "To the start", id="help.start"),
        Binding("ctrl+end", "scroll('end')", "To the end", id="help.end"),
    ]

    def __init__(self, rows: Sequence[Row], wanted: str = "") -> None:
        """Show lines; `wanted` is looked for already, as if it had been typed here."""
        super().__init__()
        self._wanted = wanted
        self._rows = tuple(rows)

    def compose(self) -> ComposeResult:
        with Vertical(classes="frame") as panel:
            panel.border_title = "Help"
            key_hints.in_border(panel, _HINTS)
            yield LineInput(self._wanted, placeholder="Type to search", select_on_focus=False)
            with VerticalScroll(can_focus=False):
                self._fit(self.app.size.width)
                yield Static(self._found(self._wanted))

    def on_resize(self, event: events.Resize) -> None:
        self._fit(event.size.width)
        self._show()
        self.call_after_refresh(key_hints.in_border, self.query_one(".frame"), _HINTS)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._show()
        self.query_one(VerticalScroll).scroll_home(animate=False)

    def _fit(self, columns: int) -> None:
        self._width = max(min(columns, 86), 40) - 5  # border, padding, scrollbar

    def _show(self) -> None:
        self.query_one(Static).update(self._found(self.query_one(Input).value))

    def _found(self, query: str) -> Content:
        rows = [
            row
            for row in self._rows
            if fuzzy.match(query, f"{row.keys} {row.does} {row.also}", scattered=False)
        ]
        rows = rows or [Row("Nothing by that name", "", "")]
        return _text(rows, self._width)

    def action_scroll(self, how: str) -> None:
        for box in self.query(VerticalScroll):  # keys may come before it is there
            getattr(box, f"scroll_{how}")(animate=False)

    def action_close(self) -> None:
        """Go back; what was typed goes first."""
        if not any(line.give_up(self._wanted) for line in self.query(LineInput)):
            self.dismiss(None)


def _text(rows: Sequence[Row], width: int) -> Content:
    lines: list[Content] = []
    heading = ""
    keys_width = min(max(cell_len(row.keys) for row in rows) + 2, width * 2 // 5)
    for row in rows:
        if row.heading != heading:
            heading = row.heading
            lines += [Content("")] * bool(lines)
            lines.append(Content.styled(heading, "bold $primary"))
        if row.keys:
            lines.extend(_lines(row, keys_width, width))
    return Content("\n").join(lines)


def _lines(row: Row, keys_width: int, width: int) -> list[Content]:
    """Keys on the left, what they do on the right, each wrapped in its column."""
    keys = textwrap.wrap(row.keys, keys_width - 2)
    does = textwrap.wrap(row.does, max(width - keys_width, 10)) or [""]
    return [
        Content.styled(left, "$accent") + Content(" " * (keys_width - cell_len(left)) + right)
        for left, right in zip_longest(keys, does, fillvalue="")
    ]
