"""Stats beside the chat: what the last prompt and answer took, and what the machine has left.

What the strip at the bottom tells at every width (phase, speed, context, memory of the engine) is
not repeated here.
"""

from __future__ import annotations

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from vlmtui import printable, units
from vlmtui.hardware.base import Snapshot
from vlmtui.stats.engine_state import EngineState
from vlmtui.ui.widgets.panes.bars import meter

_LABEL = 13
_ANSWER_ROWS = 6  # with the blank one below


def rows(snapshot: Snapshot | None) -> int:
    """Lines that the panel takes with these values."""
    return _ANSWER_ROWS + len(_machine(snapshot, 1))


class StatsPanel(Widget):
    """A table of statistics; values that aren't known are dashes."""

    DEFAULT_CSS = """
    StatsPanel {
        height: auto;
    }
    """

    engine_state: reactive[EngineState] = reactive(EngineState())
    snapshot: reactive[Snapshot | None] = reactive[Snapshot | None](None)

    def watch_snapshot(self, before: Snapshot | None, after: Snapshot | None) -> None:
        """Make room where values appear; a new layout each second would redraw the screen."""
        if rows(before) != rows(after):
            self.refresh(layout=True)

    def render(self) -> Content:
        width = max(self.content_size.width, 10)
        answer = [row(label, value, width) for label, value in _answer(self.engine_state)]
        return Content("\n").join([*answer, Content(""), *_machine(self.snapshot, width)])


def row(label: str, value: str, width: int) -> Content:
    """A label on the left and a value on the right, where it stays when its digits change."""
    label = f"{label:<{_LABEL}}"
    value = printable.line(value, max(width - len(label), 1))
    return Content.assemble((label, "$text-dim"), (value.rjust(width - len(label)), ""))


def _answer(engine_state: EngineState) -> list[tuple[str, str]]:
    def tokens(count: int) -> str:
        return f"{units.count(count)} tok" if count else "–"

    rate, encoding = engine_state.prefill_per_s, ("encoding", engine_state.encoding_s)
    if engine_state.host:  # who doesn't tell what the vision tower takes
        encoding = ("network", engine_state.network_s)
    return [
        ("prompt", tokens(engine_state.prompt)),
        ("  from cache", tokens(engine_state.reused)),
        (encoding[0], units.seconds(encoding[1] or None)),
        ("prefill", f"{units.rate(rate)} tok/s" if rate else "–"),
        ("generated", tokens(engine_state.generated)),
    ]


def _share(part: int | None, whole: int | None) -> float:
    return part / whole if part is not None and whole else 0.0


def _machine(snapshot: Snapshot | None, width: int) -> list[Content]:
    """What the hardware says; a reading that it doesn't give has no line."""
    if snapshot is None:
        return []
    lines = []
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
