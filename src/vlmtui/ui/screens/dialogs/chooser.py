"""A list to choose from by typing some letters, over whatever screen is there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import msgspec
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content

from vlmtui import printable
from vlmtui.ui import fuzzy
from vlmtui.ui.keys import key_hints
from vlmtui.ui.screens.dialogs.list_dialog import ListDialog, list_keys

_CALLED_SO = 9.0
"""How well a row answers that is called just so, here or by others; a part of a name is less."""

_NAME = 26
"""Cells that most names have room in, however narrow the list is."""

NOTHING = "Nothing by that name"


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


class Chooser(ListDialog[str, Choice]):
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

            & > .option-list--option {
                padding: 0 1;
            }
            & > .option-list--option-highlighted {
                background: $block-cursor-background;
                color: $block-cursor-foreground;
            }
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Close", id="chooser.close"),
        *list_keys("chooser", 8),
    ]

    title_text = ""
    placeholder = "Type to search"
    hints: ClassVar[key_hints.Hints] = (("Enter", "choose"), ("Esc", "close"))

    def __init__(self, choices: Sequence[Choice], highlight: str = "") -> None:
        """Offer choices in this order, the cursor on the one whose value is `highlight`."""
        super().__init__(self.placeholder, NOTHING)
        self._choices = choices
        self._first = highlight

    def compose(self) -> ComposeResult:
        with Vertical(id="chooser", classes="frame") as panel:
            panel.border_title = Content(self.title_text)
            yield self.line
            yield self.options
            yield self.nothing

    def on_mount(self) -> None:
        self.call_after_refresh(self.show_rows)  # how wide it is becomes known then

    def replace(self, choices: Sequence[Choice]) -> None:
        """Have other rows; the cursor stays on its row while that is there."""
        self._choices = choices
        self._show(stay=True)

    def typed(self) -> None:
        self._first = ""
        self.show_rows()

    def show_rows(self) -> None:
        self._show(stay=False)

    def _show(self, *, stay: bool) -> None:
        if not self.options.is_attached:
            return  # it was closed before it was laid out, or is not mounted yet
        kept = self._first or ("" if self.row is None else self.row.value)
        query = self.line.value
        found = search(self._choices, query)
        key_hints.in_border(self.query_one("#chooser"), self.hints)
        width = self.row_width
        names = [min(len(choice.name), max(width // 3, _NAME)) for choice in self._choices]
        name_width = max(names, default=0)  # of all, so that columns stay while one types
        rows = [choice for choice, _ in found]
        values = [choice.value for choice in rows]
        # what is found best is meant while something is typed
        stays = kept in values and (stay or not query)
        drawn = [_row(*each, name_width, width) for each in found]
        self.fill(rows, drawn, values.index(kept) if stays else 0)

    def take(self, row: Choice) -> None:
        self.dismiss(row.value)


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
        text = f"{choice.name} {choice.about} {choice.also}"
        anywhere = fuzzy.match(query, text, scattered=False)
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
