"""One line of text to search with or to name something."""

from __future__ import annotations

from textual import events
from textual.widgets import Input

from vlmtui import printable

_LONGEST = 1000
"""In characters; nobody types more, and a paste can be of any length."""


class LineInput(Input):
    """Textual's input without a frame; what is pasted can neither act nor turn the line around."""

    DEFAULT_CSS = """
    LineInput {
        height: 1;
        border: none;
        padding: 0 1;
        background: $panel;

        &:focus {
            border: none;
            background-tint: transparent;
        }
    }
    """

    def give_up(self, first: str = "") -> bool:
        """Take back what was typed since `first` stood here; False where nothing was."""
        typed = self.value not in ("", first)
        if typed:
            self.value = ""
        return typed

    def _on_paste(self, event: events.Paste) -> None:
        """Textual's own handler comes after this one, and takes the first line alone."""
        event.text = " ".join(event.text[:_LONGEST].split())

    def validate_value(self, value: str) -> str:
        """Keep each character in its place, since the cursor counts them."""
        return "".join(map(_shown, value[:_LONGEST]))


def _shown(character: str) -> str:
    safe = printable.line(character)
    return safe if len(safe) == 1 else "\N{REPLACEMENT CHARACTER}"
