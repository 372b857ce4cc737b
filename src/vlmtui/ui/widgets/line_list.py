"""A list of any length with a cursor, of which only the lines in view are ever drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Generic, TypeVar

from rich.segment import Segment
from textual import events
from textual.content import Content
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

Row = TypeVar("Row")


class LineList(ScrollView, Generic[Row], can_focus=True):
    """Rows, a line each, with headings between them if there are any.

    Attributes:
        rows: What can be under the cursor.
        cursor: Index of the row that is.
    """

    DEFAULT_CSS = """
    LineList {
        overflow-x: hidden;

        & > .line-list--cursor {
            background: $primary 18%;
        }
        &:focus > .line-list--cursor {
            background: $block-cursor-background;
            color: $block-cursor-foreground;
        }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"line-list--cursor"}

    def __init__(self, *, classes: str | None = None) -> None:
        super().__init__(classes=classes)
        self.rows: Sequence[Row] = ()
        self.cursor = 0
        self._lines: Sequence[str | int] = ()
        self._line_of: Sequence[int] = ()

    @property
    def row(self) -> Row | None:
        return self.rows[self.cursor] if self.cursor < len(self.rows) else None

    @property
    def cursor_line(self) -> int:
        """Where the cursor is, in lines from the top of what is in view."""
        return self._line_of[self.cursor] - self.scroll_offset.y if self.rows else 0

    def lay_out(self, rows: Sequence[Row], lines: Sequence[str | int] | None = None) -> None:
        """Have other rows; the cursor is for the caller to move.

        Args:
            rows: The rows.
            lines: What stands in each line, a heading or the index of a row; None for rows alone.
        """
        self.rows = rows
        self._lines = self._line_of = range(len(rows))
        if lines is not None:
            self._lines = lines
            self._line_of = [number for number, line in enumerate(lines) if isinstance(line, int)]
        self.virtual_size = Size(self.content_size.width, len(self._lines))
        self.refresh()

    # ------------------------------------------------------------------ for whoever inherits this

    def draw(self, row: Row, width: int) -> Content:
        """What a row looks like where the cursor isn't."""
        raise NotImplementedError

    def cursor_moved(self) -> None:
        """There may be another row under the cursor."""

    def clicked(self, times: int) -> None:
        """The row under the cursor was clicked, for so many times in a row."""

    # ------------------------------------------------------------------ drawing

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        style = self.visual_style
        number = y + self.scroll_offset.y
        if number >= len(self._lines):
            return Strip.blank(width, style.rich_style)
        line = self._lines[number]
        if isinstance(line, str):
            content = Content.styled(f" {line}", "$text-dim")
        else:
            content = self.draw(self.rows[line], width)
            if line == self.cursor:
                style += self.get_visual_style("line-list--cursor")
                content = Content(content.plain) if self.has_focus else content
        segments = [
            Segment(text, (style + part).rich_style)
            for text, part in content.render(style, end="", parse_style=self._get_style)
        ]
        strip = Strip(segments, content.cell_length)
        return strip.extend_cell_length(width, style.rich_style).crop(0, width)

    def notify_style_update(self) -> None:
        """The colours are another theme's."""
        super().notify_style_update()
        self.refresh()

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def on_resize(self, event: events.Resize) -> None:
        self.virtual_size = Size(event.size.width, len(self._lines))
        self.move_to(self.cursor)

    # ------------------------------------------------------------------ moving

    def move_to(self, index: int, *, scroll: bool = True) -> None:
        """Put the cursor on a row, or on the nearest that there is."""
        self.cursor = min(max(index, 0), max(len(self.rows) - 1, 0))
        self.refresh()
        if self.rows and scroll:
            line = self._line_of[self.cursor]
            # its heading comes into view with it
            first = line > 0 and isinstance(self._lines[line - 1], str)
            region = Region(0, line - first, 1, 1 + first)
            self.scroll_to_region(region, animate=False, force=True)
        self.cursor_moved()

    def action_step(self, by: int) -> None:
        self.move_to(self.cursor + by)

    def action_page(self, direction: int) -> None:
        self.move_to(self.cursor + direction * max(self.size.height - 2, 1))

    def action_to(self, end: int) -> None:
        self.move_to(len(self.rows) - 1 if end else 0)

    def on_click(self, event: events.Click) -> None:
        number = event.y + self.scroll_offset.y
        line = self._lines[number] if 0 <= number < len(self._lines) else ""
        if isinstance(line, int):
            event.stop()
            self.move_to(line)
            self.clicked(event.chain)
