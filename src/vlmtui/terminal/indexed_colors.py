"""The nearest of 256 colours, for tmux as it comes and terminals without 24 bits.

Rich takes a tinted grey for a colour and looks among the 216 of the cube alone, which is coarse
where the grounds of themes are: nearly black becomes black or navy, cream becomes pink. Here one
of the 24 greys is taken where it is nearer.
"""

from __future__ import annotations

from bisect import bisect
from functools import lru_cache

from rich.color import Color as RichColor
from rich.color import ColorType
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

_CUBE, _GREYS = 16, 232
_LEVELS = (0, 95, 135, 175, 215, 255)
_BETWEEN = (48, 115, 155, 195, 235)


class IndexedColors(LineFilter):
    """Has everything in the nearest colours of the 256."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [
            Segment(text, style and _converted(style), control) for text, style, control in segments
        ]


@lru_cache(maxsize=4096)
def _converted(style: Style) -> Style:
    ink, ground = _nearest(style.color), _nearest(style.bgcolor)
    return style if ink is ground is None else style + Style(color=ink, bgcolor=ground)


def _nearest(color: RichColor | None) -> RichColor | None:
    """The nearest colour; None for one that is none, or has a number already."""
    if color is None or color.type is not ColorType.TRUECOLOR:
        return None
    wanted = red, green, blue = color.get_truecolor()
    first, second, third = (bisect(_BETWEEN, part) for part in wanted)
    in_cube = _LEVELS[first], _LEVELS[second], _LEVELS[third]
    mean = ((2 + red / 256) * red + 4 * green + (3 - red / 256) * blue) / 9
    grey = min(max(round((mean - 8) / 10), 0), 23)
    if _distance(wanted, (8 + 10 * grey,) * 3) < _distance(wanted, in_cube):
        return RichColor.from_ansi(_GREYS + grey)
    return RichColor.from_ansi(_CUBE + 36 * first + 6 * second + third)


def _distance(one: tuple[int, int, int], other: tuple[int, int, int]) -> float:
    """How different two colours look, squared: "redmean", https://www.compuphase.com/cmetric.htm."""
    red, green, blue = (a - b for a, b in zip(one, other, strict=True))
    mean = (one[0] + other[0]) / 512
    return (2 + mean) * red * red + 4 * green * green + (3 - mean) * blue * blue


FILTER = IndexedColors()
"""One for all: what it made of a strip is kept with the strip."""
