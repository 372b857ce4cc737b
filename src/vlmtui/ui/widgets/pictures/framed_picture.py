"""A picture with a frame in it, which the mouse draws and moves.

The frame is made of letters, which stand in the cells of half blocks as well as among those that
kitty shows pixels in; so moving it sends the cells that it passes, and no picture. Sixels would lie
over it: while there is a frame, half blocks show the picture there.
"""

from __future__ import annotations

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.reactive import reactive
from textual.strip import Strip

from vlmtui.engine.images.crops import Box
from vlmtui.messages import ImagePart
from vlmtui.terminal.graphics import Kind
from vlmtui.ui.widgets.pictures import crop_frame
from vlmtui.ui.widgets.pictures.picture_widget import Picture

_LINE = Style(color="black", bgcolor="bright_yellow", bold=True)
"""Seen on every picture, in sixteen colours too."""


class FramedPicture(Picture):
    """Shows a picture, and `frame` in it."""

    frame: reactive[Box] = reactive(Box(0, 0, 1, 1), repaint=False)

    def __init__(self, part: ImagePart) -> None:
        super().__init__(part)
        self._pixels = (part.width, part.height)
        self._held: tuple[int, int] | None = None
        """Where the mouse was pressed, or was last while it moves the frame."""

        self._moves = False
        self.set_reactive(FramedPicture.frame, crop_frame.middle(self._pixels))

    @property
    def step(self) -> tuple[int, int]:
        """A cell in pixels of the picture, at least one."""
        wide, high = (max(1, cells) for cells in self._place)
        return max(1, self._pixels[0] // wide), max(1, self._pixels[1] // high)

    @property
    def _place(self) -> tuple[int, int]:
        return self.size.width, self.size.height

    def _refine(self) -> None:
        if self.graphics.kind is not Kind.SIXEL:
            super()._refine()

    # ------------------------------------------------------------------ mouse

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Take hold of the frame, or begin another."""
        if self.graphics.kind is Kind.NONE or not self.size:
            return
        self.capture_mouse()
        self._held = (event.x, event.y)
        left, top, right, bottom = crop_frame.cells(self.frame, self._pixels, self._place)
        self._moves = left < event.x < right - 1 and top < event.y < bottom - 1
        if not self._moves:
            self._span(self._held)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self._held is None:
            return
        here = (event.x, event.y)
        if self._moves:
            right, down = ((here[i] - self._held[i]) * self.step[i] for i in (0, 1))
            self.frame = crop_frame.moved(self.frame, self._pixels, right, down)
            self._held = here
        else:
            self._span(here)

    def on_mouse_up(self) -> None:
        self._held = None
        self.release_mouse()

    def _span(self, end: tuple[int, int]) -> None:
        assert self._held is not None
        self.frame = crop_frame.spanned(self._pixels, self._place, self._held, end)

    # ------------------------------------------------------------------ drawing

    def watch_frame(self, before: Box, now: Box) -> None:
        """Draw the cells where it was and where it is."""
        if self.size:
            for frame in (before, now):
                left, top, right, bottom = crop_frame.cells(frame, self._pixels, self._place)
                wide, high = right - left, bottom - top
                self.refresh(
                    Region(left, top, wide, 1),
                    Region(left, bottom - 1, wide, 1),
                    Region(left, top, 1, high),
                    Region(right - 1, top, 1, high),
                )

    def render_lines(self, crop: Region) -> list[Strip]:
        strips = super().render_lines(crop)
        if self.graphics.kind is Kind.NONE or not self.size:
            return strips
        box = crop_frame.cells(self.frame, self._pixels, self._place)
        return [
            self._with_frame(strip, crop.y + index, box, crop) for index, strip in enumerate(strips)
        ]

    def _with_frame(
        self, strip: Strip, row: int, box: tuple[int, int, int, int], crop: Region
    ) -> Strip:
        left, top, right, bottom = box
        if not top <= row < bottom:
            return strip
        if row in (top, bottom - 1):
            pieces = [(left, "━" * (right - left))]
            if right - left > 1:
                ends = "┏┓" if row == top else "┗┛"
                pieces = [(left, ends[0] + "━" * (right - left - 2) + ends[1])]
        else:
            pieces = [(left, "┃"), (right - 1, "┃")]
        for column, text in pieces:
            strip = _over(strip, column - crop.x, text, crop.size)
        return strip


def _over(strip: Strip, column: int, text: str, size: Size) -> Strip:
    """A strip with other text from a column on, as far as it is in view."""
    text = text[max(0, -column) : max(0, size.width - column)]
    column = max(0, column)
    if not text:
        return strip
    piece = Strip([Segment(text, _LINE)], len(text))
    rest = strip.crop(column + len(text), strip.cell_length)
    return Strip.join([strip.crop(0, column), piece, rest])
