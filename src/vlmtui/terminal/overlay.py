"""Sixel pictures on the screen, laid over the half blocks that Textual draws in their place.

To Textual a picture is always half blocks. Once one has been still for a moment and is covered by
nothing, its sixels are written over it: of the rows that are in view, where it is scrolled halfway
out. Whatever Textual draws there later replaces them cell by cell, as terminals do, so nothing is
left behind when a picture scrolls, shrinks, goes away or is covered; only then, and when it is
still again, its pixels are sent once more. Over a line so slow that keys would have to wait for
seconds behind them, they aren't sent at all.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec
from textual._compositor import ChopsUpdate
from textual.geometry import Region, Size
from textual.widget import Widget

if TYPE_CHECKING:
    from rich.console import RenderableType
    from textual.app import App
    from textual.timer import Timer

_LOOK = 0.1
"""Seconds between two looks at where pictures are: one that moved in between is not still."""

_THRIFTY_WAIT = 1.0
"""Seconds, over a slow line."""

_LONGEST = 2.0
"""Where a picture keeps moving, as above an answer that grows, each wait is twice the last."""


Rows = tuple[int, int]
"""A part of a picture: its first row of cells, and the one behind its last."""


class _Place(msgspec.Struct, frozen=True):
    """Where a picture is to be seen."""

    region: Region
    """Cells of the screen."""

    size: Size
    """Of the whole picture."""

    rows: Rows


class _Picture(msgspec.Struct):
    """A picture that may be on the screen."""

    size: Size
    sixels: dict[Rows, str]
    ask: Callable[[Rows], object]
    seen: _Place | None = None
    """Where it was at the last look."""

    drawn: Region | None = None
    """Where its pixels stand."""

    asked: Rows | None = None
    drawn_at: float = 0.0
    wait: float = 0.0
    not_before: float = 0.0


class Overlay:
    """Knows which pictures stand on the screen as pixels, and adds those that may."""

    def __init__(self, app: App[int], write: Callable[[str], bool], *, thrifty: bool) -> None:
        self._app = app
        self._write = write
        self._least = _THRIFTY_WAIT if thrifty else _LOOK
        self._pictures: dict[Widget, _Picture] = {}
        self._timer: Timer | None = None

    def add(self, widget: Widget, size: Size, ask: Callable[[Rows], object]) -> None:
        """Take in a widget that is a picture and nothing else.

        Args:
            widget: The widget.
            size: Its size in cells; while it has another one, it is left alone.
            ask: Called for the pixels of some of its rows, which `put` is to be given.
        """
        soonest = time.monotonic() + self._least
        self._pictures[widget] = _Picture(size, {}, ask, wait=self._least, not_before=soonest)
        self._look_soon()

    def put(self, widget: Widget, size: Size, rows: Rows, sixels: str) -> None:
        """Give the pixels that were asked for."""
        picture = self._pictures.get(widget)
        if picture is not None and picture.size == size:
            picture.sixels = {rows: sixels}
            self._look_soon()

    def remove(self, widget: Widget) -> None:
        self._pictures.pop(widget, None)

    def displayed(self, update: RenderableType | None) -> None:
        if not self._pictures:
            return
        now = time.monotonic()
        for picture in self._pictures.values():
            if picture.drawn is not None and _touches(update, picture.drawn):
                lasted = now - picture.drawn_at
                longer = lasted < 2 * picture.wait + _LOOK
                picture.wait = min(2 * picture.wait, _LONGEST) if longer else self._least
                picture.not_before = now + picture.wait
                picture.drawn = None
        self._look_soon()

    def _look_soon(self) -> None:
        if self._timer is None:
            self._timer = self._app.set_timer(_LOOK, self._look)

    def _look(self) -> None:
        self._timer = None
        now = time.monotonic()
        waiting = False
        for widget, picture in self._pictures.items():
            if picture.drawn is not None:
                continue
            place = self._place(widget)
            if place is not None and place.size == picture.size:
                if place != picture.seen or now < picture.not_before:
                    waiting = True
                elif place.rows in picture.sixels:
                    self._draw(picture, place)
                elif picture.asked != place.rows:
                    picture.asked = place.rows
                    picture.ask(place.rows)
            picture.seen = place
        if waiting:
            self._look_soon()

    def _draw(self, picture: _Picture, place: _Place) -> None:
        region, sixels = place.region, picture.sixels[place.rows]
        if not self._write(f"\x1b7\x1b[{region.y + 1};{region.x + 1}H{sixels}\x1b8"):
            return  # it would take too long: half blocks have to do
        picture.drawn = region
        picture.drawn_at = time.monotonic()

    def _place(self, widget: Widget) -> _Place | None:
        """Where it stands, if it does in its whole width and nothing lies over it."""
        screen = self._app.screen
        if not widget.is_attached or widget.screen is not screen:
            return None
        compositor = screen._compositor
        if widget not in compositor.visible_widgets:
            return None
        whole, clip = compositor.visible_widgets[widget]
        region = whole.intersection(clip)
        if not region or region.width != whole.width or region.bottom >= screen.size.height:
            return None  # in the last line a terminal might scroll
        for line in compositor.layers_visible[region.y : region.bottom]:
            for other, shown, _ in line:  # from the front to the back
                if other is widget:
                    break
                if shown.overlaps(region):
                    return None
        top = region.y - whole.y
        return _Place(region, whole.size, (top, top + region.height))


def _touches(update: RenderableType | None, region: Region) -> bool:
    if isinstance(update, ChopsUpdate):
        return any(
            region.y <= y < region.bottom and left < region.right and region.x < right
            for y, left, right in update.spans
        )
    return update is not None
