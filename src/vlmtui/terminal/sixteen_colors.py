"""Themes on a terminal of 16 colours, such as Linux's own console.

The nearest of 16 colours by distance is grey or white for most of a theme's: all looks alike,
and what is chosen is grey on grey. So the hue is kept instead, and the contrast.
"""

from __future__ import annotations

import colorsys
from functools import lru_cache

from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

_BLACK, _RED, _GREEN, _YELLOW, _BLUE, _MAGENTA, _CYAN, _WHITE = range(8)
_BRIGHT = 8
_HUES = (
    *((15, _RED), (70, _YELLOW), (160, _GREEN), (200, _CYAN), (250, _BLUE), (340, _MAGENTA)),
    (361, _RED),
)
"""Up to which angle, in degrees, a colour is called so."""

_COLORED = 64
"""Chroma, 0 to 255, from which a colour is no grey."""

_TINTED = 8
"""The same of what a ground has more than that around it."""

_LIGHTER = 28
"""How much lighter a grey row is than what is around it."""

_GREYS = (_BLACK, _WHITE, _WHITE + _BRIGHT)

_ON_LIGHT = {_CYAN: _BLUE, _GREEN: _BLACK}
"""Instead of colours that can hardly be read on white: xterm's have a contrast of 2 to 1 there."""

_BLOCKS = range(0x2580, 0x25A1)
_SEXTANTS = range(0x1FB00, 0x1FB3C)


class SixteenColors(LineFilter):
    """Has all but pictures in colours that the terminal has."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [
            Segment(text, style, control)
            if not style or _is_picture(text, style, background.rgb)
            else Segment(text, _converted(style, background.rgb, _is_drawn(text)), control)
            for text, style, control in segments
        ]


def _is_picture(text: str, style: Style, behind: tuple[int, int, int]) -> bool:
    """Whether these are pixels, two and more in a cell; charts have the ground of their widget."""
    if style.color is None or style.bgcolor is None or not text:
        return False
    return _is_drawn(text) and style.bgcolor.get_truecolor() != behind


def _is_drawn(text: str) -> bool:
    """Whether the signs are pixels, bars, or the squares of a chart's legend."""
    first = ord(text.lstrip()[:1] or " ")
    return first in _BLOCKS or first in _SEXTANTS


@lru_cache(maxsize=1024)
def _converted(style: Style, behind: tuple[int, int, int], drawn: bool) -> Style:
    ground = tint = None
    if style.bgcolor is not None:
        ground = _ground(style.bgcolor)
        if ground in _GREYS and (tint := _tint(style.bgcolor, behind)) is not None:
            ground = tint
    if style.color is None:
        return style if ground is None else style + Style(bgcolor=RichColor.from_ansi(ground))
    ink = _BLACK if tint == _WHITE else _ink(style.color, ground or _BLACK, drawn)
    changed = Style(
        color=RichColor.from_ansi(ink),
        bgcolor=RichColor.from_ansi(ground) if ground is not None else None,
        bold=False if ink < _WHITE else None,  # many terminals draw bold in the bright colours
    )
    return style + changed


def _tint(color: RichColor, behind: tuple[int, int, int]) -> int | None:
    """What a chosen row is beside its list: of a hue, or lighter; None if neither."""
    parts = color.get_truecolor()
    added = [part - other for part, other in zip(parts, behind, strict=True)]
    if max(added) - min(added) < _TINTED:  # as without colours
        return _WHITE if min(added) >= _LIGHTER and _ground(color) == _BLACK else None
    return _hue(*(part - min(added) for part in added))


def _ground(color: RichColor) -> int:
    """The colour behind a text."""
    lightness, hue = _read(color)
    if hue is not None:
        return hue if lightness > 0.35 else _BLACK
    return _BLACK if lightness < 0.4 else _WHITE if lightness < 0.85 else _WHITE + _BRIGHT


def _ink(color: RichColor, ground: int, drawn: bool) -> int:
    """The colour of what is written, or drawn, before such a ground."""
    lightness, hue = _read(color)
    if ground not in _GREYS:
        return _WHITE + _BRIGHT if ground in (_RED, _BLUE) else _BLACK
    if ground == _BLACK:
        if hue is not None:
            return hue + _BRIGHT
        return _WHITE + _BRIGHT if lightness > 0.8 else _WHITE if lightness > 0.4 else _BRIGHT
    if hue is None or hue == _YELLOW:
        return _BLACK if lightness < 0.4 else _BRIGHT
    return hue if drawn else _ON_LIGHT.get(hue, hue)


def _read(color: RichColor) -> tuple[float, int | None]:
    """Lightness, 0 to 1, and the name of the hue; None for greys."""
    parts = color.get_truecolor()
    lightness = (max(parts) + min(parts)) / 510
    return lightness, _hue(*parts) if max(parts) - min(parts) >= _COLORED else None


def _hue(red: float, green: float, blue: float) -> int:
    angle = 360 * colorsys.rgb_to_hsv(red, green, blue)[0]
    return next(name for end, name in _HUES if angle < end)


FILTER = SixteenColors()
"""One for all: what it made of a strip is kept with the strip."""
