"""What all lists above which something is typed have in common: keys, cursor, choosing a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Container, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ScreenResultType
from textual.widgets import Input, OptionList, Static

from vlmtui.ui.keys import keymap
from vlmtui.ui.screens.dialogs.dialog import Dialog
from vlmtui.ui.widgets.heading import Heading
from vlmtui.ui.widgets.line_input import LineInput

Row = TypeVar("Row")


def list_keys(area: str, page: int) -> list[Binding]:
    """What moves the cursor by a row, or by so many, with ids of this area."""
    return [
        Binding(keymap.UP, "step(-1)", "Up", id=f"{area}.up", priority=True),
        Binding(keymap.DOWN, "step(1)", "Down", id=f"{area}.down", priority=True),
        Binding("pageup", f"step(-{page})", "Page up", id=f"{area}.pageup"),
        Binding("pagedown", f"step({page})", "Page down", id=f"{area}.pagedown"),
    ]


class ListDialog(Dialog[ScreenResultType], Generic[ScreenResultType, Row]):
    """A line, which has the keyboard, and below it the rows that answer what is typed there.

    Attributes:
        line: What is typed into; whoever inherits this composes it and the next two.
        options: The list.
        nothing: Stands in the place of the list where no row is in it.
        rows: What is in the list.
    """

    DEFAULT_CSS = """
    ListDialog {
        & OptionList {
            border: none;
            padding: 0;

            & > .option-list--option-highlighted {
                background: $primary 18%;
            }
        }
        & .nothing {
            padding: 0 1;
            color: $text-dim;
        }
    }
    """

    def __init__(self, placeholder: str, nothing: str, text: str = "") -> None:
        super().__init__()
        self.line = LineInput(text, placeholder=placeholder, select_on_focus=True)
        self.options = OptionList(markup=False)
        self.options.can_focus = False
        self.nothing = Static(nothing, classes="nothing", markup=False)
        self.nothing.display = False
        self.rows: Sequence[Row] = ()

    def on_mount(self) -> None:
        self.line.focus()

    def on_resize(self) -> None:
        self.call_after_refresh(self.show_rows)  # how wide the list is becomes known then

    @property
    def row(self) -> Row | None:
        """The row under the cursor."""
        index = self.options.highlighted
        return self.rows[index] if index is not None and index < len(self.rows) else None

    @property
    def row_width(self) -> int:
        """Cells for a row, without its padding and the scrollbar's column."""
        return max(self.options.size.width - 3, 10)

    def show_rows(self) -> None:
        """Draw the rows, and give them to `fill`."""
        raise NotImplementedError

    def fill(self, rows: Sequence[Row], drawn: Sequence[Content], cursor: int) -> None:
        """Have other rows in the list, and the cursor on one of them."""
        self.rows = rows
        self.options.clear_options()
        self.options.add_options(drawn)
        self.nothing.display = not rows
        if rows:
            self.options.highlighted = cursor

    def typed(self) -> None:
        """The text in the line is another one."""
        self.show_rows()

    def enter(self) -> None:
        """Enter was pressed."""
        if self.row is not None:
            self.take(self.row)

    def take(self, row: Row) -> None:
        """Do what a row is chosen for."""
        raise NotImplementedError

    def action_step(self, by: int) -> None:
        """Move in the list: around its ends by single steps, to them by pages."""
        if count := len(self.rows):  # keys may come before there is a list
            at = (self.options.highlighted or 0) + by
            self.options.highlighted = at % count if abs(by) == 1 else min(max(at, 0), count - 1)

    def action_close(self) -> None:
        """Choose nothing; what was typed goes first."""
        if not self.line.give_up():
            self.dismiss(None)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self.typed()

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.enter()

    @on(OptionList.OptionSelected)
    def _clicked(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.take(self.rows[event.option_index])


class ListScreen(ListDialog[ScreenResultType, Row]):
    """A list as large as the screen, with details of the row under the cursor."""

    DEFAULT_CSS = """
    ListScreen {
        background: $background;

        & Input {
            margin: 0 1;
        }
        & .body {
            layers: base over;
        }
        & .nothing {
            layer: over;
            dock: top;
            padding: 1 2;
        }
        & OptionList {
            height: 3fr;
            background: $background;
        }
        & .details {
            height: 2fr;
            padding: 0 2;
            border-top: solid $border-blurred;
        }
        &.-wide .body {
            layout: horizontal;
        }
        &.-wide OptionList {
            width: 3fr;
            height: 1fr;
        }
        &.-wide .details {
            width: 2fr;
            height: 1fr;
            border-top: none;
            border-left: solid $border-blurred;
        }
    }
    """
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012 - as Textual has it

    heading = ""

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Heading(self.heading)
            yield self.line
            with Container(classes="body"):
                yield self.nothing
                yield self.options
                with VerticalScroll(classes="details", can_focus=False):
                    yield Static()
            yield Static(classes="status")

    def on_mount(self) -> None:
        self.nothing.display = True
        self.query_one(".details").visible = False

    def show_details(self, content: Content) -> None:
        pane = self.query_one(".details", VerticalScroll)
        pane.visible = bool(self.rows)
        pane.query_one(Static).update(content)
        pane.scroll_home(animate=False)

    def say(self, content: Content, *, error: bool = False) -> None:
        status = self.query_one(".status", Static)
        status.update(content)
        status.set_class(error, "error")
