"""What schemas ask of an array: see `schema_reader`, which this is a part of."""

from __future__ import annotations

from collections.abc import Callable

from vlmtui.engine.structured.schema_parts import (
    LONGEST,
    Part,
    Together,
    Unenforceable,
    distinct,
    limits,
    listed,
)
from vlmtui.engine.structured.shapes import NOTHING, Items, Shape, Subset, Values


def items(together: Together, read: Callable[[Together], Shape]) -> Shape:
    """The shape of an array that several schemas hold of; `read` gives that of its parts."""
    least, most = limits(together, "Items")
    if least > (most if most is not None else least):
        return NOTHING
    if max(least, most or 0) > LONGEST:
        raise Unenforceable(together[0].path, f"arrays of over {LONGEST:,} items")
    rows = [_row(part) for part in together]
    known = max((len(first) for first, _ in rows), default=0)
    if most is not None:
        known = min(known, most)
    first = tuple(
        read(tuple(item for row in rows if (item := _item(row, at)) is not None))
        for at in range(known)
    )
    rest: Shape | None = None
    if most is None or most > known:
        rest = read(tuple(row[1] for row in rows if row[1] is not None))
    if rest == NOTHING:
        rest = None
    for at, part in enumerate(first):
        if part == NOTHING:
            first, rest, most = first[:at], None, at
            break
    if rest is None and least > len(first):
        return NOTHING
    unique = [part for part in together if part.schema.get("uniqueItems") is True]
    if unique and (most is None or most > 1):
        if first or not isinstance(rest, Values) or least > 1 or most is not None:
            if rest is None and len(first) < 2:
                return Items(first, rest, least, most)
            raise Unenforceable(
                f"{unique[0].path}/uniqueItems", "uniqueItems is possible for an enum alone"
            )
        return Subset(distinct(rest.options), least)
    return Items(first, rest, least, most)


_Row = tuple[tuple[Part, ...], "Part | None"]
"""Schemas of the first items of an array, and of the others; None: any."""


def _row(part: Part) -> _Row:
    schema, path = part.schema, part.path
    rest = Part(f"{path}/items", schema["items"]) if "items" in schema else None
    if "prefixItems" in schema:
        return listed(schema, "prefixItems", path), rest
    if isinstance(schema.get("items"), list):  # as before 2020
        more = schema.get("additionalItems", True)
        return listed(schema, "items", path), Part(f"{path}/additionalItems", more)
    return (), rest


def _item(row: _Row, at: int) -> Part | None:
    return row[0][at] if at < len(row[0]) else row[1]
