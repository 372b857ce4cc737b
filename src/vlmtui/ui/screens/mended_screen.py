"""Textual's screen, mended."""

from __future__ import annotations

from inspect import isawaitable
from typing import TYPE_CHECKING

from textual.dom import DOMNode
from textual.geometry import Offset
from textual.message_pump import MessagePump
from textual.screen import Screen, ScreenResultType
from textual.widget import Widget

if TYPE_CHECKING:
    from textual._types import CallbackType


class MendedScreen(Screen[ScreenResultType]):
    """A screen that lets go of what has just gone: of clicks on it, and of what it left to do."""

    def _invoke_later(self, callback: CallbackType, sender: MessagePump) -> None:
        """Have something done after the paint.

        The screen on top does it for all, so an error there can't be told from one of its own.
        """

        async def unless_gone() -> None:
            if not is_going(sender) and isawaitable(done := callback()):
                await done

        super()._invoke_later(unless_gone, sender)

    def get_widget_and_offset_at(self, x: int, y: int) -> tuple[Widget | None, Offset | None]:
        """What is there, and not what was: until the next layout Textual finds that, too."""
        widget, offset = super().get_widget_and_offset_at(x, y)
        if widget is None or not widget.is_attached:
            return None, None
        return widget, offset


def is_going(pump: object) -> bool:
    """Whether a widget or screen is being taken away, or was."""
    return isinstance(pump, DOMNode) and (pump._pruning or not pump.is_attached)
