"""The left-hand pane: all chats, a line to filter them, and what the one under the cursor is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.timer import Timer
from textual.widgets import Input, Static

from vlmtui import printable, units
from vlmtui.storage.records import ChatRow
from vlmtui.ui.keys import key_hints
from vlmtui.ui.widgets.heading import Heading
from vlmtui.ui.widgets.line_input import LineInput
from vlmtui.ui.widgets.panes.chat_rows import ChatRows
from vlmtui.ui.widgets.parts import Parts

PAGE = 200
"""Chats that are read at a time."""

_TYPING_SECONDS = 0.12
_ABOUT_ROWS = 24
"""Rows from which there is room to say something about the chat under the cursor."""

_PREVIEW_LINES = 3
_KEYS_ROWS = 14
_KEYS = (
    ("n", "new"),
    ("r", "rename"),
    ("p", "pin"),
    ("d", "delete"),
    ("u", "undo"),
    ("c", "copy"),
    ("x", "export"),
)
_NONE_YET = "No chats yet.\nEach starts with its first question, and stays here."


class Line(LineInput):
    """A line that leads to the list below it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "give_up", "Leave it", id="chats.cancel"),
        Binding("down", "give_up(True)", "To the list", id="chats.list"),
    ]

    def __init__(self, left: Callable[[Line, bool], object], **options: Any) -> None:
        """Make the line. Leaving it for the list calls `left`, with whether it keeps its text."""
        super().__init__(**options)
        self._left = left

    def action_give_up(self, keep: bool = False) -> None:
        self._left(self, keep)


class ChatsPane(Vertical):
    """Shows what it is given; says what it wants to be given, and what the user wants done."""

    DEFAULT_CSS = """
    ChatsPane {
        width: 30;
        layers: base line;

        &:focus-within {
            color: $foreground; /* its own rule: Textual styles the heading anew then */
        }
        &:focus-within > Heading {
            color: $primary;
        }
        & > #chats-filter {
            margin: 0 1;
        }
        & > #chats-none {
            display: none;
            height: 1fr;
            padding: 1 2;
            color: $text-dim;
        }
        &.-none > #chats-none {
            display: block;
        }
        &.-none > ChatRows {
            height: 1;
        }
        & > #chats-about, & > Parts {
            max-height: 4;
            padding: 0 1 0 2;
            color: $text-dim;
        }
        & > #chats-about {
            height: 4;
            margin: 1 0 0 0;
        }
        & > #chats-rename {
            layer: line;
            dock: top;
            margin: 0 1;
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "less_than_sign",
            "screen.topic('panes.widen_chats', -2)",
            "Narrower",
            id="chats.narrower",
        ),
        Binding(
            "greater_than_sign", "screen.topic('panes.widen_chats', 2)", "Wider", id="chats.wider"
        ),
        Binding("escape", "screen.topic('panes.leave')", "Back", id="chats.leave"),
    ]

    current: reactive[int | None] = reactive[int | None](None)
    """Id of the chat that is open."""

    class PageWanted(Message):
        """Chats should be read."""

        def __init__(self, offset: int, title_like: str, limit: int = PAGE) -> None:
            super().__init__()
            self.offset = offset
            self.title_like = title_like
            self.limit = limit

    class Renamed(Message):
        """A chat has another title now."""

        def __init__(self, row: ChatRow, title: str) -> None:
            super().__init__()
            self.row = row
            self.title = title

    def __init__(self, *, classes: str | None = None) -> None:
        super().__init__(classes=classes)
        self._rows = ChatRows(self._describe, self._read_on)
        self._filter = Line(self._leave, placeholder="/ filters by title", id="chats-filter")
        self._typing: Timer | None = None
        self._renaming: tuple[ChatRow, Line] | None = None

    def compose(self) -> ComposeResult:
        yield Heading("Chats")
        yield self._filter
        yield self._rows.data_bind(ChatsPane.current)
        yield Static(id="chats-none")
        yield Static(id="chats-about")
        keys = Parts()
        keys.say([key_hints.hint(*each) for each in _KEYS])
        yield keys

    def on_mount(self) -> None:
        self.reload()

    def on_resize(self, event: events.Resize) -> None:
        """What is of least use goes first."""
        self.query_one(Parts).display = event.size.height >= _KEYS_ROWS
        self.query_one("#chats-about").display = event.size.height >= _ABOUT_ROWS
        self._stop_renaming()

    # ------------------------------------------------------------------ what is shown

    @property
    def title_like(self) -> str:
        return self._filter.value.strip()

    def filter(self, title: str) -> None:
        """Show those chats alone that have this in their titles."""
        self._filter.value = title

    def reload(self) -> None:
        """Ask for everything that is shown once more."""
        if self.display:
            self.post_message(self.PageWanted(0, self.title_like, max(len(self._rows.rows), PAGE)))

    def show(self, wanted: PageWanted, rows: Sequence[ChatRow]) -> None:
        """Take a page; one that belongs to another filter comes too late."""
        if wanted.title_like != self.title_like:
            return
        complete = len(rows) < wanted.limit
        if wanted.offset == 0:
            self._rows.show(rows, complete=complete)
        elif wanted.offset == len(self._rows.rows):
            self._rows.extend(rows, complete=complete)
        count = len(self._rows.rows)
        self.query_one(Heading).note = units.count(count) + ("" if complete else "+")
        self.set_class(not count, "-none")
        none = _none_like(self.title_like) if self.title_like else _NONE_YET
        self.query_one("#chats-none", Static).update(Content(none))

    def _read_on(self) -> None:
        self.post_message(self.PageWanted(len(self._rows.rows), self.title_like))

    def _describe(self, row: ChatRow | None) -> None:
        static = self.query_one("#chats-about", Static)
        width = max(static.content_size.width, 10)
        static.update(Content("") if row is None else _about(row, width))

    # ------------------------------------------------------------------ filtering

    @on(Input.Changed, "#chats-filter")
    def _filtered(self, event: Input.Changed) -> None:
        event.stop()
        if self._typing is not None:
            self._typing.stop()
        self._typing = self.set_timer(
            _TYPING_SECONDS, lambda: self.post_message(self.PageWanted(0, self.title_like))
        )

    @on(Input.Submitted, "#chats-filter")
    def _filter_done(self, event: Input.Submitted) -> None:
        event.stop()
        self._rows.focus()

    def _leave(self, line: Line, keep: bool) -> None:
        if self._renaming is not None and line is self._renaming[1]:
            self._stop_renaming()
        elif not keep:
            self._filter.value = ""
        self._rows.focus()

    # ------------------------------------------------------------------ doing

    @on(ChatRows.ActionWanted)
    async def _act(self, event: ChatRows.ActionWanted) -> None:
        """Do what is for the list alone; the screen hears of everything else."""
        if event.action == "filter":
            event.stop()
            self._filter.focus()
        elif event.action == "rename":
            event.stop()
            if event.row is not None:
                await self._rename(event.row)

    async def _rename(self, row: ChatRow) -> None:
        """Type over the title, where it stands."""
        self._stop_renaming()
        line = Line(self._leave, value=printable.line(row.chat.title), id="chats-rename")
        line.styles.offset = (0, self._rows.region.y - self.region.y + self._rows.cursor_line)
        self._renaming = (row, line)
        await self.mount(line)
        line.focus()

    @on(Input.Submitted, "#chats-rename")
    def _renamed(self, event: Input.Submitted) -> None:
        event.stop()
        if self._renaming is None:
            return
        row = self._renaming[0]
        self._stop_renaming()
        if event.value.strip() and event.value != row.chat.title:
            self.post_message(self.Renamed(row, event.value))

    @on(Input.Blurred, "#chats-rename")
    def _stop_renaming(self) -> None:
        if self._renaming is not None:
            line = self._renaming[1]
            self._renaming = None
            if line.has_focus:  # Textual would look for another place, and find the composer
                self.screen.set_focus(self._rows)
            line.remove()


def _about(row: ChatRow, width: int) -> Content:
    """What the chat under the cursor holds, and the beginning of its end, in lines of a width."""
    counts = [f"{units.count(row.messages)} message{'s' if row.messages != 1 else ''}"]
    if row.images:
        counts.append(f"{units.count(row.images)} picture{'s' if row.images != 1 else ''}")
    if row.written:
        counts.append("being written")
    lines = [line.rstrip() for line in Content(printable.line(row.preview)).wrap(width)]
    if len(lines) > _PREVIEW_LINES:
        last = lines[_PREVIEW_LINES - 1].truncate(width - 2) + Content(" …")
        lines = [*lines[: _PREVIEW_LINES - 1], last]
    return Content("\n").join([Content.styled(" · ".join(counts), "$foreground"), *lines])


def _none_like(title: str) -> str:
    shown = printable.line(title, 40)
    return f"No title has “{shown}” in it.\nCtrl+F searches in the messages."
