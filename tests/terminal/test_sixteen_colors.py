"""A theme on a terminal of 16 colours."""

from __future__ import annotations

import pytest
from rich.segment import Segment
from rich.style import Style
from textual.color import Color

from vlmtui.terminal.sixteen_colors import FILTER


def converted(style: str, text: str = "text", behind: str = "black") -> Style:
    (segment,) = FILTER.apply([Segment(text, Style.parse(style))], Color.parse(behind))
    assert segment.style is not None
    return segment.style


@pytest.mark.parametrize(
    ("color", "number"),
    [
        *(("#a78bfa", 13), ("#5fd0b0", 14), ("#f0b060", 11), ("#60a5fa", 12), ("#f06060", 9)),
        *(("#e0e0e0", 15), ("#909098", 7), ("#40404a", 8)),
    ],
)
def test_a_colour_on_a_dark_ground_keeps_its_hue(color: str, number: int) -> None:
    style = converted(f"{color} on #101014")
    assert (style.color and style.color.number, style.bgcolor and style.bgcolor.number) == (
        number,
        0,
    )


@pytest.mark.parametrize(
    ("style", "ink", "ground"),
    [
        ("bold #101014 on #a78bfa", 0, 5),  # what is chosen in a list
        ("#e0e0e0 on #3050c0", 15, 4),
        ("bold #202020 on #fafafa", 0, 15),
        ("bold #7030c0 on #ffffff", 5, 15),
        ("bold #0b7a5e on #ffffff", 4, 15),
        ("#1a7f37 on #ffffff", 0, 15),
        ("#e0c040 on #e0e0e0", 8, 15),
    ],
)
def test_text_is_another_colour_than_its_ground(style: str, ink: int, ground: int) -> None:
    found = converted(style)
    assert (found.color and found.color.number) == ink
    assert (found.bgcolor and found.bgcolor.number) == ground
    assert not (found.bold and ink < 7)  # many terminals would draw another colour


@pytest.mark.parametrize(
    ("ground", "behind", "number"),
    [
        ("#29273e", "#0d1117", 5),  # a row with a touch of purple
        ("#2e2e2e", "#000000", 7),  # one with a touch of white
        ("#161b22", "#0d1117", 0),  # a panel, hardly lighter
        ("#002b36", "#002b36", 0),  # all of the screen is blue
        ("#2c3f2b", "#002b36", 3),
        ("#e4dcfb", "#ffffff", 5),
        ("#eeeeee", "#ffffff", 15),
    ],
)
def test_a_row_that_is_tinted_beside_the_others_is_seen(
    ground: str, behind: str, number: int
) -> None:
    found = converted(f"#e0e0e0 on {ground}", behind=behind)
    assert found.bgcolor and found.bgcolor.number == number


@pytest.mark.parametrize("pixels", ["▀▀", "▄▄", "▚", "\U0001fb04"])
def test_pictures_stay_as_they_are(pixels: str) -> None:
    assert converted("#a78bfa on #123456", pixels) == Style.parse("#a78bfa on #123456")


def test_charts_keep_their_hues() -> None:
    style = converted("#a78bfa on #0d1117", "▄▆", behind="#0d1117")
    assert style.color and style.color.number == 13
