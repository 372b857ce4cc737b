"""A thin line between two panes, which the mouse can drag."""

from __future__ import annotations

from rich.segment import Segment
from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget


class Divider(Widget):
    """Says where it is dragged to; whoever arranges the panes moves it."""

    DEFAULT_CSS = """
    Divider {
        width: 1;
        height: 1fr;
        color: $border-blurred;
        background: $background;

        &:hover, &.-dragged {
            color: $primary;
        }
    }
    """
    ALLOW_SELECT = False

    class Dragged(Message):
        """The mouse pulls at it."""

        def __init__(self, divider: Divider, column: int) -> None:
            super().__init__()
            self.divider = divider
            self.column = column
            """Where it should be, in columns from the left of the screen."""

    def render_line(self, y: int) -> Strip:
        held = self.has_class("-dragged") or self.mouse_hover
        return Strip([Segment("┃" if held else "│", self.visual_style.rich_style)], 1)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        event.stop()
        self.capture_mouse()
        self.add_class("-dragged")

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self.has_class("-dragged"):
            event.stop()
            self.post_message(self.Dragged(self, event.screen_x))

    def on_mouse_up(self, event: events.MouseUp) -> None:
        event.stop()
        self.release_mouse()

    def on_mouse_release(self) -> None:
        """The mouse is somebody else's again, whoever took it away."""
        self.remove_class("-dragged")
