"""A picture in the transcript, with its name beneath."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from vlmtui import printable
from vlmtui.messages import ImagePart
from vlmtui.ui.widgets.picture import Picture

CAPTION = 40
"""Longest name beneath a picture, in characters."""


class Figure(Vertical):
    """A picture and its name."""

    DEFAULT_CSS = """
    Figure {
        width: auto;
        height: auto;
        margin: 0 2 0 0;

        & > .caption {
            width: auto;
            color: $text-dim;
        }
    }
    """

    def __init__(self, image: ImagePart) -> None:
        super().__init__()
        self._image = image

    def compose(self) -> ComposeResult:
        """Picture above, caption below."""
        yield Picture(self._image)
        yield Static(Content(caption(self._image)), classes="caption")


def caption(image: ImagePart) -> str:
    """Name and size of a picture on one line."""
    return f"{printable.line(image.name, CAPTION)}  {image.width}×{image.height}"
