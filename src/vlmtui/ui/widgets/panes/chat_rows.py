"""A list of any number of chats, of which only the lines in view are ever drawn."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from vlmtui import dates, printable
from vlmtui.storage.records import ChatRow

_AHEAD = 50
"""More is asked for when fewer lines than these are left below the view."""

_PINNED = "Pinned"


class ChatRows(ScrollView, can_focus=True):
    """Chats under the days they are from. Holds the pages that it was given, and asks for more."""

    DEFAULT_CSS = """
    ChatRows {
        overflow-x: hidden;

        & > .chat-rows--cursor {
            background: $primary 18%;
        }
        &:focus > .chat-rows--cursor {
            background: $block-cursor-background;
            color: $block-cursor-foreground;
        }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"chat-rows--cursor"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k,ctrl+p", "step(-1)", "Up", id="chats.up"),
        Binding("down,j,ctrl+n", "step(1)", "Down", id="chats.down"),
        Binding("pageup", "page(-1)", "Page up", id="chats.pageup"),
        Binding("pagedown", "page(1)", "Page down", id="chats.pagedown"),
        Binding("home,g", "to(0)", "To the newest", id="chats.first"),
        Binding("end,G", "to(-1)", "To the end", id="chats.last"),
        Binding("enter", "act('open')", "Open", id="chats.open"),
        Binding("n", "act('new')", "New chat", id="chats.new"),
        Binding("r", "act('rename')", "Rename", id="chats.rename"),
        Binding("p", "act('pin')", "Pin, or unpin", id="chats.pin"),
        Binding("d,delete", "act('delete')", "Delete", id="chats.delete"),
        Binding("u", "act('undo')", "Restore what was deleted", id="chats.undo"),
        Binding("c", "act('duplicate')", "Duplicate", id="chats.duplicate"),
        Binding("x", "act('export')", "Export as Markdown", id="chats.export"),
        Binding("question_mark", "app.help", "Help", id="chats.help"),
        Binding("slash", "act('filter')", "Filter by title", id="chats.filter"),
    ]

    current: reactive[int | None] = reactive[int | None](None)
    """Id of the chat that is open."""

    class ActionWanted(Message):
        """Something should be done, with the chat under the cursor if there is one."""

        def __init__(self, action: str, row: ChatRow | None) -> None:
            super().__init__()
            self.action = action
            self.row = row

    class CursorMoved(Message):
        """Another chat is under the cursor; None when there are none."""

        def __init__(self, row: ChatRow | None) -> None:
            super().__init__()
            self.row = row

    class MoreWanted(Message):
        """The end of what is there comes into view."""

    def __init__(self, *, classes: str | None = None) -> None:
        super().__init__(classes=classes)
        self.rows: list[ChatRow] = []
        """The chats that it holds."""

        self._lines: list[str | int] = []
        self._line_of: list[int] = []
        self._cursor = 0
        self._complete = True
        self._asked = False
        self._now = time.time()

    # ------------------------------------------------------------------ what there is

    @property
    def row(self) -> ChatRow | None:
        """The chat under the cursor."""
        return self.rows[self._cursor] if self._cursor < len(self.rows) else None

    @property
    def cursor_line(self) -> int:
        """Where the cursor is, in lines from the top of what is in view."""
        return self._line_of[self._cursor] - self.scroll_offset.y if self.rows else 0

    def show(self, rows: Sequence[ChatRow], *, complete: bool) -> None:
        """Show other chats; the cursor stays on the same one if it is among them.

        Args:
            rows: The first page, or several.
            complete: There are no more.
        """
        kept = self.row.chat.id if self.row is not None else None
        if not self.has_focus and self.current is not None:
            kept = self.current  # nobody is looking for another one
        self.rows = list(rows)
        self._now = time.time()
        self._lay_out(complete)
        ids = [row.chat.id for row in self.rows]
        if kept in ids:
            self._cursor = ids.index(kept)
        else:
            self._cursor = min(self._cursor, max(len(ids) - 1, 0))
        self._moved(scroll=kept is not None)

    def extend(self, rows: Sequence[ChatRow], *, complete: bool) -> None:
        """Add the next page."""
        known = {row.chat.id for row in self.rows}
        self.rows += [row for row in rows if row.chat.id not in known]
        self._lay_out(complete)

    def _lay_out(self, complete: bool) -> None:
        self._complete = complete
        self._asked = False
        self._lines = []
        self._line_of = []
        heading = ""
        for index, row in enumerate(self.rows):
            name = _PINNED if row.chat.pinned else dates.group(row.chat.updated, self._now)
            # The order is that of the messages: a clock that went back doesn't repeat a heading.
            if name != heading and name not in self._lines:
                heading = name
                self._lines.append(name)
            self._line_of.append(len(self._lines))
            self._lines.append(index)
        self.virtual_size = Size(self.content_size.width, len(self._lines))
        self.refresh()
        self._ask_for_more()

    # ------------------------------------------------------------------ drawing

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        style = self.visual_style
        number = y + self.scroll_offset.y
        if number >= len(self._lines):
            return Strip.blank(width, style.rich_style)
        line = self._lines[number]
        if isinstance(line, str):
            content = Content.styled(f" {line}", "$text-dim")
        else:
            content = self._draw(self.rows[line], width)
            if line == self._cursor:
                style += self.get_visual_style("chat-rows--cursor")
                content = Content(content.plain) if self.has_focus else content
        segments = [
            Segment(text, (style + part).rich_style)
            for text, part in content.render(style, end="", parse_style=self._get_style)
        ]
        strip = Strip(segments, content.cell_length)
        return strip.extend_cell_length(width, style.rich_style).crop(0, width)

    def _draw(self, row: ChatRow, width: int) -> Content:
        chat = row.chat
        is_open = chat.id == self.current
        date = dates.short(chat.updated, self._now)
        room = max(width - len(date) - 5, 1)
        title = Content(printable.line(chat.title)).truncate(room, ellipsis=True, pad=True)
        return Content.assemble(
            (" ◐ " if row.written else " ● " if is_open else "   ", "$accent"),
            title.stylize("bold") if is_open else title,
            (f" {date} ", "$text-dim"),
        )

    def notify_style_update(self) -> None:
        """The colours are another theme's."""
        super().notify_style_update()
        self.refresh()

    def watch_current(self) -> None:
        self.refresh()

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def on_resize(self, event: events.Resize) -> None:
        self.virtual_size = Size(event.size.width, len(self._lines))
        self._moved()

    # ------------------------------------------------------------------ moving

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Fetch the next page before its place is seen."""
        super().watch_scroll_y(old_value, new_value)
        self._ask_for_more()

    def _ask_for_more(self) -> None:
        below = len(self._lines) - round(self.scroll_offset.y) - self.size.height
        if not self._complete and not self._asked and below < _AHEAD:
            self._asked = True
            self.post_message(self.MoreWanted())

    def _move_to(self, index: int) -> None:
        if self.rows:
            self._cursor = min(max(index, 0), len(self.rows) - 1)
            self._moved()

    def _moved(self, *, scroll: bool = True) -> None:
        self.post_message(self.CursorMoved(self.row))
        self.refresh()
        if self.rows and scroll:
            line = self._line_of[self._cursor]
            first = isinstance(self._lines[line - 1], str)  # its heading comes into view with it
            region = Region(0, line - first, 1, 1 + first)
            self.scroll_to_region(region, animate=False, force=True)

    def action_step(self, by: int) -> None:
        self._move_to(self._cursor + by)

    def action_page(self, direction: int) -> None:
        self._move_to(self._cursor + direction * max(self.size.height - 2, 1))

    def action_to(self, end: int) -> None:
        self._move_to(len(self.rows) - 1 if end else 0)

    def put_cursor(self, chat_id: int | None) -> None:
        """Go to a chat, if it is there."""
        for index, row in enumerate(self.rows):
            if row.chat.id == chat_id:
                self._move_to(index)

    # ------------------------------------------------------------------ choosing

    def action_act(self, name: str) -> None:
        self.post_message(self.ActionWanted(name, self.row))

    def on_click(self, event: events.Click) -> None:
        number = event.y + self.scroll_offset.y
        line = self._lines[number] if 0 <= number < len(self._lines) else ""
        if isinstance(line, int):
            event.stop()
            self._move_to(line)
            self.action_act("open")
