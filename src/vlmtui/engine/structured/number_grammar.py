"""Numbers between limits, as pieces of a grammar."""

from __future__ import annotations

import math
from decimal import Decimal

from vlmtui.engine.structured.shapes import Number

_WHOLE = "(0 | [1-9] [0-9]{0,15})".replace("0 |", '"0" |')
_MORE = "[0-9]{0,15}"
"""Digits that may follow; a double has no more."""


def number(shape: Number) -> str:
    """An expression that matches the numbers of a shape, as JSON writes them.

    Bounded ones are written without an exponent.
    """
    if math.isinf(shape.low) and math.isinf(shape.high):
        fraction = "" if shape.whole else ' ("." [0-9]{1,16})? ([eE] [-+]? [0-9]{1,2})?'
        return f'"-"? {_WHOLE}{fraction}'
    options = []
    if shape.high > 0 or (shape.high == 0 and not shape.below):
        above = shape.above and shape.low >= 0
        low = max(_decimal(shape.low), Decimal(0))
        options.append(_between(low, _decimal(shape.high), above, shape.below, shape.whole))
    if shape.low < 0:
        low = max(-_decimal(shape.high), Decimal(0))
        below = shape.below and shape.high <= 0
        found = _between(low, -_decimal(shape.low), below, shape.above, shape.whole)
        if found:
            options.append(f'"-" ({found})')
    return " | ".join(option for option in options if option)


def _decimal(bound: float) -> Decimal:
    return Decimal(str(bound)) if math.isfinite(bound) else Decimal(bound)


def _between(low: Decimal, high: Decimal, above: bool, below: bool, whole: bool) -> str:
    """Numbers from 0 up between limits; empty where there are none."""
    if low > high or (low == high and (above or below)):
        return ""
    if whole:
        return _integers(int(low), None if high.is_infinite() else int(high))
    first, last = int(low), None if high.is_infinite() else int(high)
    options = []
    if first == last:
        fractions = _rest(_digits(low), _digits(high), above, below, point=True)
        return f'"{first}" ({fractions})' if fractions else ""
    fractions = _rest(_digits(low), None, above, False, point=True)
    options.append(f'"{first}" ({fractions})')
    if last is None or last - 1 > first:
        inner = _integers(first + 1, None if last is None else last - 1)
        options.append(f'({inner}) ("." [0-9] {_MORE})?')
    if last is not None:
        fractions = _rest("", _digits(high), False, below, point=True)
        if fractions:
            options.append(f'"{last}" ({fractions})')
    return " | ".join(options)


def _digits(bound: Decimal) -> str:
    """What stands behind the point."""
    return format(bound, "f").partition(".")[2].rstrip("0")


def _digits_between(low: str, high: str | None, above: bool, below: bool) -> str:
    """At least one digit; read behind a point it is between the limits."""
    if not low and high is None:
        return f"[0-9] {_MORE}" if not above else f'"0"{{0,12}} [1-9] {_MORE}'
    options = []
    first = int(low[:1] or 0)
    last = 9 if high is None else int(high[:1] or 0)
    if high == "":  # nothing but noughts
        return "" if low or above or below else '"0" "0"{0,15}'
    if first == last:
        rest = _rest(low[1:], None if high is None else high[1:], above, below)
        return f'"{first}" ({rest})' if rest else ""
    rest = _rest(low[1:], None, above, False)
    options.append(f'"{first}" ({rest})')
    if last - 1 >= first + 1:
        options.append(f"[{first + 1}-{last - 1}] {_MORE}")
    rest = _rest("", None if high is None else high[1:], False, below)
    if rest:
        options.append(f'"{last}" ({rest})')
    return " | ".join(options)


def _rest(low: str, high: str | None, above: bool, below: bool, *, point: bool = False) -> str:
    """Further digits, with a point before them if that is to be, or none; empty where none may."""
    options = []
    if not low and not above and not (high == "" and below):
        options.append('""')
    if found := _digits_between(low, high, above, below):
        options.append(f'"." ({found})' if point else found)
    return " | ".join(options)


def _integers(low: int, high: int | None) -> str:
    if high is None:
        top = 10 ** len(str(low)) - 1
        longer = f"[1-9] [0-9]{{{len(str(low))},{max(len(str(low)), 15)}}}"
        return f"{_integers(low, top)} | {longer}"
    options = []
    while low <= high:
        top = min(high, 10 ** len(str(low)) - 1)
        options.append(_same_length(str(low), str(top)))
        low = top + 1
    return " | ".join(options)


def _same_length(low: str, high: str) -> str:
    if not low:
        return '""'
    if set(low[1:]) <= {"0"} and set(high[1:]) <= {"9"}:
        span = f'"{low[0]}"' if low[0] == high[0] else f"[{low[0]}-{high[0]}]"
        return span if len(low) == 1 else f"{span} [0-9]{{{len(low) - 1}}}"
    if low[0] == high[0]:
        return f'"{low[0]}" ({_same_length(low[1:], high[1:])})'
    rest = len(low) - 1
    options = [f'"{low[0]}" ({_same_length(low[1:], "9" * rest)})']
    if int(high[0]) - int(low[0]) > 1:
        options.append(f"[{int(low[0]) + 1}-{int(high[0]) - 1}] [0-9]{{{rest}}}")
    options.append(f'"{high[0]}" ({_same_length("0" * rest, high[1:])})')
    return " | ".join(options)
