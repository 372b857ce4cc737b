"""Some words side by side, parted by dots; what has no room goes on, whole, on the next line."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

_BETWEEN = " · "


class Parts(Widget):
    """Breaks between parts only, unless one is longer than a line."""

    DEFAULT_CSS = """
    Parts {
        height: auto;
        color: $text-dim;
    }
    """

    def __init__(self, *, classes: str | None = None) -> None:
        super().__init__(classes=classes)
        self._parts: Sequence[Content] = ()

    @property
    def plain(self) -> str:
        """What it says, on one line."""
        return _BETWEEN.join(part.plain for part in self._parts)

    def say(self, parts: Sequence[Content], *, layout: bool = True) -> None:
        """Show other parts; without `layout` they take as many lines as those before."""
        self._parts = parts
        self.refresh(layout=layout)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        width = max(width, 1)  # a pane that is about to be shown has none, and Rich divides by it
        return self._lines(width).get_height({}, width)

    def render(self) -> Content:
        return self._lines(self.content_size.width)

    def _lines(self, width: int) -> Content:
        lines: list[Content] = []
        for part in self._parts:
            if lines and (longer := lines[-1] + Content(_BETWEEN) + part).cell_length <= width:
                lines[-1] = longer
            else:
                lines.append(part)
        return Content("\n").join(lines)
