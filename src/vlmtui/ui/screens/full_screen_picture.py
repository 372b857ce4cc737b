"""What screens that show one picture as large as the terminal have in common."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.containers import Container
from textual.screen import ScreenResultType
from textual.widgets import Static

from vlmtui.ui.keys import key_hints
from vlmtui.ui.screens.dialogs.dialog import Overlying
from vlmtui.ui.widgets.pictures.picture_widget import Picture


class FullScreenPicture(Overlying[ScreenResultType]):
    """A title above, the keys below, and between them the picture, as high as there is room."""

    DEFAULT_CSS = """
    FullScreenPicture {
        layout: vertical;

        & > #title {
            height: 1;
            padding: 0 1;
            background: $surface;
        }
        & > #place {
            align: center middle;
        }
        & > #keys {
            height: 1;
            padding: 0 1;
            color: $text-dim;
            background: $surface;
        }
    }
    """
    hints: ClassVar[key_hints.Hints] = ()

    def __init__(self, picture: Picture) -> None:
        super().__init__()
        self._picture = picture

    def compose(self) -> ComposeResult:
        yield Static(id="title")
        with Container(id="place"):
            yield self._picture
        yield Static(id="keys")

    def on_resize(self, event: events.Resize) -> None:
        self.query_one("#keys", Static).update(key_hints.line(self.hints, event.size.width - 2))
        self.call_after_refresh(self._fit)

    def _fit(self) -> None:
        self._picture.max_rows = self.query_one("#place").size.height
