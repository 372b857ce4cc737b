"""A prompt as the KV cache sees it: a row of units, each a text token or a whole picture.

Pure values and arithmetic, without llama.cpp. Comparing such rows tells what of a prompt need not
be computed again.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

import msgspec


class ImageUnit(msgspec.Struct, frozen=True):
    """A picture, or one slice of it, inside a prompt."""

    key: str
    """`ImagePart.key` of the picture."""

    part: int
    """0-based, among the parts that the model's preprocessing cuts this picture into."""

    tokens: int
    """Cells of the KV cache it takes."""

    positions: int
    """Positions it takes; fewer than tokens under M-RoPE (Qwen-VL)."""


Unit = int | ImageUnit
"""An `int` is the id of a text token."""


def common_prefix(left: Sequence[object], right: Sequence[object]) -> int:
    """How many units two rows share at their beginning, or characters two texts."""
    return sum(
        1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(left, right, strict=False))
    )


def count_tokens(units: Sequence[Unit]) -> int:
    """Cells of the KV cache that the units take."""
    return sum(1 if isinstance(unit, int) else unit.tokens for unit in units)


def count_positions(units: Sequence[Unit]) -> int:
    """Positions that the units take, which is the position of what follows them."""
    return sum(1 if isinstance(unit, int) else unit.positions for unit in units)


def count_image_tokens(units: Sequence[Unit]) -> int:
    """Cells of the KV cache that the pictures among the units take."""
    return sum(unit.tokens for unit in units if isinstance(unit, ImageUnit))


def count_images(units: Sequence[Unit]) -> int:
    """Pictures among the units, the same one each time it is shown."""
    return sum(1 for unit in units if isinstance(unit, ImageUnit) and unit.part == 0)


def ends_of_pictures(units: Sequence[Unit]) -> list[int]:
    """How many units there are up to the end of each picture, its last part included."""
    ends: list[int] = []
    for index, unit in enumerate(units):
        if isinstance(unit, ImageUnit):
            if unit.part:
                ends.pop()
            ends.append(index + 1)
    return ends
