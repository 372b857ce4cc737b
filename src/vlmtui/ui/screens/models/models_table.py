"""All models in a list: on this machine and to be had, with what is known of each.

The list is searched and put in order here; choosing, fetching and deleting are in `models`.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Input, OptionList, Static

from vlmtui import printable, units
from vlmtui.chat.model_choice import Choice
from vlmtui.errors import VlmtuiError
from vlmtui.models.download.coordinator import Pulls
from vlmtui.stats import model_details
from vlmtui.ui import background
from vlmtui.ui.background import in_thread
from vlmtui.ui.keys import key_hints, keymap
from vlmtui.ui.screens.dialogs.dialog import Dialog
from vlmtui.ui.screens.models import model_rows
from vlmtui.ui.widgets.heading import Heading
from vlmtui.ui.widgets.line_input import LineInput

if TYPE_CHECKING:
    from vlmtui.chat.available_models import AvailableModels

_LABEL = 14
_PAGE = 8


class ModelsList(Dialog[str]):
    """Shows them. What is done with one is for `ModelsScreen`."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]  # noqa: RUF012 - as Textual has it
    VERTICAL_BREAKPOINTS = [(0, "-low"), (20, "-high")]  # noqa: RUF012 - the same
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Back to the chat", id="models.close"),
        Binding(keymap.UP, "step(-1)", "Up", id="models.up", priority=True),
        Binding(keymap.DOWN, "step(1)", "Down", id="models.down", priority=True),
        Binding("pageup", f"step(-{_PAGE})", "Page up", id="models.pageup"),
        Binding("pagedown", f"step({_PAGE})", "Page down", id="models.pagedown"),
        Binding("f5", "sort", "Order by name, size or fit", id="models.sort"),
        Binding("f6", "details", "Show the details", id="models.details"),
    ]

    def __init__(
        self, open_available_models: Callable[[], AvailableModels], current: str, pulls: Pulls
    ) -> None:
        """Make the screen.

        Args:
            open_available_models: Makes what knows the models; called in a thread.
            current: The model that answers now.
            pulls: Downloads, which go on when the screen is closed. Whoever hears of them calls
                `pull_moved`.
        """
        super().__init__()
        self._open_available_models = open_available_models
        self._current = current
        self._order = model_rows.ORDERS[0]
        self._rows: Sequence[Choice] = ()
        self._shown: list[Choice] = []
        self.pulls = pulls
        self._said = ""

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Heading("Models")
            yield LineInput(placeholder="Search: a name, “fits”, “installed”, what it is good at")
            with Vertical(id="models-body"):
                options = OptionList(markup=False)
                options.can_focus = False
                yield options
                with VerticalScroll(id="models-details", can_focus=False):
                    yield Static()
            yield Static("Looking for models…", id="models-said", classes="said")

    def on_mount(self) -> None:
        self.query_one(Input).focus()
        self.survey()

    def on_resize(self, event: events.Resize) -> None:
        if self._rows:
            self.call_after_refresh(self.show_rows)

    @property
    def row(self) -> Choice | None:
        """The model under the cursor."""
        index = self.query_one(OptionList).highlighted
        return self._shown[index] if index is not None and index < len(self._shown) else None

    # ------------------------------------------------------------------ looking

    def begin(self, work: Coroutine[Any, Any, object], group: str) -> None:
        """Have something done while the screen goes on; what goes wrong with it is told."""
        background.start(self, work, group, self._complain)

    def survey(self) -> None:
        """Look for the models, and how they would fit."""
        self.begin(self._survey(), "models")

    async def _survey(self) -> None:
        found = await in_thread(lambda: self._open_available_models().choices())
        self._rows = (*found.here, *found.elsewhere)
        free = units.size(found.machine.gpu_free or found.machine.free)
        self.query_one(Heading).note = f"{free} of memory free"
        if found.problem is not None:
            self.tell(f"{found.problem.message}. {found.problem.hint}", error=True)
        elif found.broken and not self._said:
            first, *more = found.broken
            others = f" (and {len(more)} more)" if more else ""
            self.tell(f"Can't be used: {first.name}: {first.reason}{others}")
        self.call_after_refresh(self.show_rows)  # the list has its width then

    def _complain(self, error: VlmtuiError) -> None:
        self.tell(f"{error.message}. {error.hint}".strip(), error=True)

    # ------------------------------------------------------------------ showing

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self.tell("")
        self.show_rows()

    def show_rows(self) -> None:
        """Show what answers the query, and how far each download is."""
        if not self._rows:
            return
        options = self.query_one(OptionList)
        kept = self.row.name if self.row is not None else self._current
        query = self.query_one(Input).value
        pulled = {state.name: f"↓ {state.words}" for state in self.pulls.unfinished}
        known = {row.name for row in self._rows}
        rows = [*self._rows, *(Choice(name) for name in pulled if name not in known)]
        self._shown = model_rows.chosen(rows, query, self._order)
        width = max(options.size.width - 3, 16)
        name_width = model_rows.widest(rows, width)
        options.clear_options()
        options.add_options(
            [model_rows.line(row, width, name_width, self._current, pulled) for row in self._shown]
        )
        names = [row.name for row in self._shown]
        written_out = [name for name in names if name.lower() == query.strip().lower()]
        for name in (*written_out, kept, *names):
            if name in names:
                options.highlighted = names.index(name)
                break
        self._show_details()
        self._say()

    @on(OptionList.OptionHighlighted)
    def _highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        self._show_details()
        self._say()

    def _show_details(self) -> None:
        pane = self.query_one("#models-details", VerticalScroll)
        row = self.row
        width = pane.content_size.width - 1
        pane.query_one(Static).update(
            _details(row, self._fetching(row), width) if row is not None else Content("")
        )
        pane.scroll_home(animate=False)

    def _fetching(self, row: Choice) -> str:
        """How its download is, in words; empty where there is none."""
        for state in self.pulls.unfinished:
            if state.name == row.name:
                error = state.error
                return state.words if error is None else f"{error.message}. {error.hint}"
        return ""

    def tell(self, text: str, *, error: bool = False) -> None:
        """Say something below the list, until a key is pressed."""
        self._said = text
        self.query_one("#models-said").set_class(error, "error")
        self._say()

    def _say(self) -> None:
        """What was told last, or else what can be done."""
        said = self.query_one("#models-said", Static)
        if self._said:
            said.update(Content(printable.line(self._said)))
            return
        row = self.row
        if row is None:
            none = "No model matches; Enter takes hf:owner/repository or an address"
            said.update(Content(none if self._rows else "Looking for models…"))
            return
        order = model_rows.ORDERS[(model_rows.ORDERS.index(self._order) + 1) % 3]
        fetched = [state for state in self.pulls.unfinished if state.name == row.name]
        hints = [("F9", "stop download")] if fetched else _on_enter(row, self._current)
        if fetched and fetched[0].ended:
            hints = [("Enter", "try again"), ("F9", "dismiss it")]
        if self.has_class("-low"):
            hints.append(("F6", "list" if self.has_class("-details") else "details"))
        if row.installed is not None and row.installed.source != "demo":
            ours = row.installed.source not in ("added", "file")
            hints.append(("F8", "delete" if ours else "forget"))
        elif row.served is not None and not row.found:
            hints.append(("F8", "forget"))
        hints += [("F5", f"by {order}"), ("Esc", "back")]
        said.update(key_hints.line(hints, self.size.width - 2))

    # ------------------------------------------------------------------ doing

    def action_step(self, by: int) -> None:
        if self._shown:  # keys may come before there is a list
            options = self.query_one(OptionList)
            at = (options.highlighted or 0) + by
            options.highlighted = min(max(at, 0), len(self._shown) - 1)
            self.tell("")

    def action_sort(self) -> None:
        orders = model_rows.ORDERS
        self._order = orders[(orders.index(self._order) + 1) % len(orders)]
        self.tell("")
        self.show_rows()

    def action_details(self) -> None:
        """Show the details in the place of the list, where both have no room."""
        self.toggle_class("-details")
        self.call_after_refresh(self._show_details)
        self._say()

    def action_close(self) -> None:
        """Choose nothing; what was typed goes first."""
        if not any(line.give_up() for line in self.query(LineInput)):
            self.dismiss(None)


def _on_enter(row: Choice, current: str) -> list[tuple[str, str]]:
    if row.here:
        return [] if row.name == current else [("Enter", "use")]
    return [("Enter", "download")]


def _details(row: Choice, fetching: str, width: int) -> Content:
    """Labels on the left; what is longer than a line goes on below its beginning."""
    facts = model_details.rows(row)
    if fetching:
        facts.insert(0, ("download", fetching))
    lines = [Content.styled(printable.line(row.name), "bold $primary"), Content("")]
    for label, value in facts:
        told = textwrap.wrap(printable.line(value, 400), max(width - _LABEL, 20)) or [""]
        for number, part in enumerate(told):
            head = "" if number else label
            lines.append(Content.assemble((f"{head:<{_LABEL}}", "$text-dim"), part))
    return Content("\n").join(lines)
