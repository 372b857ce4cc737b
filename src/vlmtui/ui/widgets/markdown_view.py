"""A markdown text, drawn line by line: complete, or growing while it streams.

One widget for the whole text: with a widget for each paragraph and list item, as Textual's own has,
every line that is already there costs something at each addition.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.segment import Segment
from textual.content import Content
from textual.geometry import Region, Size
from textual.selection import Selection
from textual.strip import Strip
from textual.style import Style
from textual.widget import Widget

if TYPE_CHECKING:
    from vlmtui.ui.markdown import Flow


class MarkdownView(Widget):
    """Shows `source`, which must be printable (see `vlmtui.ui.printable`)."""

    DEFAULT_CSS = """
    MarkdownView {
        width: 1fr;
        height: auto;
        color: $foreground;
    }
    """

    def __init__(self, source: str = "") -> None:
        super().__init__()
        self._source = source
        self._flow: Flow | None = None
        self._lines: list[Content] = []
        self._width = 0
        self._strips: dict[int, Strip] = {}

    @property
    def source(self) -> str:
        """The text as it was given."""
        return self._source

    def update(self, source: str) -> None:
        """Show another text, as one piece and with highlighted code."""
        self._source = source
        self._flow = None
        before = len(self._lines)
        self._lay_out(self._width)
        self.refresh(layout=len(self._lines) != before)

    def append(self, text: str) -> None:
        """Add text to the end."""
        self._source += text
        if self._width < 1:
            return
        before = len(self._lines)
        if self._flow is None:
            self._start_flow()
            first = 0
        else:
            first = self._flow.feed(text)
        for y in [y for y in self._strips if y >= first]:
            del self._strips[y]
        if len(self._lines) != before:
            self.refresh(layout=True)
        else:
            self.refresh(Region(0, first, self._width, len(self._lines) - first))

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Lines at this width."""
        if width != self._width:
            self._lay_out(width)
        return len(self._lines)

    def _lay_out(self, width: int) -> None:
        self._width = width
        self._strips.clear()
        if width < 1:
            self._lines = []
        elif self._flow is not None:
            self._start_flow()
        else:
            from vlmtui.ui.markdown import render  # a parser that the first paint does without

            self._lines = render(self._source, width)

    def _start_flow(self) -> None:
        from vlmtui.ui.markdown import Flow

        self._flow = Flow(self._width)
        self._flow.feed(self._source)
        self._lines = self._flow.lines
        self._strips.clear()

    def notify_style_update(self) -> None:
        """Forget strips drawn in the colours of another theme."""
        self._strips.clear()
        super().notify_style_update()

    def selection_updated(self, selection: Selection | None) -> None:
        """Draw with the new selection."""
        self._strips.clear()
        self.refresh()

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The selected text, as it is on the screen."""
        return selection.extract("\n".join(line.plain for line in self._lines)), "\n"

    def render_line(self, y: int) -> Strip:
        """Draw a line."""
        strip = self._strips.get(y)
        if strip is None:
            strip = self._strips[y] = self._draw(y)
        return strip

    def _draw(self, y: int) -> Strip:
        style = self.visual_style
        width = self.size.width
        if y >= len(self._lines):
            return Strip.blank(width, style.rich_style)
        line = self._lines[y]
        selection = self.text_selection
        if selection is not None and (span := selection.get_span(y)) is not None:
            start, end = span
            chosen = Style.from_styles(self.screen.get_component_styles("screen--selection"))
            line = line.stylize(chosen, start, len(line.plain) if end == -1 else end)
        segments = [
            Segment(text, (style + part).rich_style)
            for text, part in line.render(style, end="", parse_style=self._get_style)
        ]
        strip = Strip(segments, line.cell_length)
        return strip.extend_cell_length(width, style.rich_style).apply_offsets(0, y)
