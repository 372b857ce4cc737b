from __future__ import annotations

import itertools
import random

import pytest
from PIL import Image, ImageDraw
from rich.console import Console

from vlmtui.terminal.block_symbols import _SYMBOLS, Color, cell, draw
from vlmtui.terminal.cell_pictures import half_blocks

RED, BLUE = (255, 0, 0), (0, 0, 255)


@pytest.mark.parametrize("count", [4, 6])
def test_any_picture_of_two_colours_is_shown_as_it_is(count: int) -> None:
    for bits in range(1, 2**count - 1):
        pixels = [RED if bits >> index & 1 else BLUE for index in range(count)]
        shown, front, back = cell(pixels)
        assert [front if shown >> index & 1 else back for index in range(count)] == pixels


def test_colours_that_hardly_differ_are_one() -> None:
    bits, front, back = cell([(10, 10, 10), (12, 10, 10), (10, 14, 10), (12, 14, 10)])
    assert bits == 0
    assert front == back == (11, 12, 10)


def test_every_pattern_has_a_symbol_of_its_own() -> None:
    for high, symbols in _SYMBOLS.items():
        assert len(set(symbols)) == 4**high
        assert symbols[0] == " "
        assert symbols[-1] == "█"
        left = sum(1 << 2 * row for row in range(high))
        assert (symbols[left], symbols[2 * left]) == ("▌", "▐")


def error_of(cells: list[list[list[Color]]], exact: Image.Image) -> float:
    """Mean squared error of what cells show, against a picture with 2 x 6 pixels for each."""
    total = count = 0
    for row, line in enumerate(cells):
        for column, shown in enumerate(line):
            high = len(shown) // 2
            for x, y in itertools.product(range(2), range(6)):
                wanted = exact.getpixel((2 * column + x, 6 * row + y))
                assert isinstance(wanted, tuple)
                seen = shown[2 * (y * high // 6) + x]
                total += sum((a - b) ** 2 for a, b in zip(wanted, seen, strict=True))
                count += 1
    return total / count


def shown_by(drawn: object, columns: int, high: int) -> list[list[list[Color]]]:
    """The pixels of each cell of what was drawn."""
    symbols = _SYMBOLS[high]
    console = Console(width=columns, color_system="truecolor", force_terminal=True)
    lines = []
    for segments in console.render_lines(drawn, pad=False):
        line: list[list[Color]] = []
        for segment in segments:
            style = segment.style
            assert style is not None and style.bgcolor is not None
            back = style.bgcolor.get_truecolor()
            front = style.color.get_truecolor() if style.color is not None else back
            for character in segment.text:
                bits = symbols.index(character)
                line.append([tuple(front if bits >> at & 1 else back) for at in range(2 * high)])
        assert len(line) == columns
        lines.append(line)
    return lines


def test_more_pixels_in_a_cell_come_nearer_to_the_picture() -> None:
    columns, rows = 24, 8
    exact = Image.new("RGB", (2 * columns, 6 * rows), "#88bbee")
    pen, dice = ImageDraw.Draw(exact), random.Random(5)
    for _ in range(40):
        ends = [(dice.randrange(48), dice.randrange(48)) for _ in range(2)]
        color = tuple(dice.randrange(256) for _ in range(3))
        pen.line(ends, fill=color, width=dice.choice((1, 2, 5)))
    sizes = {2: half_blocks(exact, columns, rows)}
    half = error_of(shown_by(sizes[2], columns, 2), exact)
    quadrants = error_of(shown_by(draw(exact, columns, rows, 2), columns, 2), exact)
    sextants = error_of(shown_by(draw(exact, columns, rows, 3), columns, 3), exact)
    assert sextants < quadrants < half
