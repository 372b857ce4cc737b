"""What schemas ask of an object: see `schema_reader`, which this is a part of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from vlmtui.engine.structured import pattern_reader, patterns
from vlmtui.engine.structured.schema_parts import (
    Part,
    Together,
    Unenforceable,
    limits,
    short,
)
from vlmtui.engine.structured.shapes import NOTHING, Definitions, Fields, Shape, Text, Values, fits

Read = Callable[[Together], Shape]
"""The shape of a part of the object that several schemas hold of."""


def fields(together: Together, read: Read, known: Definitions) -> Shape:
    """The shape of an object that several schemas hold of."""
    found = [_Rules(part) for part in together]
    wanted = {name: None for rules in found for name in rules.required}
    declared = {name: None for rules in found for name in rules.properties} | wanted
    names = _names(found, read)
    shapes: dict[str, Shape] = {}
    for name in declared:
        shape = read(tuple(part for rules in found for part in rules.of(name)))
        if not fits(name, names, known):
            shape = NOTHING
        if shape != NOTHING:
            shapes[name] = shape
        elif name in wanted:
            return NOTHING
    rest, names = _others(found, shapes, names, bool(declared), read)
    if isinstance(names, Values):
        if rest is not None:
            shapes |= {n: rest for n in names.options if isinstance(n, str) and n not in declared}
        rest, names = None, Text()
    return _counted(
        together, Fields(shapes, frozenset(wanted), rest, None if names == Text() else names)
    )


class _Rules:
    """What one schema says of the names and values of an object."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.properties = self._mapping("properties")
        self.patterns = [
            (_named_by(pattern, f"{part.path}/patternProperties"), pattern, schema)
            for pattern, schema in self._mapping("patternProperties").items()
        ]
        self.required = part.schema.get("required", [])
        if self.required is False or self.required is True:
            self.required = None
        if not isinstance(self.required, list) or not all(
            isinstance(name, str) for name in self.required
        ):
            raise Unenforceable(f"{part.path}/required", "it is not a list of names")

    def of(self, name: str) -> list[Part]:
        """The schemas that hold of the value with this name."""
        path = self.part.path
        found = []
        if name in self.properties:
            step = name.replace("~", "~0").replace("/", "~1")
            found.append(Part(f"{path}/properties/{step}", self.properties[name]))
        for pattern, source, schema in self.patterns:
            if patterns.matches(pattern, name):
                found.append(self._by_pattern(source, schema))
        return found or self.others()

    def others(self) -> list[Part]:
        """The schemas of the values that are not declared."""
        if "additionalProperties" not in self.part.schema:
            return []
        given = self.part.schema["additionalProperties"]
        return [Part(f"{self.part.path}/additionalProperties", given)]

    def by_patterns(self) -> list[tuple[patterns.Pattern, Part]]:
        """The schemas of values with names of a kind."""
        return [
            (pattern, self._by_pattern(source, schema)) for pattern, source, schema in self.patterns
        ]

    def _by_pattern(self, source: str, schema: Any) -> Part:
        step = source.replace("~", "~0").replace("/", "~1")
        return Part(f"{self.part.path}/patternProperties/{step}", schema)

    def _mapping(self, keyword: str) -> dict[str, Any]:
        found = self.part.schema.get(keyword, {})
        if not isinstance(found, dict):
            raise Unenforceable(f"{self.part.path}/{keyword}", "it is not an object")
        return found


def _named_by(pattern: str, path: str) -> patterns.Pattern:
    try:
        return pattern_reader.read(pattern)
    except patterns.BadPattern as error:
        raise Unenforceable(f"{path}/{short(pattern)}", str(error)) from None


def _names(found: list[_Rules], read: Read) -> Shape:
    """What the names are like."""
    given = [
        Part(f"{rules.part.path}/propertyNames", rules.part.schema["propertyNames"])
        for rules in found
        if "propertyNames" in rules.part.schema
    ]
    if not given:
        return Text()
    names = read((*given, Part("#string", {"type": "string"})))
    if not isinstance(names, Text | Values):
        raise Unenforceable(given[0].path, "names of several kinds are not possible")
    return names


def _others(
    found: list[_Rules], shapes: dict[str, Shape], names: Shape, declared: bool, read: Read
) -> tuple[Shape | None, Shape]:
    """What is said of the values that are not declared, None where there are none; their names."""
    by_pattern = [each for rules in found for each in rules.by_patterns()]
    explicit = any("additionalProperties" in rules.part.schema for rules in found)
    if by_pattern:
        if declared or len(by_pattern) > 1 or names != Text():
            return None, names
        pattern, part = by_pattern[0]
        return _none(read((part,))), Text(pattern=pattern)
    if declared and not explicit and not isinstance(names, Values):
        return None, names
    rest = _none(read(tuple(part for rules in found for part in rules.others())))
    if isinstance(names, Text):
        if declared and names != Text():
            return None, names  # they might be declared ones
        names = msgspec.structs.replace(names, excluded=frozenset(shapes))
        if declared:
            every = {name for rules in found for name in rules.properties}
            names = msgspec.structs.replace(names, excluded=frozenset(every | shapes.keys()))
    return rest, names


def _none(shape: Shape) -> Shape | None:
    return None if shape == NOTHING else shape


def _counted(together: Together, shape: Fields) -> Shape:
    """The object with as many names as it may have."""
    least, most = limits(together, "Properties")
    path, needed = together[-1].path if together else "#", len(shape.required)
    if most is not None and (needed > most or least > most):
        return NOTHING
    if most is not None and (shape.rest is not None or len(shape.shapes) > most):
        if most == needed:
            kept = {name: shape.shapes[name] for name in shape.shapes if name in shape.required}
            shape = msgspec.structs.replace(shape, shapes=kept, rest=None)
        elif shape.shapes and len(shape.shapes) <= most:
            shape = msgspec.structs.replace(shape, rest=None)
        else:
            raise Unenforceable(f"{path}/maxProperties", "it is fewer than the declared properties")
    if least <= needed:
        return shape
    if least == len(shape.shapes):
        return msgspec.structs.replace(shape, required=frozenset(shape.shapes))
    if least > 1 or not (shape.shapes or shape.rest is not None):
        raise Unenforceable(f"{path}/minProperties", "only 1 is possible, or the declared ones")
    return msgspec.structs.replace(shape, least=1)
