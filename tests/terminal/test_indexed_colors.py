"""A theme on a terminal of 256 colours."""

from __future__ import annotations

import pytest
from rich.segment import Segment
from rich.style import Style
from textual.color import Color

from vlmtui.terminal.indexed_colors import FILTER


@pytest.mark.parametrize(
    ("color", "number"),
    [
        *(("#0f1118", 233), ("#1b202c", 235), ("#0a2630", 235)),  # grounds of dark themes
        *(("#f2f0ea", 255), ("#ece9e1", 254), ("#f0eadc", 254)),  # of light ones
        *(("#000000", 16), ("#ffffff", 231), ("#808080", 244), ("#ff0000", 196), ("#5fd7af", 79)),
    ],
)
def test_a_colour_becomes_the_nearest_be_it_a_grey(color: str, number: int) -> None:
    (segment,) = FILTER.apply(
        [Segment("x", Style.parse(f"bold {color} on {color}"))], Color(0, 0, 0)
    )
    assert segment.style is not None and segment.style.bold
    assert segment.style.color is not None and segment.style.bgcolor is not None
    assert segment.style.color.number == segment.style.bgcolor.number == number


def test_what_has_a_number_or_no_colour_stays() -> None:
    segments = [
        Segment("x", Style.parse("red on default")),
        Segment("x", None),
        Segment("x", Style()),
    ]
    assert FILTER.apply(segments, Color(0, 0, 0)) == segments
