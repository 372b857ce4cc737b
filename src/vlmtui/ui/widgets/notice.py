"""A panel in the transcript that tells what went wrong, or something the reader should know."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

from vlmtui import printable


class Notice(Static):
    """What happened, what to do, and details where there are any."""

    DEFAULT_CSS = """
    Notice {
        height: auto;
        margin: 0 0 1 0;
        padding: 0 1;
        border-left: outer $warning;
        background: $warning 8%;

        &.error {
            border-left: outer $error;
            background: $error 10%;
        }
    }
    """

    def __init__(self, message: str, hint: str = "", details: str = "", *, error: bool) -> None:
        lines = [
            Content.styled(printable.prose(message), f"bold ${'error' if error else 'warning'}")
        ]
        if hint:
            lines.append(Content(printable.prose(hint)))
        if details:
            lines.append(Content.styled(printable.prose(details), "$text-dim"))
        super().__init__(Content("\n").join(lines), classes="error" if error else "")
