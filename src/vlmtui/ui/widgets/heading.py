"""The line at the top of a pane: what it is, a thin rule, and a word on the right."""

from __future__ import annotations

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from vlmtui import printable

_LEAST_RULE = 2
_LEAST_TEXT = 24


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
        """A long text is cut for the note as long as enough of it stays to be known by."""
        width = self.content_size.width
        note = Content(printable.line(self.note))
        beside = width - note.cell_length - _LEAST_RULE - 2
        room = beside if note.cell_length and beside >= _LEAST_TEXT else width
        text = Content(printable.line(self.text)).truncate(room, ellipsis=True)
        rule = width - text.cell_length - 1
        if note.cell_length and rule - note.cell_length - 1 >= _LEAST_RULE:
            rule -= note.cell_length + 1
            end = Content(" ") + note.stylize("$text-dim")
        else:
            end = Content("")
        line = text.stylize("bold $foreground")
        return line if rule < _LEAST_RULE else line + Content(f" {'─' * rule}") + end
