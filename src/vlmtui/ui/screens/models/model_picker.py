"""The models on this machine, to choose the one that answers."""

from __future__ import annotations

from collections.abc import Mapping
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

    def offer(self, models: Mapping[str, str], verdicts: Mapping[str, str]) -> None:
        """Show models, what each is, and how it fits in a word where that is known already."""
        self.nothing.update(NOTHING)
        rows = []
        for name, about in models.items():
            mark = "● " if name == self._current else ""
            rows.append(Choice(name, name, about, f"{mark}{verdicts.get(name, '…'):<7}"))
        self.replace(rows)

    def action_all(self) -> None:
        self.dismiss(self.ALL)
