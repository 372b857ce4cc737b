"""What schemas ask of a number or a string: see `schema_reader`, which this is a part of."""

from __future__ import annotations

import math
from typing import Any

from vlmtui.engine.structured import pattern_reader, patterns
from vlmtui.engine.structured.formats import FORMATS
from vlmtui.engine.structured.patterns import BadPattern
from vlmtui.engine.structured.schema_parts import (
    LONGEST,
    Together,
    Unenforceable,
    limits,
    short,
)
from vlmtui.engine.structured.shapes import NOTHING, Number, Shape, Text, Values

_MOST_LISTED = 1000


def text(together: Together) -> Shape:
    """The shape of a string that several schemas hold of."""
    least, most = limits(together, "Length")
    if least > (most if most is not None else least):
        return NOTHING
    if max(least, most or 0) > LONGEST:
        raise Unenforceable(together[0].path, f"strings of over {LONGEST:,} characters")
    found: dict[str, patterns.Pattern] = {}
    for part in together:
        for keyword in ("pattern", "format"):
            if keyword in part.schema:
                given = part.schema[keyword]
                found[given] = _pattern(keyword, given, f"{part.path}/{keyword}")
    if not found:
        return Text(least, most)
    path = together[-1].path
    if len(found) > 1:
        raise Unenforceable(path, "several patterns of one string")
    try:
        (pattern,) = found.values()
        return Text(least, most, patterns.bounded(pattern, least, most))
    except BadPattern as error:
        raise Unenforceable(path, str(error)) from None


def _pattern(keyword: str, given: Any, path: str) -> patterns.Pattern:
    if not isinstance(given, str):
        raise Unenforceable(path, "it is not a text")
    if keyword == "format" and given not in FORMATS:
        raise Unenforceable(path, f"the format {short(given)} is not possible")
    try:
        return pattern_reader.read(
            FORMATS[given] if keyword == "format" else given, whole=keyword == "format"
        )
    except BadPattern as error:
        raise Unenforceable(path, str(error)) from None


def number(whole: bool, together: Together) -> Shape:
    """The shape of a number, perhaps a whole one, that several schemas hold of."""
    low, high, above, below = -math.inf, math.inf, False, False
    factor = 1
    for part in together:
        for keyword in ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "multipleOf"):
            if keyword not in part.schema:
                continue
            value, path = part.schema[keyword], f"{part.path}/{keyword}"
            out = keyword.startswith("exclusive")
            if isinstance(value, bool) and out:  # as draft 4 has it: of the other bound
                continue
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise Unenforceable(path, "it is not a number")
            if keyword == "multipleOf":
                if value <= 0 or value != math.floor(value):
                    raise Unenforceable(path, "only multiples of whole numbers are possible")
                factor, whole = math.lcm(factor, int(value)), True
            elif keyword.lower().endswith("minimum"):
                out = out or part.schema.get("exclusiveMinimum") is True
                low, above = max((low, above), (value, out))
            else:
                out = out or part.schema.get("exclusiveMaximum") is True
                high, not_below = min((high, not below), (value, not out))
                below = not not_below
    if whole:
        low = low if math.isinf(low) else math.floor(low) + 1 if above else math.ceil(low)
        high = high if math.isinf(high) else math.ceil(high) - 1 if below else math.floor(high)
        above = below = False
    if low > high or (low == high and (above or below)):
        return NOTHING
    if factor == 1:
        return Number(whole, low, high, above, below)
    if math.isinf(low) or math.isinf(high) or (high - low) / factor > _MOST_LISTED:
        raise Unenforceable(
            together[0].path, f"multiples are possible between limits, up to {_MOST_LISTED}"
        )
    return Values(tuple(range(-(-int(low) // factor) * factor, int(high) + 1, factor)))
