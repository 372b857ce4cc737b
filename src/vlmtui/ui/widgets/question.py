"""What the user said, with the pictures above it."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Static

from vlmtui import printable
from vlmtui.messages import Message, readable
from vlmtui.ui.widgets.figure import Figure


class Question(Vertical):
    """A message of the user."""

    DEFAULT_CSS = """
    Question {
        height: auto;
        margin: 0 0 1 0;
        padding: 0 1;
        border-left: outer $user-bar;

        & > .speaker {
            color: $user-bar;
            text-style: bold;
        }
        & > .pictures {
            height: auto;
            margin: 0 0 1 0;
        }
        & > .text {
            height: auto;
        }
    }
    """

    def __init__(self, message: Message) -> None:
        super().__init__()
        self._message = message

    def compose(self) -> ComposeResult:
        """Name, pictures, text."""
        yield Static(Content("you"), classes="speaker")
        images = self._message.images
        if images:
            with Horizontal(classes="pictures"):
                for image in images:
                    figure = Figure(image)
                    figure.styles.max_width = f"{100 // len(images)}%"
                    yield figure
        if text := readable(self._message):
            yield Static(Content(printable.prose(text)), classes="text")
