"""Bars from a row of numbers."""

from __future__ import annotations

from collections.abc import Sequence

_EIGHTHS = " ▁▂▃▄▅▆▇█"


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
