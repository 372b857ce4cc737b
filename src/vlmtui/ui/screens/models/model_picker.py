"""The models on this machine, to choose the one that answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from vlmtui.ui.screens.dialogs.chooser import NOTHING, Choice, Chooser

SEARCHING = "Looking for models…"


class ModelPicker(Chooser):
    """Returns the name of a model. Empty at first; whoever opened it gives it the models."""

    DEFAULT_CSS = """
    ModelPicker {
        & > #chooser {
            width: 100;
        }
    }
    """
    title_text = "Which model should answer?"
    placeholder = "Type part of its name"
    hints = (("Enter", "choose"), ("F2", "all models"), ("Esc", "close"))
    ALL = ""
    """Returned when one wants to see the models that could be had, too."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f2", "all", "All models, and those to download", id="chooser.all_models")
    ]

    def __init__(self, current: str) -> None:
        super().__init__([], current)
        self.nothing.update(SEARCHING)
        self._current = current
        self._rows: list[Choice] = []
        self._verdicts: dict[str, str] = {}

    def offer(self, rows: Sequence[Choice]) -> None:
        """Show the models; their notes are what stands there until they are judged."""
        self._rows = list(rows)
        self.nothing.update(NOTHING)
        self._renew()

    def judge(self, verdicts: Mapping[str, str]) -> None:
        """Show what is known of how models fit: a word each, by the value of the row."""
        self._verdicts.update(verdicts)
        self._renew()

    def action_all(self) -> None:
        self.dismiss(self.ALL)

    def _renew(self) -> None:
        self.replace(
            [Choice(row.value, row.name, row.about, self._note(row.value)) for row in self._rows]
        )

    def _note(self, value: str) -> str:
        mark = "● " if value == self._current else ""
        return f"{mark}{self._verdicts.get(value, '…'):<7}"
