"""The screen of all models: one is chosen, fetched or deleted."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input, OptionList

from vlmtui.errors import VlmtuiError
from vlmtui.ui import units
from vlmtui.ui.pulls import State
from vlmtui.ui.screens.models_list import ModelsList
from vlmtui.ui.widgets.confirm import Confirm

if TYPE_CHECKING:
    from vlmtui.chat.choice import Choice
    from vlmtui.models.removal import Removal

_ADDRESSES = ("hf:", "https://", "http://")
"""How what can be fetched begins, besides the names of the catalogue."""


class ModelsScreen(ModelsList):
    """Returns the name of the model that should answer, or None."""

    DEFAULT_CSS = """
    ModelsScreen {
        background: $background;

        & > #models {
            height: 1fr;
        }
        & Heading {
            color: $primary;
        }
        & Input, & Input:focus {
            height: 1;
            border: none;
            padding: 0 1;
            margin: 0 1;
            background: $panel;
            background-tint: transparent;
        }
        & #models-body {
            height: 1fr;
            layout: vertical;
        }
        & OptionList {
            width: 1fr;
            height: 3fr;
            border: none;
            padding: 0;
            background: $background;
            scrollbar-size-vertical: 1;

            & > .option-list--option {
                padding: 0 1;
            }
            & > .option-list--option-highlighted {
                background: $primary 18%;
            }
        }
        & #models-details {
            height: 2fr;
            padding: 0 2;
            border-top: solid $border-blurred;
            scrollbar-size-vertical: 1;
        }
        & #models-details > Static {
            height: auto;
        }
        &.-low #models-details {
            display: none;
        }
        &.-low.-details OptionList {
            display: none;
        }
        &.-low.-details #models-details {
            display: block;
            height: 1fr;
            border-top: none;
        }
        &.-wide #models-body {
            layout: horizontal;
        }
        &.-wide OptionList {
            height: 1fr;
            width: 3fr;
        }
        &.-wide #models-details {
            width: 2fr;
            height: 1fr;
            border-top: none;
            border-left: solid $border-blurred;
        }
        & #models-said {
            height: auto;
            max-height: 3;
            padding: 0 1;
            color: $text-dim;
        }
        & #models-said.error {
            color: $error;
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f8", "remove", "Delete the model", id="models.remove"),
        Binding("f9", "stop_pull", "Stop fetching the model", id="models.stop_pull"),
    ]

    class RemovalPlanned(Message):
        """It is known what deleting a model would do."""

        def __init__(self, removal: Removal) -> None:
            super().__init__()
            self.removal = removal

    class Removed(Message):
        """A model is gone."""

        def __init__(self, removal: Removal) -> None:
            super().__init__()
            self.removal = removal

    _asked: Callable[[bool], object] | None = None

    @on(Input.Submitted)
    def _taken(self, event: Input.Submitted) -> None:
        event.stop()
        wanted = event.value.strip()
        if self.row is not None:
            self._take(self.row)
        elif wanted.startswith(_ADDRESSES):
            self._ask_to_pull(wanted, f"Fetch {wanted}?")

    @on(OptionList.OptionSelected)
    def _clicked(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self._take(self._shown[event.option_index])

    def _take(self, row: Choice) -> None:
        entry = row.entry
        if row.here:
            self.dismiss(row.name)
        elif entry is not None and entry.imported:
            self._tell(f"{row.name} is not to be had as GGUF. {entry.note}")
        else:
            self._offer_pull(row)

    # ------------------------------------------------------------------ fetching

    def pull_moved(self, state: State) -> None:
        """Show how far a download is; at its end what there is now."""
        if state.doubt:
            self._ask(
                f"{state.name}: {state.doubt}. Fetch it all the same?",
                lambda yes: self._decide(state.name, yes),
            )
        elif state.error is not None:
            self._tell(f"{state.name}: {state.error.message}. {state.error.hint}", error=True)
        elif state.ended:
            self._tell(f"{state.name}: {state.words}")
            self.survey()
        if self._rows:
            self._show()

    def _decide(self, name: str, yes: bool) -> None:
        if yes:
            self._pulls.agree(name)
        else:
            self._pulls.cancel(name)

    def _offer_pull(self, row: Choice) -> None:
        size = f"{'about ' if row.reckoned else ''}{units.size(row.size_bytes)}"
        doubt = (
            "It is too big for this machine as it is now. " if row.outlook.word == "too big" else ""
        )
        self._ask_to_pull(row.name, f"{doubt}Fetch {row.name}, {size}?")

    def _ask_to_pull(self, wanted: str, question: str) -> None:
        self._ask(question, lambda yes: self._pulls.start(wanted) if yes else None)

    def action_stop_pull(self) -> None:
        """Stop fetching the model under the cursor; what came is kept."""
        if self.row is None or not self._pulls.cancel(self.row.name):
            self._tell("It is not being fetched")

    # ------------------------------------------------------------------ deleting

    def action_remove(self) -> None:
        """Delete the model under the cursor, after asking."""
        row = self.row
        if row is None or not row.here:
            self._tell("There is nothing to delete: it is not on this machine")
        elif row.name == self._current:
            self._tell(f"{row.name} answers now: choose another model first")
        else:
            self._plan_removal(row.name)

    @work(thread=True, exclusive=True, group="remove", exit_on_error=False)
    def _plan_removal(self, name: str) -> None:
        try:
            self.post_message(self.RemovalPlanned(self._open_shelf().removal(name)))
        except VlmtuiError as error:
            self.post_message(self.Failed(error))

    @on(RemovalPlanned)
    def _removal_planned(self, event: RemovalPlanned) -> None:
        event.stop()
        removal = event.removal
        name = removal.model.name
        if removal.files:
            question = f"Delete {name}? That frees {units.size(removal.freed)}."
        else:
            question = f"Forget {name}? Its file stays."
        self._ask(question, lambda yes: self._remove(removal) if yes else None)

    def _ask(self, question: str, answered: Callable[[bool], object]) -> None:
        """Ask above the line of keys; an older question is answered with no."""
        if self._asked is not None:
            self._asked(False)
        self._asked = answered
        self._tell("")
        self.query(Confirm).remove()
        confirm = Confirm(question)
        self.mount(confirm, before="#models-said")
        confirm.focus()

    def on_confirm_answered(self, event: Confirm.Answered) -> None:
        """Do what was asked about, or don't."""
        event.stop()
        answered, self._asked = self._asked, None
        self.query_one(Input).focus()
        if answered is not None:
            answered(event.yes)

    @work(thread=True, exclusive=True, group="remove", exit_on_error=False)
    def _remove(self, removal: Removal) -> None:
        try:
            self._open_shelf().remove(removal)
            self.post_message(self.Removed(removal))
        except VlmtuiError as error:
            self.post_message(self.Failed(error))

    @on(Removed)
    def _removed(self, event: Removed) -> None:
        event.stop()
        freed = f", {units.size(event.removal.freed)} freed" if event.removal.files else ""
        done = "deleted" if event.removal.files else "forgotten"
        self._tell(f"{event.removal.model.name} is {done}{freed}")
        self.survey()
