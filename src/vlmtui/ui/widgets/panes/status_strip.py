"""The statistics on one line below everything, each in a column of its own."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from vlmtui import printable, units
from vlmtui.hardware.base import Snapshot
from vlmtui.stats.engine_state import EngineState, Phase
from vlmtui.ui.widgets.panes.bars import meter

STYLES = {
    Phase.ABSENT: "$error",
    Phase.LOADING: "$warning",
    Phase.READY: "$success",
    Phase.SENDING: "$secondary",
    Phase.ENCODING: "$secondary",
    Phase.PREFILL: "$primary",
    Phase.THINKING: "$secondary",
    Phase.DECODING: "$accent",
    Phase.STOPPING: "$warning",
}
"""The colour of each phase, here and wherever it is told."""

_PHASE = 13
"""Cells for most phases, "prefill 100 %" among them: what follows doesn't move with the digits."""

_METER = 10
_NAME = 32
_SPACE = "  "


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

    engine_state: reactive[EngineState] = reactive(EngineState())
    snapshot: reactive[Snapshot | None] = reactive[Snapshot | None](None)
    pulling: reactive[str] = reactive("")

    def render(self) -> Content:
        """As many values as fit, the most important first, and the model on the right."""
        engine_state = self.engine_state
        width = self.content_size.width
        style = STYLES[engine_state.phase]
        phase = Content.assemble(
            ("● ", style), (f"{engine_state.label():<{_PHASE}}", f"bold {style}")
        )
        for name in self._names():
            for bar in (_METER, 0):
                strip = _joined([phase, *self._parts(bar)])
                gap = width - strip.cell_length - name.cell_length
                if gap >= (len(_SPACE) if name else 0):
                    return strip + Content(" " * gap) + name
        room = width - name.cell_length - len(_SPACE) if name else width
        strip = phase
        for part in self._parts(0, short=True):
            longer = _joined([strip, part])
            if longer.cell_length <= room:
                strip = longer
        gap = width - strip.cell_length - name.cell_length
        return strip + Content(" " * gap) + name if gap > 0 else strip

    def _names(self) -> Sequence[Content]:
        """Who answers, at length and in short: that it is another machine is never left out."""
        engine_state = self.engine_state
        name = Content.styled(printable.line(engine_state.model, _NAME), "$text-dim")
        if engine_state.host is None:
            return name, Content()
        host = Content.styled(f"⇄ {printable.line(engine_state.host, _NAME)}", "$warning")
        return host + Content(" ") + name, host

    def _parts(self, bar: int, *, short: bool = False) -> list[Content]:
        """The values; `bar` cells show how full the context is, if it isn't told in `short`."""
        engine_state, snapshot = self.engine_state, self.snapshot
        parts = [_part(units.rate(engine_state.tokens_per_s), 5, " tok/s")]
        if self.pulling:
            parts.append(Content.styled(printable.line(self.pulling), "$accent"))
        if snapshot is not None and snapshot.engine_rss_bytes is not None:
            parts.append(Content("mem ") + _part(units.size(snapshot.engine_rss_bytes), 6))
        if engine_state.context_size:
            parts.append(_filled(engine_state) if short else _context(engine_state, bar))
        if snapshot is not None and (gpu := _gpu(snapshot)):
            parts.append(gpu)
        parts.append(Content("first ") + _part(units.seconds(engine_state.first_token), 6))
        if snapshot is not None and snapshot.power_w is not None:
            parts.append(_part(units.watts(snapshot.power_w), 6))
        return parts


def _joined(parts: Sequence[Content]) -> Content:
    return Content(_SPACE).join(parts)


def _part(value: str, cells: int, unit: str = "") -> Content:
    """A value that ends in the same column however many digits it has."""
    return Content.assemble((value.rjust(cells), "$foreground"), unit)


def _context(engine_state: EngineState, bar: int) -> Content:
    size = units.count(engine_state.context_size)
    text = Content("ctx ") + _part(units.count(engine_state.context_used), len(size), f"/{size}")
    if not bar:
        return text
    share = engine_state.context_used / engine_state.context_size
    return text + Content(" ") + meter(share, bar, "$primary")


def _filled(engine_state: EngineState) -> Content:
    share = engine_state.context_used / engine_state.context_size
    return Content("ctx ") + _part(units.percent(share), 4)


def _gpu(snapshot: Snapshot) -> Content | None:
    parts = []
    if snapshot.gpu_load is not None:
        parts.append(units.percent(snapshot.gpu_load).rjust(4))
    memory = snapshot.engine_gpu_bytes or snapshot.gpu_used_bytes
    if memory is not None:
        parts.append(units.size(memory).rjust(6))
    return Content("GPU") + _part(" ".join(("", *parts)), 0) if parts else None
