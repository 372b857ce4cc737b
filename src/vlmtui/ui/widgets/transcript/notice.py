"""What stands between messages: what went wrong or was asked for, and where the model changed."""

from __future__ import annotations

from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from vlmtui import printable

_NAME = 40


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


class ModelMark(Widget):
    """A thin rule that names the model from before and the one that answers now."""

    DEFAULT_CSS = """
    ModelMark {
        height: 1;
        margin: 0 0 1 0;
        color: $text-dim;
    }
    """

    def __init__(self, before: str, after: str) -> None:
        super().__init__()
        self._names = f" {printable.line(before, _NAME)} → {printable.line(after, _NAME)} "

    def render(self) -> Content:
        names = Content(self._names).truncate(max(self.size.width - 4, 1), ellipsis=True)
        rule = "─" * ((self.size.width - names.cell_length) // 2)
        return Content(rule) + names + Content(rule)
