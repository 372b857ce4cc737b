"""Messages that were sent while an answer was on its way: they go when it is there."""

from __future__ import annotations

from collections.abc import Callable

from textual import events
from textual.content import Content
from textual.widgets import Static

from vlmtui import printable
from vlmtui.ui.keys import keymap

_SHOWN = 3
"""Lines for them; of more the last ones are shown."""


class Waiting(Static):
    """A line for each, above the composer; hidden while there are none.

    Attributes:
        texts: What was written, the next one first.
    """

    DEFAULT_CSS = """
    Waiting {
        margin: 0 1;
        padding: 0 1;
        color: $text-dim;
        text-wrap: nowrap;
        text-overflow: ellipsis;
    }
    """

    def __init__(self, clicked: Callable[[int], object]) -> None:
        super().__init__()
        self.display = False
        self._clicked = clicked
        self.texts: list[str] = []

    def add(self, text: str) -> None:
        self.texts.append(text)
        self._show()

    def take(self, number: int) -> str:
        """Take one out; negative numbers count from the end."""
        text = self.texts.pop(number)
        self._show()
        return text

    def _show(self) -> None:
        up = keymap.keys_of(self.app, "edit.cursor_up", "up")
        hidden = self._hidden
        lines = [
            Content(f"Next: {printable.line(' '.join(text.split()), 400)}")
            for text in self.texts[hidden:]
        ]
        if lines:
            more = f"{hidden} more before. " if hidden else ""
            lines.append(Content(f"{more}Sent after this answer; {up} takes it back"))
        self.update(Content("\n").join(lines))
        self.display = bool(lines)

    @property
    def _hidden(self) -> int:
        return max(len(self.texts) - _SHOWN, 0)

    def on_click(self, event: events.Click) -> None:
        number = event.y + self._hidden
        if number < len(self.texts):
            self._clicked(number)
