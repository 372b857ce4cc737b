"""Textual's text area, mended."""

from __future__ import annotations

from textual import events
from textual.widgets import TextArea

from vlmtui import printable


class TextField(TextArea):
    """A text area that survives its own undo, and shows what is pasted instead of obeying it."""

    def _recompute_cursor_offset(self) -> None:
        # In the middle of an undo Textual asks for this, too, when the scrollbar comes or goes: the
        # cursor is still on a line that isn't there any more. It is put right at the end.
        if self.cursor_location[0] < self.document.line_count:
            super()._recompute_cursor_offset()  # type: ignore[no-untyped-call] # Textual's

    async def _on_paste(self, event: events.Paste) -> None:
        """Textual's own handler comes after this one."""
        event.text = printable.prose(event.text)
