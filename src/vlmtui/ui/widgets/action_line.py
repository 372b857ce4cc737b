"""The line under a message that says what can be done with it, by key or by mouse."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from textual import events
from textual.content import Content
from textual.message import Message
from textual.style import Style
from textual.widgets import Static

from vlmtui import printable


class Item(msgspec.Struct, frozen=True):
    """Something that can be chosen."""

    name: str
    key: str
    """As the interface names it; empty where no key does it now."""

    label: str


class ActionLine(Static):
    """Shows items side by side, on a second line where one is too short."""

    DEFAULT_CSS = """
    ActionLine {
        height: auto;
        color: $text-dim;
    }
    """

    class Chosen(Message):
        """An item was clicked."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    def offer(self, items: Sequence[Item], title: str = "") -> None:
        """Show other items."""
        parts = [Content.styled(f"{title} ", "bold")] if title else []
        for number, item in enumerate(items):
            if number:
                parts.append(Content(" · "))
            parts.append(_clickable(item))
        self.update(Content("").join(parts))

    def on_click(self, event: events.Click) -> None:
        """Choose what was clicked."""
        event.stop()
        if name := event.style.meta.get("item"):
            self.post_message(self.Chosen(name))


def _clickable(item: Item) -> Content:
    # no line break between a key and what it does
    label = printable.line(item.label, 40).replace(" ", "\N{NO-BREAK SPACE}")
    text = Content.styled(item.key, "bold $accent")
    if item.key and label:
        text += Content("\N{NO-BREAK SPACE}")
    text += Content(label)
    return text.stylize(Style.from_meta({"item": item.name}))
