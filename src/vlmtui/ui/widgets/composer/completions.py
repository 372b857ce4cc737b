"""What the word at the cursor could become: a short list above the composer."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual.content import Content
from textual.widgets import OptionList

from vlmtui import printable
from vlmtui.compose.completion import Candidate

_NAME = 60
"""Longest name in the list, in characters."""

_COLUMN = 24
"""Cells of most names: the notes beside longer ones stand further right."""


class Completions(OptionList, can_focus=False):
    """A list to choose from; hidden when empty. The composer keeps the focus."""

    DEFAULT_CSS = """
    Completions {
        max-height: 6;
        margin: 0 1;
        border: none;
        text-wrap: nowrap;
        text-overflow: ellipsis;

        & > .option-list--option-highlighted {
            background: $block-cursor-background;
            color: $block-cursor-foreground;
        }
    }
    """

    def __init__(self, clicked: Callable[[Candidate], object]) -> None:
        super().__init__(markup=False)
        self.display = False
        self._clicked = clicked
        self.candidates: Sequence[Candidate] = ()
        """What is offered."""

        self._width = 0
        self._marked: int | None = None

    @property
    def chosen(self) -> Candidate | None:
        return None if self.highlighted is None else self.candidates[self.highlighted]

    def offer(self, candidates: Sequence[Candidate]) -> None:
        """Show other candidates, none of them highlighted."""
        if list(candidates) != list(self.candidates):
            self.highlighted = None
            self.candidates = candidates
            self.clear_options()
            width = max((len(each.name) for each in candidates if each.note), default=0)
            self._width = min(width, _COLUMN)
            self.add_options([self._row(index) for index in range(len(candidates))])
        self.highlighted = None
        self.display = bool(candidates)

    def watch_highlighted(self, highlighted: int | None) -> None:
        """Have the highlighted row in one colour: others can't be read on that of the cursor."""
        super().watch_highlighted(highlighted)
        for index in (self._marked, highlighted):
            if index is not None:
                row = self._row(index)
                shown = Content(row.plain) if index == highlighted else row
                self.replace_option_prompt_at_index(index, shown)
        self._marked = highlighted

    def _row(self, index: int) -> Content:
        return _row(self.candidates[index], self._width)

    def step(self, by: int) -> None:
        count = len(self.candidates)
        if not count:
            return
        if self.highlighted is None:
            self.highlighted = 0 if by > 0 else count - 1
        else:
            self.highlighted = (self.highlighted + by) % count

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self._clicked(self.candidates[event.option_index])


def _row(candidate: Candidate, width: int) -> Content:
    name = Content.styled(
        printable.line(candidate.name, _NAME), "$secondary" if candidate.directory else ""
    )
    if not candidate.note:
        return name
    gap = " " * max(width - name.cell_length + 2, 2)
    return Content.assemble(name, gap, (printable.line(candidate.note), "$text-dim"))
