"""What is typed while the application starts: kept until there is something to type into.

Keys that were pressed behind `vlmtui` in the shell are among it. Textual reads them before any
widget has the focus, and would drop them.
"""

from __future__ import annotations

from typing import Any

from textual import events, on
from textual.app import App

_WRITING = ("enter", "ctrl+j", "backspace")
"""Keys that write, beside those with a character."""


class EarlyInput(App[int]):
    """An application that types what came too early, in its order, once a widget has the focus."""

    def __init__(self, **options: Any) -> None:
        """Make the application; the options are Textual's."""
        super().__init__(**options)
        self._early: list[events.Event] | None = []

    async def on_event(self, event: events.Event) -> None:
        """Keep what writes; other keys are nobody's text, and act at once."""
        if self._early is not None and _writes(event):
            self._early.append(event)
        else:
            await super().on_event(event)

    @on(events.DescendantFocus)
    async def _type_early(self) -> None:
        early, self._early = self._early or [], None
        for event in early:
            await super().on_event(event)


def _writes(event: events.Event) -> bool:
    if isinstance(event, events.Key):
        return event.is_printable or event.key in _WRITING
    return isinstance(event, events.Paste)
