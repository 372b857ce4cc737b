"""A bar of one line that fills from left to right."""

from __future__ import annotations

from textual.content import Content


def meter(fraction: float, width: int, style: str) -> Content:
    """A bar of so many cells, filled to a fraction of it: 0 to 1, more or less is cut off.

    The empty part is a thinner line, so that it is told apart without colours.
    """
    halves = round(max(0.0, min(1.0, fraction)) * width * 2)
    if fraction > 0:
        halves = max(halves, 1)
    full, half = divmod(halves, 2)
    bar = "━" * full + "╸" * half
    return Content.assemble((bar, style), ("─" * (width - len(bar)), "$border-blurred"))
