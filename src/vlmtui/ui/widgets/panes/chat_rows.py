"""Any number of chats in a list."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive

from vlmtui import dates, printable
from vlmtui.storage.records import ChatRow
from vlmtui.ui.widgets.line_list import LineList

_AHEAD = 50
"""More is asked for when fewer lines than these are left below the view."""

_PINNED = "Pinned"


class ChatRows(LineList[ChatRow]):
    """Chats under the days they are from. Holds the pages that it was given, and asks for more."""

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

    def __init__(
        self, moved: Callable[[ChatRow | None], object], more: Callable[[], object]
    ) -> None:
        """Begin without chats.

        Args:
            moved: Called with the chat that is under the cursor now; None when there are none.
            more: Called when the end of what is there comes into view.
        """
        super().__init__(classes="list")
        self._on_moved = moved
        self._on_more = more
        self._complete = True
        self._asked = False
        self._now = time.time()

    # ------------------------------------------------------------------ what there is

    def show(self, rows: Sequence[ChatRow], *, complete: bool) -> None:
        """Show other chats; the cursor stays on the same one if it is among them.

        Args:
            rows: The first page, or several.
            complete: There are no more.
        """
        kept = self.row.chat.id if self.row is not None else None
        if not self.has_focus and self.current is not None:
            kept = self.current  # nobody is looking for another one
        self._now = time.time()
        self._show(rows, complete)
        ids = [row.chat.id for row in self.rows]
        index = ids.index(kept) if kept in ids else self.cursor
        self.move_to(index, scroll=kept is not None)

    def extend(self, rows: Sequence[ChatRow], *, complete: bool) -> None:
        known = {row.chat.id for row in self.rows}
        self._show([*self.rows, *(row for row in rows if row.chat.id not in known)], complete)

    def _show(self, rows: Sequence[ChatRow], complete: bool) -> None:
        self._complete = complete
        self._asked = False
        lines: list[str | int] = []
        heading = ""
        for index, row in enumerate(rows):
            name = _PINNED if row.chat.pinned else dates.group(row.chat.updated, self._now)
            # The order is that of the messages: a clock that went back doesn't repeat a heading.
            if name != heading and name not in lines:
                heading = name
                lines.append(name)
            lines.append(index)
        self.lay_out(rows, lines)
        self._ask_for_more()

    def draw(self, row: ChatRow, width: int) -> Content:
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

    # ------------------------------------------------------------------ moving and choosing

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Fetch the next page before its place is seen."""
        super().watch_scroll_y(old_value, new_value)
        self._ask_for_more()

    def _ask_for_more(self) -> None:
        below = len(self._lines) - round(self.scroll_offset.y) - self.size.height
        if not self._complete and not self._asked and below < _AHEAD:
            self._asked = True
            self._on_more()

    def cursor_moved(self) -> None:
        self._on_moved(self.row)

    def action_act(self, name: str) -> None:
        self.post_message(self.ActionWanted(name, self.row))

    def clicked(self, times: int) -> None:
        self.action_act("open")
