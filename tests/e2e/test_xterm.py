"""Pictures in a real terminal with sixels: their pixels, and none where there should be none."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageChops

from tests.e2e import xterm
from tests.e2e.conftest import statuses
from tests.e2e.xterm import XTerm
from vlmtui import demo

PROGRAM = Path(sys.executable).with_name("vlmtui")
COLUMNS, ROWS = 80, 24
pytestmark = [
    pytest.mark.skipif(bool(xterm.missing()), reason=f"not installed: {xterm.missing()}"),
    pytest.mark.skipif(not PROGRAM.exists(), reason="vlmtui is not installed beside this Python"),
]


def edges(photo: Image.Image) -> list[int]:
    """Where the red circle begins, from the left, in each row of pixels that shows it.

    It is in the first sample picture; nothing else on the screen is red.
    """
    red, green, blue = photo.split()
    mask = ImageChops.darker(
        red.point(lambda value: 255 * (value > 180)),
        ImageChops.lighter(green, blue).point(lambda value: 255 * (value < 110)),
    )
    width, data = mask.width, mask.tobytes()
    starts = (data.find(b"\xff", y * width, (y + 1) * width) for y in range(mask.height))
    return [start % width for start in starts if start >= 0]


def in_pixels(photo: Image.Image) -> bool:
    """The circle is round to the pixel: half blocks begin only where a cell does."""
    return len(set(edges(photo))) >= 8


def nowhere(photo: Image.Image) -> bool:
    return not edges(photo)


def painted(photo: Image.Image) -> bool:
    """There is something on the screen."""
    return photo.getextrema() != ((0, 0), (0, 0), (0, 0))


@pytest.fixture
def terminal(home: Path) -> Iterator[XTerm]:
    made = XTerm(COLUMNS, ROWS, PROGRAM, VLMTUI_HOME=str(home))
    yield made
    made.close()


def ask_about_the_sample(terminal: XTerm) -> None:
    terminal.wait_for(painted, "the chat")
    terminal.type(f"@{demo.sample_images()[0]} What is it?")
    terminal.press("Return")
    terminal.wait_for(in_pixels, "the picture's pixels")


def test_a_picture_is_seen_in_pixels_and_leaves_none_behind(terminal: XTerm, home: Path) -> None:
    ask_about_the_sample(terminal)
    for number, question in enumerate(("One", "Two", "Three"), 2):
        terminal.type(question)
        # what is on disk may not be on the screen yet, which takes no question before
        terminal.wait_for(
            lambda _, n=number: statuses(home) == ["complete"] * n, "the answer", press="Return"
        )
    terminal.press("ctrl+End")
    terminal.wait_for(nowhere, "the picture scrolled away")
    before = terminal.wait_for(in_pixels, "the picture back at the start", press="ctrl+Home")

    terminal.press("F7")
    terminal.wait_for(lambda photo: len(edges(photo)) > 1.5 * len(edges(before)), "it large")
    terminal.wait_for(in_pixels, "its pixels")
    terminal.press("Escape")
    terminal.wait_for(lambda photo: edges(photo) == edges(before), "it as it was before")

    terminal.press("F1")
    terminal.wait_for(nowhere, "the help over it")
    terminal.press("Escape")
    terminal.wait_for(lambda photo: edges(photo) == edges(before), "it behind the help again")

    terminal.type("/new")
    terminal.press("Return")
    terminal.wait_for(nowhere, "a new chat without it")


def test_half_blocks_can_be_chosen(home: Path) -> None:
    terminal = XTerm(COLUMNS, ROWS, PROGRAM, "--images", "halfblock", VLMTUI_HOME=str(home))
    try:
        terminal.wait_for(painted, "the chat")
        terminal.type(f"@{demo.sample_images()[0]} What is it?")
        terminal.press("Return")
        photo = terminal.wait_for(lambda photo: not nowhere(photo), "the picture")
        assert not in_pixels(photo)
    finally:
        terminal.close()
