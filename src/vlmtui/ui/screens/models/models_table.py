"""All models in a list: on this machine and to be had, with what is known of each.

The list is searched and put in order here; choosing, fetching and deleting are in `models`.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import OptionList

from vlmtui import printable, units
from vlmtui.chat.model_choice import Choice
from vlmtui.errors import VlmtuiError
from vlmtui.models.download.coordinator import Pulls
from vlmtui.stats import model_details
from vlmtui.ui import background
from vlmtui.ui.background import in_thread
from vlmtui.ui.keys import key_hints
from vlmtui.ui.screens.dialogs.list_dialog import ListScreen, list_keys
from vlmtui.ui.screens.models import model_rows
from vlmtui.ui.widgets.heading import Heading

if TYPE_CHECKING:
    from vlmtui.chat.available_models import AvailableModels

_LABEL = 14
_SEARCH = "Search: a name, “fits”, “installed”, what it is good at"
_NONE = "No model matches; Enter takes hf:owner/repository or an address"


class ModelsList(ListScreen[str, Choice]):
    """Shows them. What is done with one is for `ModelsScreen`."""

    VERTICAL_BREAKPOINTS = [(0, "-low"), (20, "-high")]  # noqa: RUF012 - as Textual has it
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Back to the chat", id="models.close"),
        *list_keys("models", 8),
        Binding("f5", "sort", "Order by name, size or fit", id="models.sort"),
        Binding("f6", "details", "Show the details", id="models.details"),
    ]
    heading = "Models"

    def __init__(
        self, open_available_models: Callable[[], AvailableModels], current: str, pulls: Pulls
    ) -> None:
        """Make the screen; `open_available_models` is called in a thread.

        Downloads go on when it is closed: whoever hears of them calls `pull_moved`.
        """
        super().__init__(_SEARCH, "Looking for models…")
        self._open_available_models = open_available_models
        self._current = current
        self._order = model_rows.ORDERS[0]
        self._known: Sequence[Choice] = ()
        self.pulls = pulls
        self._status = ""
        self._error = False

    def on_mount(self) -> None:
        self.survey()

    # ------------------------------------------------------------------ looking

    def begin(self, work: Coroutine[Any, Any, object], group: str) -> None:
        """Have something done while the screen goes on; what goes wrong with it is told."""
        background.start(self, work, group, self._complain)

    def survey(self) -> None:
        """Look for the models, and how they would fit."""
        self.begin(self._survey(), "models")

    async def _survey(self) -> None:
        found = await in_thread(lambda: self._open_available_models().choices())
        self._known = (*found.here, *found.elsewhere)
        self.nothing.update(_NONE)
        free = units.size(found.machine.gpu_free or found.machine.free)
        self.query_one(Heading).note = f"{free} of memory free"
        if found.problem is not None:
            self.tell(f"{found.problem.message}. {found.problem.hint}", error=True)
        elif found.broken and not self._status:
            first, *more = found.broken
            others = f" (and {len(more)} more)" if more else ""
            self.tell(f"Can't be used: {first.name}: {first.reason}{others}")
        self.call_after_refresh(self.show_rows)  # the list has its width then

    def _complain(self, error: VlmtuiError) -> None:
        self.tell(f"{error.message}. {error.hint}".strip(), error=True)

    # ------------------------------------------------------------------ showing

    def typed(self) -> None:
        self.tell("")
        self.show_rows()

    def show_rows(self) -> None:
        """Show what answers the query, and how far each download is."""
        if not self._known:
            return
        kept = self.row.name if self.row is not None else self._current
        query = self.line.value
        pulled = {state.name: f"↓ {state.words}" for state in self.pulls.unfinished}
        known = {row.name for row in self._known}
        all_rows = [*self._known, *(Choice(name) for name in pulled if name not in known)]
        rows = model_rows.chosen(all_rows, query, self._order)
        width = self.row_width
        name_width = model_rows.widest(all_rows, width)
        drawn = [model_rows.line(row, width, name_width, self._current, pulled) for row in rows]
        names = [row.name for row in rows]
        written_out = [name for name in names if name.lower() == query.strip().lower()]
        cursor = next((names.index(name) for name in (*written_out, kept) if name in names), 0)
        self.fill(rows, drawn, cursor)
        self._show_details()
        self._say()

    @on(OptionList.OptionHighlighted)
    def _highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        self._show_details()
        self._say()

    def _show_details(self) -> None:
        row = self.row
        width = self.query_one(".details").content_size.width - 1
        details = _details(row, self._fetching(row), width) if row is not None else Content("")
        self.show_details(details)

    def _fetching(self, row: Choice) -> str:
        """How its download is, in words; empty where there is none."""
        for state in self.pulls.unfinished:
            if state.name == row.name:
                error = state.error
                return state.words if error is None else f"{error.message}. {error.hint}"
        return ""

    def tell(self, text: str, *, error: bool = False) -> None:
        """Say something below the list, until a key is pressed."""
        self._status = text
        self._error = error
        self._say()

    def _say(self) -> None:
        """What was told last, or else what can be done."""
        if self._status:
            self.say(Content(printable.line(self._status)), error=self._error)
        else:
            self.say(key_hints.line(self._hints(), self.size.width - 2))

    def _hints(self) -> list[tuple[str, str]]:
        if (row := self.row) is None:
            return [("Esc", "back")]
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
        return [*hints, ("F5", f"by {order}"), ("Esc", "back")]

    # ------------------------------------------------------------------ doing

    def action_step(self, by: int) -> None:
        super().action_step(by)
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
        wrapped = textwrap.wrap(printable.line(value, 400), max(width - _LABEL, 20)) or [""]
        for number, part in enumerate(wrapped):
            head = "" if number else label
            lines.append(Content.assemble((f"{head:<{_LABEL}}", "$text-dim"), part))
    return Content("\n").join(lines)
