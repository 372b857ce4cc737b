"""The screen of all models: one is chosen, fetched or deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input, OptionList

from vlmtui import units
from vlmtui.chat.model_choice import Choice
from vlmtui.errors import VlmtuiError
from vlmtui.ui.screens.models.models_fetch import ModelsFetch

if TYPE_CHECKING:
    from vlmtui.models.removal import Removal

_ADDRESSES = ("hf:", "https://", "http://")
"""How what can be fetched begins, besides the names of the catalogue."""


class ModelsScreen(ModelsFetch):
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

    @on(Input.Submitted)
    def _taken(self, event: Input.Submitted) -> None:
        event.stop()
        wanted = event.value.strip()
        row = self.row
        if wanted.startswith(_ADDRESSES) and (row is None or row.name != wanted):
            self.offer_pull(Choice(wanted))
        elif row is not None:
            self._take(row)

    @on(OptionList.OptionSelected)
    def _clicked(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self._take(self._shown[event.option_index])

    def _take(self, row: Choice) -> None:
        if row.here:
            self.dismiss(row.name)
        else:
            self.offer_pull(row)

    # ------------------------------------------------------------------ deleting

    def action_remove(self) -> None:
        """Delete the model under the cursor, after asking."""
        row = self.row
        if row is None or not row.here:
            self.tell("There is nothing to delete: it is not on this machine")
        elif row.name == self._current:
            self.tell(f"{row.name} answers now: choose another model first")
        else:
            self._plan_removal(row.name)

    @work(thread=True, exclusive=True, group="remove", exit_on_error=False)
    def _plan_removal(self, name: str) -> None:
        try:
            self.post_message(self.RemovalPlanned(self._open_available_models().removal(name)))
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
        self.ask(question, lambda yes: self._remove(removal) if yes else None)

    @work(thread=True, exclusive=True, group="remove", exit_on_error=False)
    def _remove(self, removal: Removal) -> None:
        try:
            self._open_available_models().remove(removal)
            self.post_message(self.Removed(removal))
        except VlmtuiError as error:
            self.post_message(self.Failed(error))

    @on(Removed)
    def _removed(self, event: Removed) -> None:
        event.stop()
        freed = f", {units.size(event.removal.freed)} freed" if event.removal.files else ""
        done = "deleted" if event.removal.files else "forgotten"
        self.tell(f"{event.removal.model.name} is {done}{freed}")
        self.survey()
