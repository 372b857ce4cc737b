"""What a JSON value may be like: the part of JSON Schema that can be enforced, as a tree.

A shape may allow less than its schema (names in one order, no names that nobody declared), never
more. A shape that contains itself does so through a `Named`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import msgspec

from vlmtui.engine.structured.patterns import Pattern, matches


class Values(msgspec.Struct, frozen=True):
    """One of these, as they are; none: nothing can be said."""

    options: tuple[Any, ...]


class Text(msgspec.Struct, frozen=True):
    """A string."""

    least: int = 0
    """Characters."""

    most: int | None = None
    pattern: Pattern | None = None
    """Of the whole string; its lengths are within the limits already."""

    excluded: frozenset[str] = frozenset()


class Number(msgspec.Struct, frozen=True):
    """A number, maybe a whole one."""

    whole: bool
    low: float = -math.inf
    high: float = math.inf
    above: bool = False
    """`low` itself is out."""

    below: bool = False
    """`high` itself is out."""


class Items(msgspec.Struct, frozen=True):
    """An array."""

    first: tuple[Shape, ...]
    rest: Shape | None
    """What follows the first; None: nothing."""

    least: int = 0
    most: int | None = None


class Subset(msgspec.Struct, frozen=True):
    """An array in which no value comes twice."""

    options: tuple[Any, ...]
    least: int = 0
    """0 or 1."""


class Fields(msgspec.Struct, frozen=True):
    """An object: the names that it may have, in their order, and maybe others behind them."""

    shapes: Mapping[str, Shape]
    required: frozenset[str] = frozenset()
    rest: Shape | None = None
    """Values of other names; None: there are no others."""

    names: Shape | None = None
    """What the other names are like, where not every one may be."""

    least: int = 0
    """0 or 1: at least one name."""


class Either(msgspec.Struct, frozen=True):
    """One of several."""

    options: tuple[Shape, ...]


class Named(msgspec.Struct, frozen=True):
    """A shape of the tree that stands elsewhere."""

    name: int


Shape = Values | Text | Number | Items | Subset | Fields | Either | Named

Definitions = Mapping[int, Shape]
"""What is meant by each `Named`."""

NOTHING = Values(())


def fits(value: Any, shape: Shape, known: Definitions) -> bool:
    """Whether a value, as `json.loads` gives it, is of a shape.

    Names may come in any order: a server elsewhere need not keep to ours.
    """
    match shape:
        case Values(options):
            return any(same(value, option) for option in options)
        case Text(least, most, pattern, excluded):
            return (
                isinstance(value, str)
                and least <= len(value) <= (len(value) if most is None else most)
                and (pattern is None or matches(pattern, value))
                and value not in excluded
            )
        case Number():
            return _is_number(value, shape)
        case Items(first, rest, least, most):
            return (
                isinstance(value, list)
                and least <= len(value) <= (len(value) if most is None else most)
                and all(fits(item, part, known) for item, part in zip(value, first, strict=False))
                and (
                    len(value) <= len(first)
                    or (
                        rest is not None
                        and all(fits(item, rest, known) for item in value[len(first) :])
                    )
                )
            )
        case Subset(options, least):
            return (
                isinstance(value, list)
                and len(value) >= least
                and all(any(same(item, option) for option in options) for item in value)
                and not any(same(a, b) for at, a in enumerate(value) for b in value[:at])
            )
        case Fields():
            return _has_fields(value, shape, known)
        case Either(options):
            return any(fits(value, option, known) for option in options)
        case Named(name):
            return fits(value, known[name], known)


def same(one: Any, two: Any) -> bool:
    """Whether two values of JSON are equal: true isn't 1, and 1.0 is."""
    if isinstance(one, bool) or isinstance(two, bool):
        return one is two
    if isinstance(one, list) and isinstance(two, list):
        return len(one) == len(two) and all(map(same, one, two))
    if isinstance(one, dict) and isinstance(two, dict):
        return one.keys() == two.keys() and all(same(one[key], two[key]) for key in one)
    return bool(one == two)


def _is_number(value: Any, shape: Number) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if shape.whole and value != math.floor(value):
        return False
    over = value > shape.low if shape.above else value >= shape.low
    return over and (value < shape.high if shape.below else value <= shape.high)


def _has_fields(value: Any, shape: Fields, known: Definitions) -> bool:
    if not isinstance(value, dict) or len(value) < shape.least or shape.required - value.keys():
        return False
    for name, part in value.items():
        declared = shape.shapes.get(name)
        if declared is not None:
            if not fits(part, declared, known):
                return False
        elif (
            shape.rest is None
            or not fits(part, shape.rest, known)
            or (shape.names is not None and not fits(name, shape.names, known))
        ):
            return False
    return True


def filled(shape: Shape, known: Definitions) -> tuple[Shape, Definitions]:
    """The same without the parts that no value can have: those that contain themselves without end.

    Returns:
        The shape, `NOTHING` where no value is of it, and the definitions that remain.
    """
    finite: set[int] = set()
    while True:
        new = {name for name in known if name not in finite and _ends(known[name], finite)}
        if not new:
            break
        finite |= new
    kept = {name: _pruned(known[name], finite) for name in finite}
    return (_pruned(shape, finite) if _ends(shape, finite) else NOTHING), kept


def _ends(shape: Shape, finite: set[int]) -> bool:
    match shape:
        case Values(options):
            return bool(options)
        case Named(name):
            return name in finite
        case Either(options):
            return any(_ends(option, finite) for option in options)
        case Fields(shapes, required, rest, _, least):
            return all(_ends(shapes[name], finite) for name in required) and (
                not least
                or any(_ends(part, finite) for part in shapes.values())
                or (rest is not None and _ends(rest, finite))
            )
        case Items(first, rest, least):
            return all(_ends(part, finite) for part in first[:least]) and (
                least <= len(first) or (rest is not None and _ends(rest, finite))
            )
        case _:
            return True


def _pruned(shape: Shape, finite: set[int]) -> Shape:
    match shape:
        case Either(options):
            kept = tuple(_pruned(each, finite) for each in options if _ends(each, finite))
            return kept[0] if len(kept) == 1 else Either(kept)
        case Fields(shapes, required, rest, names, least):
            return Fields(
                {
                    name: _pruned(part, finite)
                    for name, part in shapes.items()
                    if _ends(part, finite)
                },
                required,
                _pruned(rest, finite) if rest is not None and _ends(rest, finite) else None,
                names,
                least,
            )
        case Items(first, rest, least, most):
            ended = next(
                (at for at, part in enumerate(first) if not _ends(part, finite)), len(first)
            )
            follows = rest is not None and ended == len(first) and _ends(rest, finite)
            return Items(
                tuple(_pruned(part, finite) for part in first[:ended]),
                _pruned(rest, finite) if follows and rest is not None else None,
                least,
                most,
            )
        case _:
            return shape
