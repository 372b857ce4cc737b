from __future__ import annotations

import base64
import io
import re

from PIL import Image
from rich.console import Console
from textual.color import Color

from vlmtui.terminal import kitty

BLACK = Color(0, 0, 0)


def sent(commands: list[str]) -> tuple[dict[str, str], bytes]:
    """The keys of the first command, and the payload of all."""
    parts = [re.fullmatch("\x1b_G([^;]*);([A-Za-z0-9+/=]*)\x1b\\\\", text) for text in commands]
    assert all(parts)
    keys = [dict(pair.split("=") for pair in part[1].split(",")) for part in parts if part]
    assert [key["m"] for key in keys] == ["1"] * (len(keys) - 1) + ["0"]
    return keys[0], base64.b64decode("".join(part[2] for part in parts if part))


def test_a_picture_is_sent_once_in_chunks_that_make_a_png() -> None:
    image = Image.effect_noise((120, 90), 90).convert("RGB")
    pictures = kitty.Pictures()
    number, commands = pictures.send("ab", 12, 5, kitty.payload(image, small=False))
    keys, png = sent(commands)
    assert len(commands) > 2
    assert all(len(command) < 4200 for command in commands)
    assert (keys["U"], keys["c"], keys["r"], keys["q"]) == ("1", "12", "5", "2")
    assert keys["i"] == str(number)
    assert Image.open(io.BytesIO(png)).tobytes() == image.tobytes()
    assert pictures.find("ab", 12, 5) == number
    assert pictures.find("ab", 12, 6) is None


def test_the_terminal_holds_a_bounded_number_of_pictures() -> None:
    pictures = kitty.Pictures()
    numbers = [pictures.send(str(n), 1, 1, "AAAA")[0] for n in range(kitty._KEPT)]
    pictures.find("0", 1, 1)
    number, commands = pictures.send("new", 1, 1, "AAAA")
    assert commands[0] == f"\x1b_Ga=d,d=I,i={numbers[1]},q=2\x1b\\"  # 0 was shown since
    assert number not in numbers
    for n in range(1000):
        pictures.send(f"more {n}", 1, 1, "AAAA")
        assert len(set(pictures._ids.values())) == len(pictures._ids)
    assert len(pictures.forget()) == kitty._KEPT
    assert pictures.forget() == []


def test_placeholders_name_picture_row_and_column() -> None:
    number = 7 << 24 | 42
    first, second = kitty.strips(number, 3, 2, BLACK)
    assert (first.cell_length, second.cell_length) == (3, 3)
    console = Console(color_system="256", force_terminal=True)
    assert second.render(console).startswith("\x1b[38;5;42;48;2;0;0;0m\U0010eeee")
    cells = second.text.split("\U0010eeee")[1:]
    marks = kitty._MARKS
    assert cells == [marks[1] + marks[column] + marks[7] for column in range(3)]


def test_a_row_of_placeholders_can_be_cut_at_any_cell() -> None:
    (row,) = kitty.strips(1 << 24 | 1, 250, 1, BLACK)
    for cut in (1, 13, 249):
        left, right = row.crop(0, cut), row.crop(cut, 250)
        assert (left.cell_length, right.cell_length) == (cut, 250 - cut)
        assert left.text + right.text == row.text
        assert len(left.text) == 4 * cut


def test_commands_through_tmux_have_their_escapes_doubled() -> None:
    assert kitty.wrap("\x1b_Ga=d\x1b\\") == "\x1bPtmux;\x1b\x1b_Ga=d\x1b\x1b\\\x1b\\"


def test_a_small_payload_is_a_fraction() -> None:
    noise = [Image.effect_noise((40, 30), 80).resize((320, 240)) for _ in range(3)]
    photo = Image.merge("RGB", noise)
    small = kitty.payload(photo, small=True)
    assert len(small) < len(kitty.payload(photo, small=False)) / 2
