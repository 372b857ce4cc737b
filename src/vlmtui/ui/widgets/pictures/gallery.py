"""Pictures side by side, in as many rows as it takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from textual.geometry import NULL_OFFSET, Region, Size, Spacing
from textual.layout import ArrangeResult, Layout, WidgetPlacement
from textual.widget import Widget

from vlmtui.messages import ImagePart
from vlmtui.stats.image_costs import Cost
from vlmtui.ui.widgets.pictures.captioned_picture import CaptionedPicture

GAP = 2
"""Columns between two pictures; a row is followed by one blank line."""

_LEAST = 24
"""Columns that a caption wants."""

_MOST = 56


def columns(width: int, count: int) -> tuple[int, int]:
    """How many pictures stand in a row of this many cells, and how wide each may be."""
    across = max(1, min(count, (width + GAP) // (_LEAST + GAP)))
    return across, max(1, min(_MOST, (width + GAP) // across - GAP))


class _Rows(Layout):
    """Equal columns from left to right, then the next row below the highest of this one."""

    name = "rows"

    def arrange(
        self, parent: Widget, children: list[Widget], size: Size, greedy: bool = True
    ) -> ArrangeResult:
        viewport = parent.app.viewport_size
        across, width = columns(size.width, len(children))
        placements: ArrangeResult = []
        y = 0
        for first in range(0, len(children), across):
            row = children[first : first + across]
            heights = [child.get_content_height(size, viewport, width) for child in row]
            for place, (child, height) in enumerate(zip(row, heights, strict=True)):
                region = Region(place * (width + GAP), y, width, height)
                placements.append(WidgetPlacement(region, NULL_OFFSET, Spacing(), child))
            y += max(heights) + 1
        return placements


class Gallery(Widget):
    """The pictures of one message."""

    DEFAULT_CSS = """
    Gallery {
        width: 1fr;
        height: auto;
    }
    """

    def __init__(
        self, images: Iterable[ImagePart], costs: Mapping[str, Cost] | None = None
    ) -> None:
        known = costs or {}
        super().__init__(*(CaptionedPicture(image, known.get(image.sha256)) for image in images))
        self._rows = _Rows()

    @property
    def layout(self) -> Layout:
        """Rows of pictures: CSS can name only the layouts that Textual brings."""
        return self._rows
