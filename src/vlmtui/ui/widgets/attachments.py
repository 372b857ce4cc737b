"""The pictures that the next message takes along, as a row of chips that can be removed."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import HorizontalScroll
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from vlmtui import printable
from vlmtui.messages import ImagePart


class Chip(Widget, can_focus=True):
    """One picture. Delete, Backspace, or a click removes it."""

    DEFAULT_CSS = """
    Chip {
        width: auto;
        height: 1;
        margin: 0 1 0 0;
        padding: 0 1;
        background: $primary 25%;
        color: $foreground;

        &:focus, &:hover {
            background: $primary;
            color: $background;
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("delete,backspace,enter", "remove", "Remove the picture", id="chip.remove")
    ]

    class Removed(Message):
        """The picture is not wanted any more."""

        def __init__(self, index: int) -> None:
            super().__init__()
            self.index = index

    def __init__(self, image: ImagePart, index: int) -> None:
        super().__init__()
        self._image = image
        self._index = index

    def render(self) -> Content:
        """Name, size, and a cross."""
        image = self._image
        return Content(f"▣ {printable.line(image.name, 24)} {image.width}×{image.height} ✕")

    def on_click(self) -> None:
        """Remove it."""
        self.action_remove()

    def action_remove(self) -> None:
        """Remove it."""
        self.post_message(self.Removed(self._index))


class Attachments(HorizontalScroll):
    """A row of chips, nothing when there are no pictures."""

    DEFAULT_CSS = """
    Attachments {
        height: 1;
        margin: 0 1;
        scrollbar-size-horizontal: 0;
        display: none;

        &.filled {
            display: block;
        }
    }
    """

    images: reactive[tuple[ImagePart, ...]] = reactive[tuple[ImagePart, ...]]((), recompose=True)

    def __init__(self) -> None:
        super().__init__()
        self.can_focus = False

    def compose(self) -> ComposeResult:
        """A chip for each picture."""
        for index, image in enumerate(self.images):
            yield Chip(image, index)

    def watch_images(self, images: tuple[ImagePart, ...]) -> None:
        """Take up a row only when there is something in it."""
        self.set_class(bool(images), "filled")
