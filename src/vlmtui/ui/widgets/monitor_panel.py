"""All live figures, each with its last minutes, and what the engine did meanwhile."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

from vlmtui import printable
from vlmtui.hardware.base import Snapshot
from vlmtui.ui import units
from vlmtui.ui.figures import Phase
from vlmtui.ui.sparkline import sparkline
from vlmtui.ui.timeline import ACTIVE, Figure, Moment, Timeline
from vlmtui.ui.widgets.figures_panel import STYLES

_LABEL = 13
_VALUE = 20
_NAMES = {
    Phase.LOADING: "load",
    Phase.ENCODING: "encode",
    Phase.PREFILL: "prefill",
    Phase.DECODING: "decode",
}


class Row(msgspec.Struct, frozen=True):
    """A figure now, and how it was."""

    label: str
    value: str
    figure: Figure
    most: float | None = None
    """Value of a full bar; None for the largest there was."""

    style: str = "$primary"


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

    def tick(self) -> None:
        """The timeline has grown."""
        rows = len(self._lines(self.content_size.width or 80))
        self.refresh(layout=rows != self._rows)
        self._rows = rows

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Its lines."""
        return len(self._lines(width))

    def render(self) -> Content:
        """The figures, one a line."""
        return Content("\n").join(self._lines(self.content_size.width))

    def _lines(self, width: int) -> list[Content]:
        last = self._timeline.last
        if last is None:
            return [Content.styled("The first figures come in a second …", "$text-dim")]
        graph = max(width - _LABEL - _VALUE, 1)
        lines = [_with_graph(row, self._timeline, graph) for row in rows(last)]
        lines.append(self._ribbon(graph))
        lines.append(self._legend(graph, width))
        details = list(_details(last.snapshot, width))
        return [*lines, Content(""), *details] if details else lines

    def _ribbon(self, graph: int) -> Content:
        """What the engine did, in the columns of the graphs above."""
        cells = [
            Content.styled("▀", STYLES[phase]) if phase is not None else Content("·")
            for phase in self._timeline.phases(graph)
        ]
        head = Content.styled(f"{'phases':<{_LABEL + _VALUE}}", "$text-dim")
        return head + Content(" " * (graph - len(cells))) + Content("").join(cells)

    def _legend(self, graph: int, width: int) -> Content:
        _, seconds = self._timeline.columns(graph, lambda _: None)
        parts = [Content.styled(f"▀ {_NAMES[phase]}", STYLES[phase]) for phase in ACTIVE[::-1]]
        span = units.seconds(float(graph * seconds))
        legend = Content("  ").join([*parts, Content(f"last {span}")])
        indent = _LABEL if legend.cell_length + _LABEL <= width else 0
        return Content(" " * indent) + legend


def rows(moment: Moment) -> Iterator[Row]:
    """The figures that there are at a moment; those that the machine doesn't give are left out."""
    now = moment.snapshot
    rate = f"{units.rate(moment.tokens_per_s)} tok/s" if moment.tokens_per_s else "–"
    yield Row("decode", rate, lambda m: m.tokens_per_s, style="$accent")
    if now.gpu_load is not None:
        load = units.percent(now.gpu_load)
        clock = f" · {now.gpu_clock_hz / 1e6:.0f} MHz" if now.gpu_clock_hz else ""
        yield Row("GPU", load + clock, lambda m: m.snapshot.gpu_load, 1.0)
    if now.gpu_used_bytes is not None:
        whole = now.gpu_total_bytes or now.ram_total_bytes
        yield Row(
            "GPU memory",
            _of(now.gpu_used_bytes, whole),
            lambda m: m.snapshot.gpu_used_bytes,
            whole,
            "$secondary",
        )
    if now.ram_total_bytes is not None and now.ram_available_bytes is not None:
        yield Row(
            "memory used",
            _of(now.ram_total_bytes - now.ram_available_bytes, now.ram_total_bytes),
            _ram_used,
            now.ram_total_bytes,
            "$secondary",
        )
        yield Row(
            "memory free",
            units.size(now.ram_available_bytes),
            lambda m: m.snapshot.ram_available_bytes,
            now.ram_total_bytes,
            "$secondary",
        )
    if now.engine_rss_bytes is not None:
        yield Row("engine", units.size(now.engine_rss_bytes), lambda m: m.snapshot.engine_rss_bytes)
    if now.engine_gpu_bytes is not None:
        yield Row(
            "engine GPU", units.size(now.engine_gpu_bytes), lambda m: m.snapshot.engine_gpu_bytes
        )
    if now.cpu_load is not None:
        yield Row("CPU", units.percent(now.cpu_load), lambda m: m.snapshot.cpu_load, 1.0)
    if now.power_w is not None:
        yield Row("power", units.watts(now.power_w), lambda m: m.snapshot.power_w, style="$warning")
    if (hottest := _hottest(moment)) is not None:
        yield Row("hottest", units.celsius(hottest), _hottest, 105.0, "$error")
    if now.ui_rss_bytes is not None:
        yield Row("vlmtui", units.size(now.ui_rss_bytes), lambda m: m.snapshot.ui_rss_bytes)


def _with_graph(row: Row, timeline: Timeline, graph: int) -> Content:
    columns, _ = timeline.columns(graph, row.figure)
    bars = sparkline(columns, row.most).rjust(graph)
    return Content.assemble(
        (f"{row.label:<{_LABEL}}", "$text-dim"),
        (f"{row.value:<{_VALUE}}"[:_VALUE], ""),
        (bars, row.style),
    )


def _details(now: Snapshot, width: int) -> Iterator[Content]:
    """What has no graph: each core, each temperature, each rail, clocks, mode."""
    if now.cpu_core_loads:
        cores = sparkline([0.0 if load is None else load for load in now.cpu_core_loads], 1.0)
        off = sum(load is None for load in now.cpu_core_loads)
        yield _detail("cores", cores + (f"  {off} off" if off else ""), width)
    if now.temperatures:
        each = [f"{name} {celsius:.0f}" for name, celsius in now.temperatures]
        yield _detail("temperatures", " · ".join(each) + " °C", width)
    if now.power_rails:
        each = [f"{rail.name} {units.watts(rail.watts)}" for rail in now.power_rails]
        yield _detail("power rails", " · ".join(each), width)
    if now.gpu_clock_max_hz:
        yield _detail("GPU clock", f"at most {now.gpu_clock_max_hz / 1e6:.0f} MHz", width)
    if now.power_mode:
        yield _detail("power mode", now.power_mode, width)
    if now.throttled_by is not None:
        text = ", ".join(now.throttled_by)
        yield _detail("slowed by", text or "nothing", width, "$error" if text else "")
    if now.sources:
        yield _detail("told by", ", ".join(now.sources), width)


def _detail(label: str, text: str, width: int, style: str = "") -> Content:
    room = max(width - _LABEL, 1)
    return Content.assemble(
        (f"{label:<{_LABEL}}", "$text-dim"), (printable.line(text, room), style)
    )


def _of(part: int, whole: int | None) -> str:
    return f"{units.size(part)} / {units.size(whole)}" if whole else units.size(part)


def _ram_used(moment: Moment) -> float | None:
    total, free = moment.snapshot.ram_total_bytes, moment.snapshot.ram_available_bytes
    return total - free if total is not None and free is not None else None


def _hottest(moment: Moment) -> float | None:
    return max((celsius for _, celsius in moment.snapshot.temperatures), default=None)
