"""Bars from a row of numbers, on one line or on several."""

from __future__ import annotations

from collections.abc import Sequence

_EIGHTHS = " ▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float | None], most: float | None = None) -> str:
    """One character a value; a gap where there is none.

    Args:
        values: Not below 0.
        most: The value of a full bar; None for the largest of the values.
    """
    return bars(values, most, 1)[0]


def bars(values: Sequence[float | None], most: float | None, rows: int) -> list[str]:
    """The same on several lines, the top one first.

    A full bar ends an eighth below the top: graphs above each other don't run together.
    """
    known = [value for value in values if value is not None]
    top = max(known, default=0.0) if most is None else most
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
