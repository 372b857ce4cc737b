"""A thin rule in the transcript where another model answers than before."""

from __future__ import annotations

from textual.content import Content
from textual.widget import Widget

from vlmtui import printable

_NAME = 40


class ModelMark(Widget):
    """Names the model from before and the one that answers now."""

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
