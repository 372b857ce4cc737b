"""The line under a message that says what can be done with it, by key or by mouse."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from textual import events
from textual.content import Content
from textual.message import Message
from textual.style import Style

from vlmtui import printable
from vlmtui.ui.widgets.parts import Parts


class Item(msgspec.Struct, frozen=True):
    """Something that can be chosen."""

    name: str
    key: str
    """As the interface names it; empty where no key does it now."""

    label: str


class ActionLine(Parts):
    """Shows items side by side, on a second line where one is too short."""

    class Chosen(Message):
        """An item was clicked."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    def offer(self, items: Sequence[Item], title: str = "") -> None:
        parts = [_clickable(item) for item in items]
        if title and parts:
            parts[0] = Content.styled(f"{title} ", "bold") + parts[0]
        self.say(parts)

    def on_click(self, event: events.Click) -> None:
        event.stop()
        if name := event.style.meta.get("item"):
            self.post_message(self.Chosen(name))


def _clickable(item: Item) -> Content:
    label = printable.line(item.label, 40)
    text = Content.styled(item.key, "bold $accent")
    if item.key and label:
        text += Content(" ")
    text += Content(label)
    return text.stylize(Style.from_meta({"item": item.name}))
