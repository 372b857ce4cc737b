"""The figures on one line, for terminals that have no room for the side pane."""

from __future__ import annotations

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from vlmtui import printable
from vlmtui.hardware.base import Snapshot
from vlmtui.ui import units
from vlmtui.ui.figures import Figures
from vlmtui.ui.widgets.figures_panel import STYLES


class StatusStrip(Widget):
    """Phase first; what has no room at the end is left out whole, never cut."""

    DEFAULT_CSS = """
    StatusStrip {
        height: 1;
        padding: 0 1;
        background: $surface;
        color: $text-dim;
    }
    """

    figures: reactive[Figures] = reactive(Figures())
    snapshot: reactive[Snapshot | None] = reactive[Snapshot | None](None)

    def render(self) -> Content:
        """As many figures as fit, in the order of their worth."""
        figures = self.figures
        style = STYLES[figures.phase]
        strip = Content.assemble(("● ", style), (figures.label(), f"bold {style}"))
        for part in _parts(figures, self.snapshot):
            longer = strip + Content.styled(f" · {part}", "$text-dim")
            if longer.cell_length <= self.content_size.width:
                strip = longer
        return strip


def _parts(figures: Figures, snapshot: Snapshot | None) -> list[str]:
    parts = []
    if figures.tokens_per_s is not None:
        parts.append(f"{units.rate(figures.tokens_per_s)} tok/s")
    if snapshot is not None:
        if snapshot.engine_rss_bytes is not None:
            parts.append(units.size(snapshot.engine_rss_bytes))
        if gpu := _gpu(snapshot):
            parts.append(f"GPU {gpu}")
    if figures.context_size:
        parts.append(f"ctx {units.count(figures.context_used)}/{units.count(figures.context_size)}")
    if figures.first_token is not None:
        parts.append(f"first {units.seconds(figures.first_token)}")
    if snapshot is not None and snapshot.power_w is not None:
        parts.append(units.watts(snapshot.power_w))
    if figures.model:
        parts.append(printable.line(figures.model, 24))
    return parts


def _gpu(snapshot: Snapshot) -> str:
    memory = snapshot.engine_gpu_bytes or snapshot.gpu_used_bytes
    load = units.percent(snapshot.gpu_load) if snapshot.gpu_load is not None else ""
    return f"{load} {units.size(memory) if memory is not None else ''}".strip()
