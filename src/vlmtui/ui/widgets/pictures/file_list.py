"""Files and directories in a list."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content

from vlmtui import printable, units
from vlmtui.compose.picture_folders import Entry
from vlmtui.ui.keys import keymap
from vlmtui.ui.widgets.line_list import LineList

_FACTS = 21
"""Columns at the right end of a row: size and date."""


class FileList(LineList[Entry]):
    """A list on which several files can be marked.

    Attributes:
        marked: Paths of the marked files, in the order of marking.
    """

    DEFAULT_CSS = """
    FileList {
        background: $surface;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(keymap.UP, "step(-1)", "Up", id="picker.up"),
        Binding(keymap.DOWN, "step(1)", "Down", id="picker.down"),
        Binding("pageup", "page(-1)", "Page up", id="picker.pageup"),
        Binding("pagedown", "page(1)", "Page down", id="picker.pagedown"),
        Binding("home", "to(0)", "First", id="picker.first"),
        Binding("end", "to(1)", "Last", id="picker.last"),
        Binding("space", "mark", "Mark several", id="picker.mark"),
        Binding("enter", "choose", "Attach, or enter a directory", id="picker.attach"),
    ]

    def __init__(
        self,
        moved: Callable[[Entry | None], object],
        chosen: Callable[[Entry], object],
        typed: Callable[[str], object],
    ) -> None:
        """Begin with an empty list.

        Args:
            moved: Called with what is under the cursor now; None on an empty list.
            chosen: Called with what was chosen.
            typed: Called with each character that was typed.
        """
        super().__init__()
        self.marked: dict[str, None] = {}
        self._on_moved = moved
        self._on_chosen = chosen
        self._on_typed = typed

    def show(self, entries: Sequence[Entry], cursor: int = 0) -> None:
        """Show other entries; marks stay."""
        self.lay_out(entries)
        self.scroll_to(y=0, animate=False)
        self.move_to(cursor)

    def cursor_moved(self) -> None:
        self._on_moved(self.row)

    # ------------------------------------------------------------------ keys and mouse

    def action_step(self, by: int) -> None:
        """Go up or down; from the end to the beginning."""
        self.move_to((self.cursor + by) % max(len(self.rows), 1))

    def action_mark(self) -> None:
        """Mark the file, or take its mark away, and go on to the next."""
        entry = self.row
        if entry is None or entry.directory:
            return
        if entry.path in self.marked:
            del self.marked[entry.path]
        else:
            self.marked[entry.path] = None
        self.move_to(self.cursor + 1)

    def action_choose(self) -> None:
        if self.row is not None:
            self._on_chosen(self.row)

    def on_key(self, event: events.Key) -> None:
        """What is typed is for whoever filters."""
        if event.key in keymap.bound(self.screen) or event.character == " ":
            return
        if event.is_printable and event.character:
            event.stop()
            self._on_typed(event.character)

    def clicked(self, times: int) -> None:
        """A click goes there, a second one chooses."""
        if times > 1:
            self.action_choose()

    def draw(self, row: Entry, width: int) -> Content:
        """Its mark and name, and where there is room its size and date."""
        sign = "●" if row.path in self.marked else "↺" if row.recent else " "
        facts = "" if row.directory or width <= 2 * _FACTS else f"  {_facts(row)}"
        room = max(width - 2 - len(facts), 1)
        name = Content(printable.line(row.name, room)).truncate(room, pad=True)
        return Content.assemble(
            (f"{sign} ", "$accent"),
            name.stylize("$secondary") if row.directory else name,
            (facts, "$text-dim"),
        )


def _facts(entry: Entry) -> str:
    if not entry.modified:
        return "gone".rjust(_FACTS)
    when = time.localtime(entry.modified)
    recent = abs(time.time() - entry.modified) < 180 * 86_400
    date = time.strftime("%d %b %H:%M" if recent else "%d %b  %Y", when)
    return f"{units.size(entry.size_bytes):>7}  {date:>12}"
