"""Files and directories, one a line; only the lines that are seen are drawn."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from vlmtui import printable, units
from vlmtui.compose.picture_folders import Entry
from vlmtui.ui.keys import keymap

_FACTS = 21
"""Columns at the right end of a row: size and date."""


class FileList(ScrollView, can_focus=True):
    """A list with a cursor, on which several files can be marked. Posts what is typed."""

    DEFAULT_CSS = """
    FileList {
        background: $surface;

        & > .file-list--cursor {
            background: $primary;
            color: $background;
        }
        & > .file-list--directory {
            color: $secondary;
        }
        & > .file-list--facts {
            color: $text-dim;
        }
        & > .file-list--marked {
            color: $accent;
        }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "file-list--cursor",
        "file-list--directory",
        "file-list--facts",
        "file-list--marked",
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(keymap.UP, "move(-1)", "Up", show=False, id="picker.up"),
        Binding(keymap.DOWN, "move(1)", "Down", show=False, id="picker.down"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="picker.pageup"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="picker.pagedown"),
        Binding("home", "end(0)", "First", show=False, id="picker.first"),
        Binding("end", "end(1)", "Last", show=False, id="picker.last"),
        Binding("space", "mark", "Mark several", id="picker.mark"),
        Binding("enter", "choose", "Attach, or enter a directory", id="picker.attach"),
    ]

    cursor: reactive[int] = reactive(0)

    class Highlighted(Message):
        """The cursor is on another row; None on an empty list."""

        def __init__(self, entry: Entry | None) -> None:
            super().__init__()
            self.entry = entry

    class Chosen(Message):
        """A row was chosen."""

        def __init__(self, entry: Entry) -> None:
            super().__init__()
            self.entry = entry

    class Typed(Message):
        """A character was typed."""

        def __init__(self, character: str) -> None:
            super().__init__()
            self.character = character

    def __init__(self) -> None:
        super().__init__()
        self._entries: Sequence[Entry] = ()
        self._marked: dict[str, None] = {}

    @property
    def marked(self) -> tuple[str, ...]:
        """Paths of the marked files, in the order of marking."""
        return tuple(self._marked)

    @property
    def count(self) -> int:
        return len(self._entries)

    @property
    def entry(self) -> Entry | None:
        return self._entries[self.cursor] if self.cursor < len(self._entries) else None

    def show(self, entries: Sequence[Entry], cursor: int = 0) -> None:
        """Show other entries; marks stay."""
        self._entries = entries
        self.virtual_size = Size(self.size.width, len(entries))
        self.set_reactive(FileList.cursor, min(cursor, max(len(entries) - 1, 0)))
        self.scroll_to(y=0, animate=False)
        self._tell()

    def watch_cursor(self) -> None:
        self._tell()

    def _tell(self) -> None:
        self.scroll_to_region(Region(0, self.cursor, 1, 1), animate=False, force=True)
        self.refresh()
        self.post_message(self.Highlighted(self.entry))

    # ------------------------------------------------------------------ keys and mouse

    def action_move(self, step: int) -> None:
        """Go up or down; from the end to the beginning."""
        if self._entries:
            self.cursor = (self.cursor + step) % len(self._entries)

    def action_page(self, step: int) -> None:
        last = max(len(self._entries) - 1, 0)
        page = step * max(self.size.height - 1, 1)
        self.cursor = min(max(self.cursor + page, 0), last)

    def action_end(self, end: int) -> None:
        self.cursor = max(len(self._entries) - 1, 0) if end else 0

    def action_mark(self) -> None:
        """Mark the file, or take its mark away, and go on to the next."""
        entry = self.entry
        if entry is None or entry.directory:
            return
        if entry.path in self._marked:
            del self._marked[entry.path]
        else:
            self._marked[entry.path] = None
        self.refresh()
        self.cursor = min(self.cursor + 1, len(self._entries) - 1)
        self._tell()

    def action_choose(self) -> None:
        if self.entry is not None:
            self.post_message(self.Chosen(self.entry))

    def on_key(self, event: events.Key) -> None:
        """What is typed is for whoever filters."""
        if event.key in keymap.bound(self.screen) or event.character == " ":
            return
        if event.is_printable and event.character:
            event.stop()
            self.post_message(self.Typed(event.character))

    def on_click(self, event: events.Click) -> None:
        """A click goes there, a second one chooses."""
        row = event.y + round(self.scroll_y)
        if row < len(self._entries):
            self.cursor = row
            if event.chain > 1:
                self.action_choose()

    def on_resize(self) -> None:
        self.virtual_size = Size(self.size.width, len(self._entries))
        self.refresh()

    # ------------------------------------------------------------------ drawing

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        index = y + round(self.scroll_y)
        if index >= len(self._entries):
            return Strip.blank(width, self.rich_style)
        entry = self._entries[index]
        base = self.rich_style
        if index == self.cursor:
            base = self.get_component_rich_style("file-list--cursor")
            name = facts = mark = base
        else:
            kind = "file-list--directory" if entry.directory else ""
            name = self.get_component_rich_style(kind) if kind else base
            facts = self.get_component_rich_style("file-list--facts")
            mark = self.get_component_rich_style("file-list--marked")
        return self._row(entry, width, (base, mark, name, facts))

    def _row(self, entry: Entry, width: int, styles: tuple[Style, Style, Style, Style]) -> Strip:
        base, mark, name, facts = styles
        sign = "●" if entry.path in self._marked else "↺" if entry.recent else " "
        right = "" if entry.directory else _facts(entry)
        room = max(width - 2 - (len(right) + 2 if right and width > 2 * _FACTS else 0), 1)
        left = Strip([Segment(printable.line(entry.name, room), name)])
        strip = Strip([Segment(f"{sign} ", mark), *left.adjust_cell_length(room, name)])
        if right and width > 2 * _FACTS:
            strip = Strip([*strip, Segment(f"  {right}", facts)])
        return strip.adjust_cell_length(width, base).apply_style(Style())


def _facts(entry: Entry) -> str:
    if not entry.modified:
        return "gone".rjust(_FACTS)
    when = time.localtime(entry.modified)
    recent = abs(time.time() - entry.modified) < 180 * 86_400
    date = time.strftime("%d %b %H:%M" if recent else "%d %b  %Y", when)
    return f"{units.size(entry.size_bytes):>7}  {date:>12}"
