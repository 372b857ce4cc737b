"""Bars: one that fills from left to right, and graphs from a row of numbers."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

_EIGHTHS = " ▁▂▃▄▅▆▇█"


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


def bars(values: Sequence[float | None], top: float, rows: int) -> list[str]:
    """One character a value on each line, the top line first; a gap where there is none.

    A full bar ends an eighth below the top: graphs above each other don't run together.

    Args:
        values: Not below 0.
        top: The value of a full bar; what is beyond is one, too.
        rows: Lines.
    """
    heights = [0 if value is None else _eighths(value, top, rows) for value in values]
    return [
        "".join(_EIGHTHS[min(max(height - 8 * below, 0), 8)] for height in heights)
        for below in reversed(range(rows))
    ]


def _eighths(value: float, top: float, rows: int) -> int:
    """Height of a bar; one of nothing can be seen, too."""
    most = 8 * rows - 1
    if top <= 0:
        return 1
    return min(max(1 + round(value / top * (most - 1)), 1), most)
