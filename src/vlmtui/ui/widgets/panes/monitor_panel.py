"""All live readings, each with its last minutes, and what the engine did meanwhile."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from textwrap import wrap

from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

from vlmtui import printable, units
from vlmtui.stats import machine_rows
from vlmtui.stats.engine_state import Phase
from vlmtui.stats.timeline import ACTIVE, Timeline
from vlmtui.ui.widgets.panes.bars import bars, meter
from vlmtui.ui.widgets.panes.status_strip import STYLES

_LABEL = 13
_VALUE = 20
_SCALE = 9
"""Cells for what the top of a graph stands for, where there is room beside it."""

_WITH_SCALE = 70
_HIGHEST = 9
"""Lines for a graph on a high screen."""

_PARTED = 2
"""A graph with more lines gives one of them up, which parts it from the next."""

_CORE = 8
"""Cells of the bar of a core."""

_MOST_CORE_LINES = 4

_NAMES = {
    Phase.LOADING: "load",
    Phase.ENCODING: "encode",
    Phase.PREFILL: "prefill",
    Phase.DECODING: "decode",
}

_MARKS = {Phase.LOADING: "▲", Phase.ENCODING: "◆", Phase.PREFILL: "■", Phase.DECODING: "●"}
"""Told apart by their shape as well: a terminal may have no colours."""


class MonitorPanel(Widget):
    """A row for each figure that this machine gives; `tick` when there is news."""

    DEFAULT_CSS = """
    MonitorPanel {
        height: auto;
    }
    """

    def __init__(self, timeline: Timeline) -> None:
        super().__init__()
        self._timeline = timeline
        self._rows = 0
        self._room = 0

    def tick(self) -> None:
        rows = len(self._lines(self.content_size.width or 80))
        self.refresh(layout=rows != self._rows)
        self._rows = rows

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Its lines; the graphs grow with the screen."""
        self._room = container.height
        return len(self._lines(width))

    def render(self) -> Content:
        return Content("\n").join(self._lines(self.content_size.width))

    def _lines(self, width: int) -> list[Content]:
        last = self._timeline.last
        if last is None:
            return [Content.styled("The first readings come in a second …", "$text-dim")]
        scale = _SCALE if width >= _WITH_SCALE else 0
        graph = max(width - _LABEL - _VALUE - scale, 1)
        below = [self._ribbon(graph), self._legend(graph, width)]
        if details := list(_details(self._timeline, width)):
            below += [Content(""), *details]
        figures = list(machine_rows.rows(last, self._timeline.roofline))
        graphs = [
            [
                *_with_graph(row, self._timeline, graph, scale, lines - (lines > _PARTED)),
                *[Content("")] * (lines > _PARTED),
            ]
            for row, lines in zip(
                figures, _shared(self._room - len(below) - 1, len(figures)), strict=True
            )
        ]
        return [*itertools.chain(*graphs), *below]

    def _ribbon(self, graph: int) -> Content:
        """What the engine did, in the columns of the graphs above."""
        cells = [
            Content.styled("·", "$text-dim")
            if phase is None
            else Content.styled(_MARKS[phase], STYLES[phase])
            for phase in self._timeline.phases(graph)
        ]
        head = Content.styled(f"{'phases':<{_LABEL + _VALUE}}", "$text-dim")
        return head + Content(" " * (graph - len(cells))) + Content("").join(cells)

    def _legend(self, graph: int, width: int) -> Content:
        _, seconds = self._timeline.columns(graph, lambda _: None)
        parts = [
            Content.styled(f"{_MARKS[phase]} {_NAMES[phase]}", STYLES[phase])
            for phase in ACTIVE[::-1]
        ]
        span = units.duration(graph * seconds)
        parts.append(Content(f"last {span}"))
        legend = Content("  ").join(parts)
        if legend.cell_length > width:
            legend = Content(" ").join(parts)
        indent = _LABEL if legend.cell_length + _LABEL <= width else 0
        return Content(" " * indent) + legend


def _shared(room: int, graphs: int) -> list[int]:
    """Lines for each graph; those that are left over go to the first ones."""
    lines, more = divmod(max(room, graphs), graphs)
    return [min(lines + (number < more), _HIGHEST) for number in range(graphs)]


def _with_graph(
    row: machine_rows.Row, timeline: Timeline, graph: int, scale: int, high: int
) -> list[Content]:
    """A figure beside the top of its graph, and what that stands for behind it.

    A thin line is where nothing was measured.
    """
    columns, _ = timeline.columns(graph, row.series)
    most = machine_rows.top(columns, row.most)
    drawn = bars(columns, most, high)
    early = graph - len(columns)
    head = Content.assemble(
        (f"{row.label:<{_LABEL}}", "$text-dim"), (f"{row.value:<{_VALUE}}"[:_VALUE], "")
    )
    ends = [row.shown(most) if most else "", *[""] * (high - 2), *["0"] * (high > 1)]
    lines = []
    for number, (line, end) in enumerate(zip(drawn, ends, strict=True)):
        empty = "▁" if number == high - 1 else " "
        cells = [
            (empty, "$border-blurred") if value is None else (bar, row.style)
            for value, bar in zip(columns, line, strict=True)
        ]
        lines.append(
            (Content(" " * head.cell_length) if number else head)
            + Content.assemble((empty * early, "$border-blurred"), *cells)
            + Content.styled(f" {end}"[:scale], "$text-dim")
        )
    return lines


def _details(timeline: Timeline, width: int) -> Iterator[Content]:
    """What has no graph: each core, each temperature, each rail, clocks, mode."""
    if timeline.last is None:
        return
    now = timeline.last.snapshot
    yield from _cores(now.cpu_core_loads, width)
    for label, items in machine_rows.details(timeline.last, timeline.roofline):
        slow = label == machine_rows.SLOWED and now.throttled_by
        yield from _detail(label, items, width, "$error" if slow else "")
    for note in now.notes:
        for line in wrap(printable.line(note), width):
            yield Content.styled(line, "$warning")


def _cores(loads: Sequence[float | None], width: int) -> Iterator[Content]:
    """A bar for each core, in columns; where that takes too many lines, the numbers alone."""
    values = ["off" if load is None else units.percent(load) for load in loads]
    cell = _CORE + 12
    a_line = max((width - _LABEL) // cell, 1)
    if len(loads) > a_line * _MOST_CORE_LINES:
        numbers = [f"{number}: {value}" for number, value in enumerate(values)]
        yield from _detail("cores", numbers, width)
        return
    for first in range(0, len(loads), a_line):
        line = Content.styled(f"{'' if first else 'cores':<{_LABEL}}", "$text-dim")
        for number in range(first, min(first + a_line, len(loads))):
            line += Content.styled(f"{number:>2} ", "$text-dim")
            line += meter(loads[number] or 0.0, _CORE, "$primary")
            line += Content(f" {values[number]:>5}   ")
        yield line.rstrip()


def _detail(label: str, items: Sequence[str], width: int, style: str = "") -> Iterator[Content]:
    """A label and what belongs to it, on as many lines as that takes; no item is cut in two."""
    room = max(width - _LABEL, 1)
    lines: list[str] = []
    for item in items:
        text = printable.line(item, room)
        joined = f"{lines[-1]} · {text}" if lines else text
        if lines and Content(joined).cell_length <= room:
            lines[-1] = joined
        else:
            lines.append(text)
    for number, line in enumerate(lines):
        head = "" if number else label
        yield Content.assemble((f"{head:<{_LABEL}}", "$text-dim"), (line, style))
