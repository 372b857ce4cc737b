"""All live readings, each with its last minutes, and what the engine did meanwhile."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from textwrap import wrap

from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

from vlmtui import printable, units
from vlmtui.hardware.base import Snapshot
from vlmtui.stats import machine_rows
from vlmtui.stats.engine_state import Phase
from vlmtui.stats.timeline import ACTIVE, Timeline
from vlmtui.ui.widgets.panes.sparkline import bars, sparkline
from vlmtui.ui.widgets.panes.stats_panel import STYLES

_LABEL = 13
_VALUE = 20
_HIGHEST = 3
"""Lines of a graph on a high screen."""

_NAMES = {
    Phase.LOADING: "load",
    Phase.ENCODING: "encode",
    Phase.PREFILL: "prefill",
    Phase.THINKING: "think",
    Phase.DECODING: "decode",
}


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
        """The timeline has grown."""
        rows = len(self._lines(self.content_size.width or 80))
        self.refresh(layout=rows != self._rows)
        self._rows = rows

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Its lines; the graphs grow with the screen."""
        self._room = container.height
        return len(self._lines(width))

    def render(self) -> Content:
        """The figures, one a line."""
        return Content("\n").join(self._lines(self.content_size.width))

    def _lines(self, width: int) -> list[Content]:
        last = self._timeline.last
        if last is None:
            return [Content.styled("The first readings come in a second …", "$text-dim")]
        graph = max(width - _LABEL - _VALUE, 1)
        below = [self._ribbon(graph), self._legend(graph, width)]
        if details := list(_details(last.snapshot, width)):
            below += [Content(""), *details]
        figures = list(machine_rows.rows(last))
        high = min(max((self._room - len(below) - 1) // len(figures), 1), _HIGHEST)
        graphs = [_with_graph(row, self._timeline, graph, high) for row in figures]
        gap = [Content("")] * (high > 1)
        return [*itertools.chain(*graphs), *gap, *below]

    def _ribbon(self, graph: int) -> Content:
        """What the engine did, in the columns of the graphs above."""
        cells = [
            Content.styled("·", "$text-dim")
            if phase is None
            else Content.styled("▀", STYLES[phase])
            for phase in self._timeline.phases(graph)
        ]
        head = Content.styled(f"{'phases':<{_LABEL + _VALUE}}", "$text-dim")
        return head + Content(" " * (graph - len(cells))) + Content("").join(cells)

    def _legend(self, graph: int, width: int) -> Content:
        _, seconds = self._timeline.columns(graph, lambda _: None)
        parts = [Content.styled(f"▀ {_NAMES[phase]}", STYLES[phase]) for phase in ACTIVE[::-1]]
        span = units.duration(graph * seconds)
        legend = Content("  ").join([*parts, Content(f"last {span}")])
        indent = _LABEL if legend.cell_length + _LABEL <= width else 0
        return Content(" " * indent) + legend


def _with_graph(row: machine_rows.Row, timeline: Timeline, graph: int, high: int) -> list[Content]:
    """A figure beside the foot of its graph; a thin line where nothing was measured."""
    columns, _ = timeline.columns(graph, row.series)
    *above, foot = bars(columns, row.most, high)
    early = graph - len(columns)
    indent = Content(" " * (_LABEL + _VALUE + early))
    head = Content.assemble(
        (f"{row.label:<{_LABEL}}", "$text-dim"),
        (f"{row.value:<{_VALUE}}"[:_VALUE], ""),
        ("▁" * early, "$border-blurred"),
        *(
            ("▁", "$border-blurred") if value is None else (bar, row.style)
            for value, bar in zip(columns, foot, strict=True)
        ),
    )
    return [*(indent + Content.styled(line, row.style) for line in above), head]


def _details(now: Snapshot, width: int) -> Iterator[Content]:
    """What has no graph: each core, each temperature, each rail, clocks, mode."""
    if now.cpu_core_loads:
        cores = sparkline([0.0 if load is None else load for load in now.cpu_core_loads], 1.0)
        off = sum(load is None for load in now.cpu_core_loads)
        yield from _detail("cores", [cores + (f"  {off} off" if off else "")], width)
    for label, items in machine_rows.details(now):
        slow = label == machine_rows.SLOWED and now.throttled_by
        yield from _detail(label, items, width, "$error" if slow else "")
    for note in now.notes:
        for line in wrap(printable.line(note), width):
            yield Content.styled(line, "$warning")


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
