"""Textual's screen, mended."""

from __future__ import annotations

from textual._callback import invoke
from textual.dom import DOMNode
from textual.geometry import Offset
from textual.screen import Screen, ScreenResultType
from textual.widget import Widget


class MendedScreen(Screen[ScreenResultType]):
    """A screen that lets go of what has just gone: of clicks on it, and of what it left to do."""

    async def _invoke_and_clear_callbacks(self) -> None:
        """Do what was to be done after the paint.

        The screen on top does it for all, so an error there can't be told from one of its own.
        """
        callbacks, self._callbacks = self._callbacks, []
        for callback, sender in callbacks:
            if not is_going(sender):
                with sender._context():
                    await invoke(callback)

    def get_widget_and_offset_at(self, x: int, y: int) -> tuple[Widget | None, Offset | None]:
        """What is there, and not what was: until the next layout Textual finds that, too."""
        widget, offset = super().get_widget_and_offset_at(x, y)
        if widget is None or not widget.is_attached:
            return None, None
        return widget, offset


def is_going(pump: object) -> bool:
    """Whether a widget or screen is being taken away, or was."""
    return isinstance(pump, DOMNode) and (pump._pruning or not pump.is_attached)
