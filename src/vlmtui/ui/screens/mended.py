"""Textual's screen, mended."""

from __future__ import annotations

from textual.geometry import Offset
from textual.screen import Screen, ScreenResultType
from textual.widget import Widget


class MendedScreen(Screen[ScreenResultType]):
    """A screen on which one can click on what has just gone."""

    def get_widget_and_offset_at(self, x: int, y: int) -> tuple[Widget | None, Offset | None]:
        """What is there, and not what was: until the next layout Textual finds that, too."""
        widget, offset = super().get_widget_and_offset_at(x, y)
        if widget is None or not widget.is_attached:
            return None, None
        return widget, offset
