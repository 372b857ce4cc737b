"""The model that answers: what it is, how large, and what it can see."""

from __future__ import annotations

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from vlmtui import units
from vlmtui.engine.engine_events import ModelInfo
from vlmtui.engine.engine_requests import Endpoint
from vlmtui.stats.engine_state import EngineState
from vlmtui.ui.widgets.panes.stats_panel import row

_LABELS = ("kind", "size", "sees pictures", "context", "GPU offload")
ROWS = len(_LABELS)
"""Lines that it takes."""


class ModelBox(Widget):
    """A table of what doesn't change while the model is loaded."""

    DEFAULT_CSS = """
    ModelBox {
        height: 5;
    }
    """

    engine_state: reactive[EngineState] = reactive(EngineState(), repaint=False)

    def watch_engine_state(self, before: EngineState, after: EngineState) -> None:
        """Most of the state is none of its business."""
        if before.info != after.info:
            self.refresh()

    def render(self) -> Content:
        """One fact a line; dashes until the model is loaded."""
        width = max(self.content_size.width, 10)
        facts = _facts(self.engine_state.info)
        return Content("\n").join(row(label, value, width) for label, value in facts)


def _facts(info: ModelInfo | None) -> list[tuple[str, str]]:
    if info is None:
        return [(label, "–") for label in _LABELS]
    size = []
    if info.parameters:
        size.append(units.count(info.parameters))
    if info.whole_bytes:
        size.append(units.size(info.whole_bytes))
    context = info.context_trained or info.context_size
    server = info.source.host if isinstance(info.source, Endpoint) else ""
    values = (
        f"on {server}" if server else info.description or info.architecture,
        " · ".join(size),
        "yes" if info.vision else "no, text only",
        f"{units.count(context)} tok" if context else "",
        "" if server else "possible" if info.gpu else "no",
    )
    return [(label, value or "–") for label, value in zip(_LABELS, values, strict=True)]
