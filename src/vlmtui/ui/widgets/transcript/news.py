"""The way back to the end of the transcript: "▼ new text" while the reader is above it."""

from __future__ import annotations

from collections.abc import Callable

from textual.content import Content
from textual.geometry import NULL_OFFSET, NULL_SPACING, Region, Size
from textual.layout import WidgetPlacement
from textual.widget import Widget

TEXT = " ▼ new text · Ctrl+End "


class News(Widget):
    """One line over the lower edge of the view; the transcript says when."""

    DEFAULT_CSS = """
    News {
        width: auto;
        height: 1;
        color: $background;
        background: $accent;
    }
    """

    def __init__(self, clicked: Callable[[], object]) -> None:
        super().__init__()
        self._clicked = clicked
        self._shown = False

    def tell(self, there_is_news: bool) -> None:
        """Be seen from the next layout on, or no longer."""
        if self._shown != there_is_news:
            self._shown = there_is_news
            self.refresh(layout=True)

    def placement(self, view: Size) -> WidgetPlacement:
        """In the middle of the last line of the view, whatever is scrolled below it."""
        width = min(len(TEXT), view.width)
        region = Region((view.width - width) // 2, view.height - 1, width, 1)
        return WidgetPlacement(
            region if self._shown else Region(), NULL_OFFSET, NULL_SPACING, self, 1, fixed=True
        )

    def render(self) -> Content:
        """Where the new text is, and the key that leads there."""
        return Content(TEXT)

    def on_click(self) -> None:
        self._clicked()
