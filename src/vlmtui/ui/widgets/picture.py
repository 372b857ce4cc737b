"""A picture in half blocks, as large as its place allows; read in a thread, redrawn on resize."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import RenderableType
from textual import work
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from vlmtui import printable
from vlmtui.errors import ImageError
from vlmtui.messages import ImagePart
from vlmtui.ui import pictures

if TYPE_CHECKING:
    from PIL.Image import Image
    from rich_pixels import Pixels


_MOST_ROWS = 24


class Picture(Widget):
    """Shows `part`, or nothing. Its size follows the picture's aspect ratio inside `max_rows`."""

    DEFAULT_CSS = """
    Picture {
        width: auto;
        height: auto;
        color: $text-dim;
    }
    """

    part: reactive[ImagePart | None] = reactive[ImagePart | None](None, layout=True)
    max_rows: reactive[int] = reactive(0, layout=True)
    """Rows it may take; 0 for a share of the terminal."""

    _image: reactive[Image | None] = reactive["Image | None"](None)
    _failure: reactive[str] = reactive("")

    class Decoded(Message):
        """A small copy is there, or the reason why it can't be."""

        def __init__(self, part: ImagePart, image: Image | None, failure: str) -> None:
            super().__init__()
            self.part = part
            self.image = image
            self.failure = failure

    def __init__(
        self, part: ImagePart | None = None, *, max_rows: int = 0, id: str | None = None
    ) -> None:
        super().__init__(id=id)
        self._drawn: tuple[Image, Size, Pixels] | None = None
        self.set_reactive(Picture.part, part)
        self.set_reactive(Picture.max_rows, max_rows)

    def on_mount(self) -> None:
        """Read the picture that the widget was made with."""
        self.watch_part(self.part)

    def watch_part(self, part: ImagePart | None) -> None:
        """Another picture: forget the last one and fetch the new one."""
        self._image = None
        self._failure = ""
        self._drawn = None
        if part is not None and self.is_attached:
            self._decode(part)

    @work(thread=True, exclusive=True, group="thumbnail", exit_on_error=False)
    def _decode(self, part: ImagePart) -> None:
        try:
            image, failure = pictures.thumbnail(part), ""
        except ImageError as error:
            image, failure = None, error.message
        self.post_message(self.Decoded(part, image, failure))

    def on_picture_decoded(self, event: Decoded) -> None:
        """Show what was read."""
        event.stop()
        if event.part == self.part:  # it may have been replaced in the meantime
            self._image = event.image
            self._failure = event.failure

    def get_content_width(self, container: Size, viewport: Size) -> int:
        """Columns that the picture takes in its container."""
        # a container that asks what its content would like to have passes no width
        return self._cells(container.width or viewport.width, viewport)[0]

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Rows that the picture takes at this width."""
        return self._cells(width, viewport)[1]

    def _cells(self, columns: int, viewport: Size) -> tuple[int, int]:
        if self.part is None:
            return (0, 0)
        rows = self.max_rows or min(max(viewport.height * 2 // 5, 4), _MOST_ROWS)
        return pictures.fit(self.part.width, self.part.height, columns, rows)

    def render(self) -> RenderableType | Content:
        """The picture, a word while it is being read, or why there is none."""
        image, size = self._image, self.content_size
        if self.part is None or not size:
            return Content("")
        if image is None:
            return Content(printable.line(self._failure) if self._failure else "…")
        if self._drawn is None or self._drawn[:2] != (image, size):
            self._drawn = (image, size, pictures.half_blocks(image, size.width, size.height))
        return self._drawn[2]
