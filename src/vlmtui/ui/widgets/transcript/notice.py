"""A panel in the transcript: what went wrong, what the reader should know, or has asked for."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

from vlmtui import printable


class Notice(Static):
    """What happened, what to do, and details if there are any; if `asked` for, nothing is wrong."""

    DEFAULT_CSS = """
    Notice {
        margin: 0 0 1 0;
        padding: 0 1;
        border-left: outer $warning;
        background: $warning 8%;

        &.asked {
            border-left: outer $secondary;
            background: $surface;
        }
        &.error {
            border-left: outer $error;
            background: $error 10%;
        }
    }
    """

    def __init__(
        self, message: str, hint: str = "", details: str = "", *, error: bool, asked: bool = False
    ) -> None:
        color = "secondary" if asked else "error" if error else "warning"
        lines = [Content.styled(printable.prose(message), f"bold ${color}")]
        if hint:
            lines.append(Content(printable.prose(hint)))
        if details:
            lines.append(Content.styled(printable.prose(details), "$text-dim"))
        classes = "asked" if asked else "error" if error else ""
        super().__init__(Content("\n").join(lines), classes=classes)
