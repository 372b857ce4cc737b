"""Live figures: what the engine is doing, how fast, and what it takes."""

from __future__ import annotations

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from vlmtui import printable, units
from vlmtui.hardware.base import Snapshot
from vlmtui.stats.engine_state import EngineState, Phase
from vlmtui.ui.widgets.panes.meter_bar import meter

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
"""The colour of each phase, here and in the status strip."""

_LABEL = 13
_ENGINE_ROWS = 10


def rows(snapshot: Snapshot | None) -> int:
    """Lines that the panel takes with these figures."""
    return _ENGINE_ROWS + len(_machine(snapshot, 1))


class StatsPanel(Widget):
    """A table of figures; those that aren't known are dashes."""

    DEFAULT_CSS = """
    StatsPanel {
        height: auto;
    }
    """

    engine_state: reactive[EngineState] = reactive(EngineState())
    snapshot: reactive[Snapshot | None] = reactive[Snapshot | None](None)

    def watch_snapshot(self, before: Snapshot | None, after: Snapshot | None) -> None:
        """Make room where figures appear; a new layout each second would redraw the screen."""
        if rows(before) != rows(after):
            self.refresh(layout=True)

    def render(self) -> Content:
        """One figure a line."""
        engine_state = self.engine_state
        width = max(self.content_size.width, 10)
        style = STYLES[engine_state.phase]
        lines = [
            Content.styled(printable.line(engine_state.model, width) or "no model", "bold"),
            Content.assemble(("● ", style), (engine_state.label(), f"bold {style}")),
            _bar(engine_state, width, style),
            row("speed", _speed(engine_state), width),
            row("first token", units.seconds(engine_state.first_token), width),
            row("generated", _generated(engine_state), width),
            row("prompt", _prompt(engine_state), width),
            Content(""),
            row("context", _context(engine_state), width),
            meter(_share(engine_state.context_used, engine_state.context_size), width, "$primary"),
            *_machine(self.snapshot, width),
        ]
        return Content("\n").join(lines)


def row(label: str, value: str, width: int) -> Content:
    """A label on the left and a figure on the right, where it stays when its digits change."""
    label = f"{label:<{_LABEL}}"
    value = printable.line(value, max(width - len(label), 1))
    return Content.assemble((label, "$text-dim"), (value.rjust(width - len(label)), ""))


def _bar(engine_state: EngineState, width: int, style: str) -> Content:
    if engine_state.fraction is None:
        return Content.styled("─" * width, "$border-blurred")
    return meter(engine_state.fraction, width, style)


def _speed(engine_state: EngineState) -> str:
    if engine_state.tokens_per_s is None:
        return "–"
    return f"{units.rate(engine_state.tokens_per_s)} tok/s"


def _generated(engine_state: EngineState) -> str:
    return f"{units.count(engine_state.generated)} tok" if engine_state.generated else "–"


def _prompt(engine_state: EngineState) -> str:
    if not engine_state.prompt:
        return "–"
    reused = f", {units.count(engine_state.reused)} reused" if engine_state.reused else ""
    return f"{units.count(engine_state.prompt)} tok{reused}"


def _context(engine_state: EngineState) -> str:
    if not engine_state.context_size:
        return "–"
    return f"{units.count(engine_state.context_used)} / {units.count(engine_state.context_size)}"


def _share(part: int | None, whole: int | None) -> float:
    return part / whole if part is not None and whole else 0.0


def _machine(snapshot: Snapshot | None, width: int) -> list[Content]:
    """What the hardware says; a figure that it doesn't give has no line."""
    if snapshot is None:
        return [row("engine", "–", width)]
    lines = [row("engine", units.size(snapshot.engine_rss_bytes), width)]
    if snapshot.engine_gpu_bytes is not None:
        lines.append(row("engine GPU", units.size(snapshot.engine_gpu_bytes), width))
    if gpu := _gpu(snapshot):
        lines.append(row("GPU", gpu, width))
    if snapshot.power_w is not None:
        lines.append(row("power", units.watts(snapshot.power_w), width))
    used, whole = snapshot.gpu_used_bytes, snapshot.gpu_total_bytes
    if used is not None and whole is not None:
        lines.append(row("GPU memory", f"{units.size(used)} / {units.size(whole)}", width))
    total, free = snapshot.ram_total_bytes, snapshot.ram_available_bytes
    if total is not None and free is not None:
        lines.append(row("memory", f"{units.size(total - free)} / {units.size(total)}", width))
        if snapshot.shared_memory and used is not None:
            lines.append(row("  of it GPU", units.size(used), width))
        lines.append(meter(_share(total - free, total), width, "$secondary"))
    return lines


def _gpu(snapshot: Snapshot) -> str:
    """Load and temperature, of the hottest place if there are several."""
    parts = []
    if snapshot.gpu_load is not None:
        parts.append(units.percent(snapshot.gpu_load))
    hot = [celsius for name, celsius in snapshot.temperatures if name.lower().startswith("gpu")]
    if hot:
        parts.append(units.celsius(max(hot)))
    return " · ".join(parts)
