"""In which size a picture is given to a tower, for as many tokens as somebody wants it to take.

Towers that take pictures as they come (Qwen-VL, Gemma 4, Pixtral) make more tokens of a larger one,
and so do those that cut tiles: bringing a picture to another size before libmtmd sees it chooses
its tokens, for each picture by itself and without loading the tower again, as another
`image_max_tokens` would need. The sizes that are tried are always the same ones, so that a number
of tokens means one size. Pure, without llama.cpp.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import msgspec

from vlmtui.messages import Detail

LOW, HIGH = 256, 1024
"""Tokens at most, and at least. Qwen-VL finds boxes well from 1,024 on, as clip.cpp warns."""

_STEPS = 16
"""Sizes that are tried for each doubling: neighbours differ by 9 % in their tokens."""

_SMALLEST, _LARGEST, _LONGEST = 28, 8192, 16384
"""Mean of the sides of what is tried, and its longest side, in pixels."""


class Sized(msgspec.Struct, frozen=True):
    """A size of a picture, and what the tower makes of it."""

    tokens: int
    size: tuple[int, int]
    """Width and height in pixels."""

    step: int = 0
    """How far it is from the picture's own size, in sizes that are tried."""


def tried(
    own: tuple[int, int], tokens: Callable[[tuple[int, int]], int | None]
) -> tuple[Sized, ...]:
    """A picture of its own size in pixels, in all sizes that can be chosen among.

    `tokens` says what the tower makes of a size; None where it has no room for that.
    """
    mean = math.sqrt(own[0] * own[1])
    first = math.ceil(_STEPS * math.log2(_SMALLEST / mean))
    last = math.floor(_STEPS * math.log2(_LARGEST / mean))
    found = []
    for step in {0, *range(first, last + 1)}:
        width, height = (max(1, round(side * 2 ** (step / _STEPS))) for side in own)
        if max(width, height) <= _LONGEST or step == 0:
            count = tokens((width, height))
            if count is not None:
                found.append(Sized(count, (width, height), abs(step)))
    return tuple(found)


def choose(detail: Detail, normal: Sized, sizes: Sequence[Sized]) -> Sized:
    """The size for a detail: of those with as many tokens, the one nearest to the picture's own.

    `normal` is what the tower takes of itself; a detail that is a number is of tokens at most.
    """
    if detail == "normal" or not sizes:
        return normal
    if detail == "max":
        return _most((normal, *sizes))
    if detail == "high":
        enough = [each for each in sizes if each.tokens >= HIGH]
        if normal.tokens >= HIGH:
            return normal
        return min(enough, key=lambda each: (each.tokens, each.step)) if enough else _most(sizes)
    most = LOW if detail == "low" else detail
    if detail == "low" and normal.tokens <= most:
        return normal
    within = [each for each in sizes if each.tokens <= most]
    return _most(within) if within else min(sizes, key=lambda each: (each.tokens, each.step))


def _most(sizes: Sequence[Sized]) -> Sized:
    return max(sizes, key=lambda each: (each.tokens, -each.step))
