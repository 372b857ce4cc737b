"""The right-hand pane: the picture that the talk is about, and the live figures."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.reactive import reactive
from textual.widgets import Static

from vlmtui.hardware.base import Snapshot
from vlmtui.messages import ImagePart
from vlmtui.ui.figures import Figures
from vlmtui.ui.widgets.figure import caption
from vlmtui.ui.widgets.figures_panel import FiguresPanel, rows
from vlmtui.ui.widgets.picture import Picture

_LEAST_FIGURE_ROWS = 13
"""Those of a machine without a GPU: the picture needn't shrink when the first figures come."""

_OTHER_ROWS = 7
"""Space around and between, and the caption."""


class SidePane(Vertical):
    """Preview above, figures below."""

    DEFAULT_CSS = """
    SidePane {
        width: 38;
        height: 1fr;
        padding: 1 2;
        background: $surface;

        & > #preview {
            height: 1fr;
            align: center top;
            margin: 0 0 1 0;
        }
        & #preview-caption {
            width: 1fr;
            height: auto;
            text-align: center;
            color: $text-dim;
        }
    }
    """

    image: reactive[ImagePart | None] = reactive[ImagePart | None](None)
    figures: reactive[Figures] = reactive(Figures())
    snapshot: reactive[Snapshot | None] = reactive[Snapshot | None](None)

    def compose(self) -> ComposeResult:
        """Preview above, figures below."""
        with Vertical(id="preview"):
            yield Picture().data_bind(part=SidePane.image)
            yield Static(id="preview-caption")
        yield FiguresPanel().data_bind(SidePane.figures, SidePane.snapshot)

    def watch_image(self, image: ImagePart | None) -> None:
        """Name the picture."""
        text = "No picture yet.\nAttach one with @path" if image is None else caption(image)
        for static in self.query("#preview-caption").results(Static):
            static.update(Content(text))

    def watch_snapshot(self) -> None:
        """More figures leave less for the picture."""
        self._fit_picture(self.size.height)

    def on_resize(self, event: events.Resize) -> None:
        """Give the picture the rows that the figures leave."""
        self._fit_picture(event.size.height)

    def _fit_picture(self, height: int) -> None:
        figures = max(rows(self.snapshot), _LEAST_FIGURE_ROWS)
        for picture in self.query(Picture):
            picture.max_rows = max(height - figures - _OTHER_ROWS, 1)
