"""A picture in the transcript, with its name and what it cost beneath."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Static

from vlmtui import printable
from vlmtui.messages import ImagePart
from vlmtui.stats.image_costs import Cost
from vlmtui.ui.widgets.parts import Parts
from vlmtui.ui.widgets.pictures.picture_widget import Picture

CAPTION = 40
"""Longest name beneath a picture, in characters."""


class CaptionedPicture(Vertical, can_focus=True):
    """A picture, its name and its cost. Enter or a click opens it."""

    DEFAULT_CSS = """
    CaptionedPicture {
        width: auto;
        height: auto;

        & > .caption {
            width: 100%;
            color: $text-dim;
            text-wrap: nowrap;
            text-overflow: ellipsis;
        }
        &:hover > .caption {
            color: $foreground;
        }
        &:focus > .caption {
            color: $block-cursor-foreground;
            background: $block-cursor-background;
        }
        &.-trimmed > Picture {
            opacity: 45%;
        }
        &.-trimmed > .caption {
            color: $warning;
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,space", "open", "Open the picture", id="figure.open")
    ]

    cost: reactive[Cost | None] = reactive[Cost | None](None)
    """What it took, once an answer was given."""

    class Opened(Message):
        """The user wants to see it large."""

        def __init__(self, image: ImagePart) -> None:
            super().__init__()
            self.image = image

    def __init__(self, image: ImagePart, cost: Cost | None = None) -> None:
        super().__init__()
        self.image = image
        self._cost = Parts(classes="caption")
        self.set_reactive(CaptionedPicture.cost, cost)

    def compose(self) -> ComposeResult:
        self._describe()
        yield Picture(self.image)
        yield Static(Content(caption(self.image)), classes="caption")
        yield self._cost

    def watch_cost(self) -> None:
        self._describe()

    def _describe(self) -> None:
        cost = self.cost
        words = cost.words() if cost is not None else []
        self._cost.say([Content(word) for word in words])
        self._cost.display = bool(words)
        self.set_class(cost is not None and cost.absent, "-trimmed")

    def action_open(self) -> None:
        self.post_message(self.Opened(self.image))

    def on_click(self, event: events.Click) -> None:
        event.stop()
        self.action_open()


def caption(image: ImagePart) -> str:
    """Name and size of a picture on one line."""
    return f"{printable.line(image.name, CAPTION)}  {image.width}×{image.height}"
