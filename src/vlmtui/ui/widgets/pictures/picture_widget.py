"""A picture as large as its place allows, in pixels or half blocks; read in threads."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from rich.console import RenderableType
from textual import events
from textual.content import Content
from textual.geometry import Region, Size
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from vlmtui import printable
from vlmtui.errors import VlmtuiError
from vlmtui.messages import ImagePart
from vlmtui.terminal import cell_pictures, kitty
from vlmtui.terminal.graphics import Graphics, Kind
from vlmtui.terminal.pixel_app import PixelApp
from vlmtui.ui import background

if TYPE_CHECKING:
    from PIL.Image import Image
    from rich_pixels import Pixels


_MOST_ROWS = 24
_CARD = "▣ picture"
"""Shown where pictures are not drawn."""


Wanted = tuple[ImagePart, Size, Graphics]
"""What the pixels depend on."""


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

    graphics: reactive[Graphics] = reactive(Graphics(), layout=True)
    """The application's, where it has one."""

    _image: reactive[Image | None] = reactive["Image | None"](None)
    _failure: reactive[str] = reactive("")

    def __init__(self, part: ImagePart | None = None) -> None:
        super().__init__()
        self._drawn: tuple[Image, Size, Pixels] | None = None
        self._placed: tuple[Size, int] | None = None
        self._strips: list[Strip] = []
        self.set_reactive(Picture.part, part)

    def on_mount(self) -> None:
        if isinstance(self.app, PixelApp):
            self.set_reactive(Picture.graphics, self.app.graphics)
            self.watch(self.app, "graphics", self._take_graphics, init=False)
            self.watch(self.app, "pictures_lost", self._refine, init=False)
        self.watch_part(self.part)

    def _take_graphics(self, graphics: Graphics) -> None:
        self.graphics = graphics

    def on_unmount(self) -> None:
        """Leave no pixels behind."""
        self._withdraw()

    # ------------------------------------------------------------------ what is shown

    def watch_part(self, part: ImagePart | None) -> None:
        """Another picture: forget the last one and fetch the new one."""
        self._image = None
        self._failure = ""
        self._drawn = None
        self._withdraw()
        if part is not None and self.is_attached and self.graphics.kind is not Kind.NONE:
            background.start(self, self._read(part), "thumbnail", partial(self._fail, part))
            self._refine()

    def watch_graphics(self, before: Graphics, now: Graphics) -> None:
        """The terminal has said what it can do."""
        self._withdraw()
        if before.kind is Kind.NONE:
            self.watch_part(self.part)
        else:
            self._refine()

    def on_resize(self, event: events.Resize) -> None:
        self._withdraw()
        self._refine()

    def _refine(self) -> None:
        app = self.app
        if self.part is None or not self.size or not isinstance(app, PixelApp):
            return
        wanted = (self.part, self.size, self.graphics)
        if self.graphics.kind is Kind.KITTY:
            self._encode(wanted, (0, self.size.height))
        elif self.graphics.kind in cell_pictures.HIGH:
            background.start(self, self._draw(wanted), "pixels", lambda _: None)
        elif self.graphics.kind is Kind.SIXEL and app.overlay is not None:
            app.overlay.add(self, self.size, partial(self._encode, wanted))

    def _withdraw(self) -> None:
        self._placed = None
        self._strips = []
        if isinstance(self.app, PixelApp) and self.app.overlay is not None:
            self.app.overlay.remove(self)

    async def _read(self, part: ImagePart) -> None:
        image = await background.in_thread(lambda: cell_pictures.thumbnail(part))
        if part == self.part:  # it may have been replaced in the meantime
            self._image = image

    def _fail(self, part: ImagePart, error: VlmtuiError) -> None:
        if part == self.part:
            self._failure = error.message

    def _encode(self, wanted: Wanted, rows: tuple[int, int]) -> None:
        work = self._sharpen(wanted, rows)
        background.start(self, work, "pixels", lambda _: None)  # reading the small copy tells it

    async def _draw(self, wanted: Wanted) -> None:
        """Show symbols instead of half blocks, if they are still wanted once they are there."""
        part, size, graphics = wanted

        def draw() -> tuple[Image, Pixels]:
            drawn = cell_pictures.symbols(part, size.width, size.height, graphics.kind)
            return cell_pictures.thumbnail(part), drawn

        image, drawn = await background.in_thread(draw)
        if wanted == (self.part, self.size, self.graphics):
            self._image = image
            self._drawn = (image, size, drawn)
            self.refresh()

    async def _sharpen(self, wanted: Wanted, rows: tuple[int, int]) -> None:
        """Show real pixels, if they are still wanted once they are there."""
        part, size, graphics = wanted
        pixels = await background.in_thread(
            lambda: cell_pictures.pixels(part, size.width, size.height, graphics, rows)
        )
        app, now = self.app, (self.part, self.size, self.graphics)
        if pixels is None or wanted != now or not isinstance(app, PixelApp):
            return
        if graphics.kind is Kind.KITTY:
            number = app.place(part.sha256, *size, pixels)
            self._placed = (size, number)
            self._strips = []
            self.refresh()
        elif app.overlay is not None:
            app.overlay.put(self, size, rows, pixels)

    # ------------------------------------------------------------------ size

    def get_content_width(self, container: Size, viewport: Size) -> int:
        # a container that asks what its content would like to have passes no width
        return self._cells(container.width or viewport.width, viewport)[0]

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return self._cells(width, viewport)[1]

    def _cells(self, columns: int, viewport: Size) -> tuple[int, int]:
        if self.part is None:
            return (0, 0)
        if self.graphics.kind is Kind.NONE:
            return (min(columns, len(_CARD)), 1)
        rows = self.max_rows or min(max(viewport.height * 2 // 5, 4), _MOST_ROWS)
        part, (wide, high) = self.part, self.graphics.cell
        if self.graphics.kind is Kind.SIXEL:
            # rather smaller than in half blocks
            columns = min(columns, self.graphics.largest[0] // wide)
            rows = min(rows, self.graphics.largest[1] // high)
        return cell_pictures.fit(part.width, part.height, columns, rows, self.graphics.cell)

    # ------------------------------------------------------------------ drawing

    def render(self) -> RenderableType | Content:
        """The picture, a word while it is being read, or why there is none."""
        image, size = self._image, self.content_size
        if self.part is None or not size:
            return Content("")
        if self.graphics.kind is Kind.NONE:
            return Content(_CARD)
        if image is None:
            return Content(printable.line(self._failure) if self._failure else "…")
        if self._drawn is None or self._drawn[:2] != (image, size):
            self._drawn = (image, size, cell_pictures.half_blocks(image, size.width, size.height))
        return self._drawn[2]

    def render_lines(self, crop: Region) -> list[Strip]:
        """Half blocks, or the text in whose place kitty shows the picture.

        That is neither tinted nor filtered like other text: another colour would be another
        picture. So it is not what shows through beneath a screen that lies over this one.
        """
        if self._placed is None or self._placed[0] != self.size or not self.screen.is_active:
            return super().render_lines(crop)
        if not self._strips:
            size, number = self._placed
            self._strips = kitty.strips(number, *size, self.background_colors[1])
        return [
            self._strips[y].crop(crop.x, crop.right)
            for y in range(crop.y, min(crop.bottom, len(self._strips)))
        ]

    def notify_style_update(self) -> None:
        """Another theme: another colour beside a narrow picture."""
        self._strips = []
        super().notify_style_update()
