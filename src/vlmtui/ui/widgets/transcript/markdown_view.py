"""A markdown text, drawn line by line: complete, or growing while it streams.

One widget for the whole text: with a widget for each paragraph and list item, as Textual's own has,
every line that is already there costs something at each addition.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.segment import Segment
from textual.content import Content
from textual.geometry import Region, Size
from textual.reactive import Reactive
from textual.selection import Selection
from textual.strip import Strip
from textual.style import Style
from textual.widget import Widget

from vlmtui import units
from vlmtui.commands.code_blocks import has_code
from vlmtui.ui import background, marks
from vlmtui.ui.widgets.transcript.wrapped_rows import MOST_SHOWN, wrapped_rows

if TYPE_CHECKING:
    from vlmtui.ui.markdown.markdown_flow import Flow

_SLOW = 12_000
"""Longer texts, in characters, are laid out in a thread: here it would be felt as a pause."""


class MarkdownView(Widget):
    """Shows `source`, which must be printable (see `vlmtui.printable`)."""

    DEFAULT_CSS = """
    MarkdownView {
        width: 1fr;
        height: auto;
        color: $foreground;
    }
    """

    # its height is that of its lines: that it was given it is no reason for another layout
    virtual_size: Reactive[Size] = Reactive(Size(0, 0), layout=False, repaint=False)

    def __init__(self, source: str = "") -> None:
        super().__init__()
        self.source = source
        """The text as it was given."""

        self._flow: Flow | None = None
        self._fed = 0
        self._lines: list[Content] = []
        self._width = 0
        self._strips: dict[int, Strip] = {}
        self._marks: re.Pattern[str] | None = None

    def mark(self, words: Sequence[str]) -> None:
        self._marks = marks.pattern(words)
        self._strips.clear()
        self.refresh()

    def first_mark(self) -> int | None:
        """The first line with a marked word."""
        found = self._marks
        if found is None:
            return None
        return next((y for y, line in enumerate(self._lines) if found.search(line.plain)), None)

    def update(self, source: str) -> None:
        """Show another text, as one piece and with highlighted code."""
        self.source = source
        if self._width < 1:
            return
        if self._flow is not None and (_is_slow(source) or has_code(source)):
            self._flow = None  # a new width meanwhile has the whole text laid out, colours and all
            self._render_apart(source, self._width)  # what has streamed in stays until then
            return
        before = len(self._lines)
        self._lay_out(self._width)
        self.refresh(layout=len(self._lines) != before)

    def append(self, text: str) -> None:
        self.source += text
        if self._width < 1:
            return
        before = list(self._lines)
        changed = self._grow()
        first = _first_change(before, self._lines, changed)
        for y in [y for y in self._strips if y >= first]:
            del self._strips[y]
        if len(self._lines) != len(before):
            self.refresh(layout=True)
        elif first < len(before):
            self.refresh(Region(0, first, self._width, len(before) - first))

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        if width != self._width:
            self._lay_out(width)
        return len(self._lines)

    def _lay_out(self, width: int) -> None:
        self._width = width
        self._strips.clear()
        if width < 1:
            self._lines = []
        elif self._flow is not None and self._fed:
            self._flow = None
            self._grow()
        elif _is_slow(self.source):
            self._lines = [Content("")] * wrapped_rows(self.source[:MOST_SHOWN], width)
            self._render_apart(self.source, width)
        else:
            from vlmtui.ui.markdown.markdown_layout import (
                render,  # a parser that the first paint does without
            )

            self._lines = render(self.source, width, highlight=False)
            if has_code(self.source):
                self._render_apart(self.source, width)

    def _grow(self) -> int:
        """Lay out what has come; returns the first line that may have changed."""
        first = 0
        if self._flow is None:
            from vlmtui.ui.markdown.markdown_flow import Flow

            self._flow = Flow(self._width)
            self._fed = 0
            self._strips.clear()
        elif self._fed >= MOST_SHOWN:
            first = len(self._lines) - 1
        if self._fed < MOST_SHOWN:
            end = min(len(self.source), MOST_SHOWN)
            first = self._flow.feed(self.source[self._fed : end])
            self._fed = end
        left_out = _left_out(self.source, self._width)
        self._lines = [*self._flow.lines, *left_out] if left_out else self._flow.lines
        return first

    def _render_apart(self, source: str, width: int) -> None:
        background.start(
            self,
            self._lay_out_apart(source, width),
            "render",
            lambda _: self._show(source, width, Content(source[:MOST_SHOWN]).wrap(width)),
        )

    async def _lay_out_apart(self, source: str, width: int) -> None:
        def lay_out() -> list[Content]:
            from vlmtui.ui.markdown.markdown_layout import render  # as slow as a long text

            return render(source[:MOST_SHOWN], width)

        self._show(source, width, await background.in_thread(lay_out))

    def _show(self, source: str, width: int, lines: list[Content]) -> None:
        """Show a text that was laid out, unless there is something newer."""
        if source != self.source or width != self._width:
            return
        lines = [*lines, *_left_out(source, width)]
        same = len(lines) == len(self._lines)
        self._flow = None
        self._lines = lines
        self._strips.clear()
        self.refresh(layout=not same)

    def notify_style_update(self) -> None:
        """Forget strips drawn in the colours of another theme."""
        self._strips.clear()
        super().notify_style_update()

    def selection_updated(self, selection: Selection | None) -> None:
        self._strips.clear()
        self.refresh()

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        return selection.extract("\n".join(line.plain for line in self._lines)), "\n"

    def render_line(self, y: int) -> Strip:
        strip = self._strips.get(y)
        if strip is None:
            strip = self._strips[y] = self._draw(y)
        return strip

    def _draw(self, y: int) -> Strip:
        style = self.visual_style
        width = self.size.width
        if y >= len(self._lines):
            return Strip.blank(width, style.rich_style)
        line = marks.marked(self._lines[y], self._marks)
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


def _first_change(before: Sequence[Content], after: Sequence[Content], first: int) -> int:
    """The first line from `first` on that is another than before."""
    for old, new in zip(before[first:], after[first:], strict=False):
        if not new.is_same(old):
            break
        first += 1
    return first


def _is_slow(source: str) -> bool:
    return len(source) > _SLOW


def _left_out(source: str, width: int) -> list[Content]:
    left = len(source) - MOST_SHOWN
    if left <= 0:
        return []
    text = f"… {units.count(left)} more characters are not shown; copying takes all"
    return Content.styled(text, "$warning").wrap(width)
