"""The line at the top of a pane: what it is, a thin rule, and a word on the right."""

from __future__ import annotations

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from vlmtui import printable

_LEAST_RULE = 2
_LEAST_TEXT = 24
_LEAST_NOTE = 8


class Heading(Widget):
    """Foreign text is welcome: it is shown as one line, and cut where there is no room."""

    DEFAULT_CSS = """
    Heading {
        height: 1;
        padding: 0 1;
        color: $border-blurred;
    }
    """

    text: reactive[str] = reactive("")
    note: reactive[str] = reactive("")

    def __init__(
        self, text: str = "", note: str = "", *, id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(id=id, classes=classes)
        self.set_reactive(Heading.text, text)
        self.set_reactive(Heading.note, note)

    def render(self) -> Content:
        """Without room for both the text has half of it at least, and the note is cut first."""
        width = self.content_size.width
        text, note = Content(printable.line(self.text)), Content(printable.line(self.note))
        kept = min(text.cell_length, max(_LEAST_TEXT, width // 2))
        beside = width - kept - _LEAST_RULE - 2
        if note.cell_length > beside:
            note = note.truncate(beside, ellipsis=True) if beside >= _LEAST_NOTE else Content("")
        end = Content(" ") + note.stylize("$text-dim") if note.cell_length else note
        room = width - end.cell_length - _LEAST_RULE - 1 if note.cell_length else width
        line = text.truncate(room, ellipsis=True)
        rule = width - line.cell_length - 1 - end.cell_length
        line = line.stylize("bold $foreground")
        return line if rule < _LEAST_RULE else line + Content(f" {'─' * rule}") + end
