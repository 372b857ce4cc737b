"""All of the machine's live readings, full screen; the chat goes on behind it."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content

from vlmtui import printable
from vlmtui.stats.timeline import Timeline
from vlmtui.ui.keys import key_hints
from vlmtui.ui.screens.dialogs.dialog import Dialog
from vlmtui.ui.widgets.panes.monitor_panel import MonitorPanel

_INTERVAL_S = 1.0


class MonitorScreen(Dialog[None]):
    """Redrawn once a second while it is open; the chat screen goes on filling the timeline."""

    DEFAULT_CSS = """
    MonitorScreen {
        background: $background;

        & > .frame {
            height: 1fr;
            padding: 0 1;
            background: $background;
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f3,q", "dismiss", "Back to the chat", id="monitor.close")
    ]

    def __init__(self, timeline: Timeline) -> None:
        super().__init__()
        self._timeline = timeline

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="frame") as box:
            box.border_title = self._title()
            box.border_subtitle = key_hints.line([("Esc", "back")], 20)
            yield MonitorPanel(self._timeline)

    def on_mount(self) -> None:
        self.set_interval(_INTERVAL_S, self._tick)

    def _tick(self) -> None:
        box = self.query_one(VerticalScroll)
        box.border_title = self._title()
        box.query_one(MonitorPanel).tick()

    def _title(self) -> Content:
        last = self._timeline.last
        board = last.snapshot.board_name if last else None
        return Content(printable.line(board or "This machine", 60))
