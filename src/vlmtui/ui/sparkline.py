"""A row of bars from a row of numbers."""

from __future__ import annotations

from collections.abc import Sequence

_BARS = "▁▂▃▄▅▆▇"
"""The full block is left out: bars of two rows would run into each other."""


def sparkline(values: Sequence[float | None], most: float | None = None) -> str:
    """One character a value; a gap where there is none.

    Args:
        values: Not below 0.
        most: The value of a full bar; None for the largest of the values.
    """
    known = [value for value in values if value is not None]
    top = max(known, default=0.0) if most is None else most
    if top <= 0:
        return "".join(" " if value is None else _BARS[0] for value in values)
    last = len(_BARS) - 1
    return "".join(
        " " if value is None else _BARS[min(max(round(value / top * last), 0), last)]
        for value in values
    )
