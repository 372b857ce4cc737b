"""A part of a picture as a picture file of its own: which part, as people write it, and the file.

The part is cut out by a process that ends (`engine.cropper`), as front ends must stay small; it
writes straight into the file that it is given.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import IO

import msgspec

from vlmtui import errors

SECONDS = 120.0
"""Longest wait for one part."""

_NUMBER = re.compile(r"([0-9]{1,9})|([0-9]{1,3}(?:\.[0-9]{1,9})?)%")
_HINT = "Write [x,y,width,height], in pixels or per cent: [120,40,300,200] or [50%,0,50%,100%]."


class Box(msgspec.Struct, frozen=True):
    """A rectangle inside a picture, in pixels of the picture as it stands upright."""

    x: int
    y: int
    width: int
    height: int

    def __str__(self) -> str:
        """As it is written behind a picture's name."""
        return f"[{self.x},{self.y},{self.width},{self.height}]"


def box(text: str, size: tuple[int, int], name: str) -> Box:
    """Read the four numbers of a part.

    Args:
        text: `x,y,width,height`, each in pixels or, with `%`, as a share of the picture's width or
            height; brackets around them may stay.
        size: Width and height of the picture, upright, in pixels.
        name: What the user calls the picture, for errors.

    Raises:
        InputError: That is no rectangle, or it reaches beyond the picture.
    """
    written = text.strip().removeprefix("[").removesuffix("]").strip()
    words = [_NUMBER.fullmatch(word) for word in re.split(r"\s*,\s*|\s+", written)]
    if len(words) != 4 or None in words:
        raise errors.InputError(f"[{written[:60]}] is not a part of a picture", _HINT)
    edges = []
    for first, length, side in zip(words[:2], words[2:], size, strict=True):
        start = _pixels(first, side)
        edges.append((round(start), round(start + _pixels(length, side))))
    (left, right), (top, bottom) = edges
    if right <= left or bottom <= top:
        raise errors.InputError(f"[{written[:60]}] is empty: it has no pixels of {name}", _HINT)
    wide, high = size
    if right > wide or bottom > high:
        raise errors.InputError(
            f"[{written[:60]}] reaches beyond {name}, which has {wide}x{high} pixels",
            f"x + width can be at most {wide}, y + height at most {high}.",
        )
    return Box(left, top, right - left, bottom - top)


def _pixels(number: re.Match[str] | None, side: int) -> float:
    """A number as pixels, of which a side of the picture has so many."""
    assert number is not None
    return float(number[1]) if number[1] is not None else float(number[2]) / 100 * side


def cut(path: str | Path, part: Box, file: IO[bytes], called: str) -> None:
    """Write a part of a picture as PNG into a real file, open for writing. Belongs in a thread.

    Raises:
        ImageError: One of its subclasses, naming the picture and what to do.
    """
    wanted = json.dumps({"path": str(path), "part": msgspec.structs.astuple(part), "name": called})
    try:
        done = subprocess.run(
            [sys.executable, "-m", "vlmtui.engine.cropper", wanted],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.PIPE,
            timeout=SECONDS,
            start_new_session=True,  # signals of the terminal are for the app
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise failed(called, str(error)[:200]) from None
    if done.returncode == 0:
        return
    last_line = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
    try:
        answer = json.loads(last_line)
        kind, message, hint = answer["error"], answer["message"], answer["hint"]
    except (ValueError, KeyError, TypeError):
        raise failed(called, "its process ended") from None
    raise errors.named(kind, message, hint, errors.ImageError)


def failed(called: str, why: str) -> errors.ImageError:
    """No part of a picture can be made, for a reason that isn't the picture's."""
    return errors.ImageUnreadable(
        f"No part of {called} can be cut out: {why}",
        "Memory or disk space may be low: end other programs, or scale the picture down.",
    )
