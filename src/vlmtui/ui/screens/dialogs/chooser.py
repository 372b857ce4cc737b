"""A list to choose from by typing some letters, over whatever screen is there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import msgspec
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, OptionList, Static

from vlmtui import printable
from vlmtui.ui import fuzzy
from vlmtui.ui.keys import key_hints, keymap
from vlmtui.ui.screens.dialogs.dialog import Dialog
from vlmtui.ui.widgets.line_input import LineInput

_CALLED_SO = 9.0
"""How well a row answers that is called just so, here or by others; a part of a name is less."""


_NAME = 26
"""Cells that most names have room in, however narrow the list is."""


class Choice(msgspec.Struct, frozen=True):
    """A row of the list."""

    value: str
    """What is returned when the row is chosen."""

    name: str
    about: str = ""
    note: str = ""
    """At the right end: a key, or a mark."""

    also: str = ""
    """Other words that find it."""


class Chooser(Dialog[str]):
    """Enter takes the highlighted row, Escape none."""

    DEFAULT_CSS = """
    Chooser {
        align: center top;

        & > #chooser {
            width: 78;
            margin: 2 0 0 0;
        }
        & Input {
            margin: 0 0 1 0;
            background: $surface;
        }
        & OptionList {
            max-height: 24;
            border: none;
            padding: 0;
            background: $surface;

            & > .option-list--option {
                padding: 0 1;
            }

            & > .option-list--option-highlighted {
                background: $block-cursor-background;
                color: $block-cursor-foreground;
            }
        }
        & #nothing {
            display: none;
            padding: 0 1;
            color: $text-dim;
        }
        &.-empty #nothing {
            display: block;
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Close", id="chooser.close"),
        Binding(keymap.UP, "step(-1)", "Up", id="chooser.up", priority=True),
        Binding(keymap.DOWN, "step(1)", "Down", id="chooser.down", priority=True),
        Binding("pageup", "step(-8)", "Page up", id="chooser.pageup"),
        Binding("pagedown", "step(8)", "Page down", id="chooser.pagedown"),
    ]

    title_text = ""
    placeholder = "Type to search"
    hints: ClassVar[key_hints.Hints] = (("Enter", "choose"), ("Esc", "close"))
    nothing = "Nothing by that name"

    def __init__(self, choices: Sequence[Choice], highlight: str = "") -> None:
        """Make the list.

        Args:
            choices: All rows, in order.
            highlight: Value of the row that is highlighted first.
        """
        super().__init__()
        self._choices = list(choices)
        self._first = highlight
        self._found: list[tuple[Choice, Sequence[int]]] = []

    def compose(self) -> ComposeResult:
        with Vertical(id="chooser", classes="frame") as panel:
            panel.border_title = Content(self.title_text)
            yield LineInput(placeholder=self.placeholder)
            options = OptionList(markup=False)
            options.can_focus = False
            yield options
            yield Static(self.nothing, id="nothing")

    def on_mount(self) -> None:
        self.query_one(Input).focus()
        self.call_after_refresh(self._show)  # how wide it is becomes known then

    def on_resize(self) -> None:
        self.call_after_refresh(self._show)

    @property
    def highlighted(self) -> Choice | None:
        """The row under the cursor."""
        index = self.query_one(OptionList).highlighted
        return self._found[index][0] if index is not None and index < len(self._found) else None

    def replace(self, choices: Sequence[Choice]) -> None:
        """Have other rows; the cursor stays on its row while that is there."""
        self._choices = list(choices)
        self._show(stay=True)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._first = ""
        self._show()

    def _show(self, *, stay: bool = False) -> None:
        if not self.query(OptionList):
            return  # it was closed before it was laid out, or is not mounted yet
        options = self.query_one(OptionList)
        kept = self._first or ("" if self.highlighted is None else self.highlighted.value)
        query = self.query_one(Input).value
        self._found = search(self._choices, query)
        key_hints.in_border(self.query_one("#chooser"), self.hints)
        # less the padding of a row and the scrollbar's column
        width = max(self.query_one("#chooser").content_size.width - 3, 10)
        options.clear_options()
        names = [min(len(choice.name), max(width // 3, _NAME)) for choice in self._choices]
        name_width = max(names, default=0)  # of all, so that columns stay while one types
        options.add_options([_row(*found, name_width, width) for found in self._found])
        self.set_class(not self._found, "-empty")
        values = [choice.value for choice, _ in self._found]
        if values:
            # what is found best is meant while something is typed
            stay = stay or not query
            options.highlighted = values.index(kept) if kept in values and stay else 0

    def action_step(self, by: int) -> None:
        """Move in the list: around its ends by single steps, to them by pages."""
        count = len(self._found)
        if not count:
            return  # keys may come before there is a list
        options = self.query_one(OptionList)
        at = (options.highlighted or 0) + by
        options.highlighted = at % count if abs(by) == 1 else min(max(at, 0), count - 1)

    def action_cancel(self) -> None:
        """Choose nothing; what was typed goes first."""
        if not any(line.give_up() for line in self.query(LineInput)):
            self.dismiss(None)

    @on(Input.Submitted)
    def _taken(self, event: Input.Submitted) -> None:
        event.stop()
        if self.highlighted is not None:
            self.dismiss(self.highlighted.value)

    @on(OptionList.OptionSelected)
    def _clicked(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.dismiss(self._found[event.option_index][0].value)


class CommandChooser(Chooser):
    """What a command can be given, where it was given nothing."""

    def __init__(self, question: str, choices: Sequence[Choice]) -> None:
        super().__init__(choices)
        self.title_text = question


def search(choices: Sequence[Choice], query: str) -> list[tuple[Choice, Sequence[int]]]:
    """The rows that answer what was typed, best first, each with what of its name was found."""
    if not query.strip():
        return [(choice, ()) for choice in choices]
    found = []
    for index, choice in enumerate(choices):
        name = fuzzy.match(query, choice.name)
        told = f"{choice.name} {choice.about} {choice.also}"
        anywhere = fuzzy.match(query, told, scattered=False)
        if query.strip().lower() in (choice.value.strip("/").lower(), *choice.also.split()):
            found.append((-_CALLED_SO, index, choice, name[1] if name is not None else ()))
        elif name is not None:
            found.append((-name[0] - 1, index, choice, name[1]))
        elif anywhere is not None:
            places = [place for place in anywhere[1] if place < len(choice.name)]
            found.append((-anywhere[0], index, choice, places))
    return [(choice, places) for _, _, choice, places in sorted(found, key=lambda row: row[:2])]


def _row(choice: Choice, places: Sequence[int], name_width: int, width: int) -> Content:
    """Name, what it is as far as there is room, and the note at the right end."""
    note = Content(printable.line(choice.note, width // 2))
    room = max(width - note.cell_length - 1, 8)
    name = Content.styled(printable.line(choice.name, room), "bold")
    for place in places:
        name = name.stylize("underline", place, place + 1)
    row = name + Content(" " * max(name_width - name.cell_length + 2, 2))
    room = width - row.cell_length - note.cell_length - 2
    if room > 5:
        row += _about(printable.line(choice.about), room)
    return row + Content(" " * max(width - row.cell_length - note.cell_length, 1)) + note


def _about(text: str, room: int) -> Content:
    """As much of it as there is room for; of columns, those that have room whole."""
    if len(text) > room and "  " in text.strip():
        return Content(text[: room + 2].rpartition("  ")[0].rstrip())
    return Content(text).truncate(room, ellipsis=True)
