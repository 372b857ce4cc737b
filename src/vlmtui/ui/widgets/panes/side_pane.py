"""The right-hand pane: the picture that the talk is about, the live readings, and the model."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.reactive import reactive
from textual.widgets import Static

from vlmtui.hardware.base import Snapshot
from vlmtui.messages import ImagePart
from vlmtui.stats.engine_state import EngineState
from vlmtui.ui.widgets.heading import Heading
from vlmtui.ui.widgets.panes import model_box
from vlmtui.ui.widgets.panes.model_box import ModelBox
from vlmtui.ui.widgets.panes.stats_panel import StatsPanel, rows
from vlmtui.ui.widgets.pictures.captioned_picture import caption
from vlmtui.ui.widgets.pictures.picture_widget import Picture

_LEAST_FIGURE_ROWS = 8
"""Those of a machine without a GPU: the picture needn't shrink when the first readings come."""

_OTHER_ROWS = 6
"""Headings, caption, and space between."""

_MODEL_ROWS = model_box.ROWS + 2
_PICTURE_ROWS = 8
"""With less for the picture, the model has no room."""

_NO_PICTURE_ROWS = 1
"""Beside the caption's: what says that there is none has two."""


class SidePane(VerticalScroll):
    """Preview above, statistics below, the model at the end where the terminal is high enough."""

    DEFAULT_CSS = """
    SidePane {
        width: 38;

        & > #preview {
            min-height: 3;
            align: center top;
            padding: 0 2;
            margin: 0 0 1 0;
        }
        & #preview-caption {
            width: 1fr;
            text-align: center;
            color: $text-dim;
        }
        & > StatsPanel, & > ModelBox {
            margin: 0 2;
        }
        & > Heading.model {
            margin: 1 0 0 0;
        }
        &:focus Heading {
            color: $primary;
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("less_than_sign", "screen.topic('panes.widen_side', 2)", "Wider", id="side.wider"),
        Binding(
            "greater_than_sign",
            "screen.topic('panes.widen_side', -2)",
            "Narrower",
            id="side.narrower",
        ),
        Binding("question_mark", "app.help", "Help", id="side.help"),
        Binding("escape", "screen.topic('panes.leave')", "Back", id="side.leave"),
    ]

    image: reactive[ImagePart | None] = reactive[ImagePart | None](None, repaint=False)
    engine_state: reactive[EngineState] = reactive(EngineState(), repaint=False)
    snapshot: reactive[Snapshot | None] = reactive[Snapshot | None](None, repaint=False)

    def compose(self) -> ComposeResult:
        yield Heading("Picture")
        with Vertical(id="preview"):
            yield Picture().data_bind(part=SidePane.image)
            yield Static(id="preview-caption")
        yield Heading("Stats")
        yield StatsPanel().data_bind(SidePane.engine_state, SidePane.snapshot)
        yield Heading("Model", classes="model")
        yield ModelBox(classes="model").data_bind(SidePane.engine_state)

    def watch_image(self, image: ImagePart | None) -> None:
        text = "No picture yet.\nAttach one with @path" if image is None else caption(image)
        for static in self.query("#preview-caption").results(Static):
            static.update(Content(text))
        self._fit(self.size.height)

    def watch_snapshot(self) -> None:
        """More statistics leave less for the picture."""
        self._fit(self.size.height)

    def on_resize(self, event: events.Resize) -> None:
        """Give the picture the rows that the statistics leave."""
        self._fit(event.size.height)

    def _fit(self, height: int) -> None:
        left = height - max(rows(self.snapshot), _LEAST_FIGURE_ROWS) - _OTHER_ROWS
        high = left - _MODEL_ROWS >= (_PICTURE_ROWS if self.image is not None else _NO_PICTURE_ROWS)
        for part in self.query(".model"):
            part.display = high
        for picture in self.query(Picture):
            picture.max_rows = max(left - _MODEL_ROWS if high else left, 1)
