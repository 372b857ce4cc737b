"""Keys and what they do, side by side: the line at the foot of every screen, in one style."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.widget import Widget

_BETWEEN = " · "
_NOT_LAID_OUT = 160
_BORDER = 6
"""Cells of a frame beside the words in its border."""

Hints = Sequence[tuple[str, str]]
"""Each a key as people write it, and a verb; the last one leads out."""


def line(hints: Hints, width: int) -> Content:
    """As many hints as fit, never one cut off: those before the last go first, from the end."""
    shown = list(hints)
    while len(shown) > 1 and len(_BETWEEN.join(map(" ".join, shown))) > width:
        shown.pop(-2)
    return Content.styled(_BETWEEN, "$text-dim").join(hint(*each) for each in shown)


def in_border(framed: Widget, hints: Hints) -> None:
    """Put hints into the lower border of a widget, as far as there is room now.

    Before it is laid out all are put there, which is right on most screens.
    """
    width = framed.outer_size.width or _NOT_LAID_OUT
    framed.border_subtitle = line(hints, width - _BORDER)


def hint(key: str, does: str) -> Content:
    """One of them."""
    return Content.assemble((key, "$accent"), (f" {does}", "$text-dim"))
