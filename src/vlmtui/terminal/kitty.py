"""Kitty's graphics protocol, in its kind with Unicode placeholders: pictures that are text.

A picture is sent once, with an id and the rectangle of cells that it shall fill. It then appears
wherever a placeholder character stands whose colour is the id and whose combining marks are row and
column. https://sw.kovidgoyal.net/kitty/graphics-protocol/#unicode-placeholders
"""

from __future__ import annotations

import os
from base64 import b64encode
from collections import OrderedDict
from io import BytesIO
from itertools import count
from typing import TYPE_CHECKING

from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.strip import Strip

if TYPE_CHECKING:
    from PIL.Image import Image

_PLACEHOLDER = "\U0010eeee"
CHUNK = 4096
"""Most characters of base64 in one command."""

SMALL_CHUNK = 1024
"""Over a slow line: what is typed need not wait for more."""

_CODES = """
305 30d 30e 310 312 33d 33e 33f 346 34a 34b 34c 350 351 352 357 35b 363 364 365 366 367 368 369
36a 36b 36c 36d 36e 36f 483 484 485 486 487 592 593 594 595 597 598 599 59c 59d 59e 59f 5a0 5a1
5a8 5a9 5ab 5ac 5af 5c4 610 611 612 613 614 615 616 617 657 658 659 65a 65b 65d 65e 6d6 6d7 6d8
6d9 6da 6db 6dc 6df 6e0 6e1 6e2 6e4 6e7 6e8 6eb 6ec 730 732 733 735 736 73a 73d 73f 740 741 743
745 747 749 74a 7eb 7ec 7ed 7ee 7ef 7f0 7f1 7f3 816 817 818 819 81b 81c 81d 81e 81f 820 821 822
823 825 826 827 829 82a 82b 82c 82d 951 953 954 f82 f83 f86 f87 135d 135e 135f 17dd 193a 1a17 1a75
1a76 1a77 1a78 1a79 1a7a 1a7b 1a7c 1b6b 1b6d 1b6e 1b6f 1b70 1b71 1b72 1b73 1cd0 1cd1 1cd2 1cda
1cdb 1ce0 1dc0 1dc1 1dc3 1dc4 1dc5 1dc6 1dc7 1dc8 1dc9 1dcb 1dcc 1dd1 1dd2 1dd3 1dd4 1dd5 1dd6
1dd7 1dd8 1dd9 1dda 1ddb 1ddc 1ddd 1dde 1ddf 1de0 1de1 1de2 1de3 1de4 1de5 1de6 1dfe 20d0 20d1
20d4 20d5 20d6 20d7 20db 20dc 20e1 20e7 20e9 20f0 2cef 2cf0 2cf1 2de0 2de1 2de2 2de3 2de4 2de5
2de6 2de7 2de8 2de9 2dea 2deb 2dec 2ded 2dee 2def 2df0 2df1 2df2 2df3 2df4 2df5 2df6 2df7 2df8
2df9 2dfa 2dfb 2dfc 2dfd 2dfe 2dff a66f a67c a67d a6f0 a6f1 a8e0 a8e1 a8e2 a8e3 a8e4 a8e5 a8e6
a8e7 a8e8 a8e9 a8ea a8eb a8ec a8ed a8ee a8ef a8f0 a8f1 aab0 aab2 aab3 aab7 aab8 aabe aabf aac1
fe20 fe21 fe22 fe23 fe24 fe25 fe26 10a0f 10a38 1d185 1d186 1d187 1d188 1d189 1d1aa 1d1ab 1d1ac
1d1ad 1d242 1d243 1d244
"""
_MARKS = tuple(chr(int(code, 16)) for code in _CODES.split())
"""The combining marks that stand for 0, 1, 2, …"""

MOST = len(_MARKS)
"""Most columns, and most rows, of a picture."""

_KEPT = 64
"""Pictures kept in the terminal."""


def wrap(commands: str) -> str:
    """Commands on their way through tmux to the terminal around it."""
    escaped = commands.replace("\x1b", "\x1b\x1b")
    return f"\x1bPtmux;{escaped}\x1b\\"


def payload(image: Image, *, small: bool) -> str:
    """A picture as base64 of a PNG; a small one in 128 colours, about a fourth of the bytes."""
    file = BytesIO()
    (image.quantize(128) if small else image).save(file, "PNG", compress_level=6)
    return b64encode(file.getvalue()).decode("ascii")


class Pictures:
    """The pictures that a terminal holds for us, the least recently shown going first."""

    def __init__(self) -> None:
        self._high = 1 + os.urandom(1)[0] % 255  # another program's ids shall not be ours
        self._low = count()
        self._ids: OrderedDict[tuple[str, int, int], int] = OrderedDict()

    def find(self, sha256: str, columns: int, rows: int) -> int | None:
        """The id of a picture in this size, if the terminal has it."""
        key = (sha256, columns, rows)
        if key in self._ids:
            self._ids.move_to_end(key)
        return self._ids.get(key)

    def send(
        self, sha256: str, columns: int, rows: int, png: str, chunk: int = CHUNK
    ) -> tuple[int, list[str]]:
        """Give a picture to the terminal, in commands of so many characters at most.

        Returns:
            Its id, and the commands that send it, each to be wrapped by itself.
        """
        commands = []
        if len(self._ids) >= _KEPT:
            _, oldest = self._ids.popitem(last=False)
            commands.append(_delete(oldest))
        # fewer than 255 are kept, so a number that comes round again is free
        number = self._high << 24 | next(self._low) % 255 + 1
        self._ids[sha256, columns, rows] = number
        head = f"a=T,U=1,i={number},c={columns},r={rows},f=100,q=2,"
        for start in range(0, len(png), chunk):
            more = int(start + chunk < len(png))
            commands.append(f"\x1b_G{head}m={more};{png[start : start + chunk]}\x1b\\")
            head = "q=2,"
        return number, commands

    def forget(self) -> list[str]:
        """The commands that take every picture out of the terminal again."""
        commands = [_delete(number) for number in self._ids.values()]
        self._ids.clear()
        return commands


def _delete(number: int) -> str:
    return f"\x1b_Ga=d,d=I,i={number},q=2\x1b\\"


def strips(number: int, columns: int, rows: int, background: Color) -> list[Strip]:
    """The text in whose place the picture appears, on what shows beside a narrower one."""
    style = Style()
    # by number in the palette of 256: survives tmux without true colour, and Textual's filters,
    # which turn a colour that they see into another one
    red, green, blue = background.rgb
    style._ansi = f"38;5;{number & 255};48;2;{red};{green};{blue}"
    high = _MARKS[number >> 24]
    return [
        Strip(
            [
                Segment(
                    "".join(
                        f"{_PLACEHOLDER}{_MARKS[row]}{_MARKS[column]}{high}"
                        for column in range(columns)
                    ),
                    style,
                )
            ],
            columns,
        )
        for row in range(rows)
    ]
