"""From JSON Schema to shapes. What can't be enforced is refused, with its path.

All schemas that hold of one value (its own, those it refers to, those of `allOf`, one of `anyOf`)
are read together, as one: what each asks of a string, a number, an array or an object is joined.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

from vlmtui.engine.structured.array_reader import items
from vlmtui.engine.structured.keywords import UNENFORCED
from vlmtui.engine.structured.object_reader import fields
from vlmtui.engine.structured.references import Document
from vlmtui.engine.structured.scalar_reader import number, text
from vlmtui.engine.structured.schema_parts import (
    Part,
    Together,
    Unenforceable,
    distinct,
    listed,
    short,
)
from vlmtui.engine.structured.shapes import (
    NOTHING,
    Definitions,
    Either,
    Named,
    Number,
    Shape,
    Text,
    Values,
    filled,
    fits,
)

_MOST_SHAPES = 4000
_MOST_ALTERNATIVES = 256
_TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")


def read(schema: Any) -> tuple[Shape, Definitions]:
    """Read a schema.

    Raises:
        Unenforceable: It isn't one, or answers can't be held to it.
    """
    reader = _Reader(schema)
    try:
        shape, known = filled(reader.shape((Part("#", schema),)), reader.known)
    except RecursionError:
        raise Unenforceable("#", "it is nested too deeply") from None
    if shape == NOTHING:
        raise Unenforceable("#", "no value can follow it, or only one without end")
    return shape, known


class _Reader:
    def __init__(self, root: Any) -> None:
        self.known: dict[int, Shape] = {}
        self._document = Document(root)
        self._names: dict[tuple[str, ...], int] = {}
        self._open: list[int] = []
        """Names of what is being read, of one and the same value."""

    # ------------------------------------------------------------------ joining what holds

    def shape(self, together: Together) -> Shape:
        """The shape of a value that several schemas hold of."""
        together = self._document.joined(together)
        if any(part.schema is False for part in together):
            return NOTHING
        key = tuple(sorted({part.key for part in together})) or ("#",)
        where = together[0].path if together else "#"
        name = self._names.get(key)
        if name is None:
            name = self._names[key] = len(self._names)
            if name > _MOST_SHAPES:
                raise Unenforceable(where, "it is too large")
            self._open.append(name)
            try:
                shape = self._read(together)
            finally:
                self._open.pop()
            self.known[name] = shape
            return shape if isinstance(shape, Values | Text | Number) else Named(name)
        if name in self._open:
            raise Unenforceable(where, "it refers to itself without end")
        found = self.known.get(name)
        return found if isinstance(found, Values | Text | Number) else Named(name)

    def inside(self, together: Together) -> Shape:
        """The same of a part of the value: what is being read may come again in it."""
        outer, self._open = self._open, []
        try:
            return self.shape(together)
        finally:
            self._open = outer

    # ------------------------------------------------------------------ one value

    def _read(self, together: Together) -> Shape:
        for at, part in enumerate(together):
            for keyword in ("anyOf", "oneOf"):
                if keyword in part.schema:
                    return self._either(together, at, keyword)
        if (values := self._values(together)) is not None:
            return values
        options = [self._of_type(kind, together) for kind in self._types(together)]
        return _either(options)

    def _either(self, together: Together, at: int, keyword: str) -> Shape:
        part = together[at]
        others = (*together[:at], part.less(keyword), *together[at + 1 :])
        alternatives = listed(part.schema, keyword, part.path)
        if len(alternatives) > _MOST_ALTERNATIVES:
            raise Unenforceable(f"{part.path}/{keyword}", "there are too many")
        options = [self.shape((*others, option)) for option in alternatives]
        if keyword == "oneOf":
            for one, two in combinations(range(len(alternatives)), 2):
                if options[one] == NOTHING or options[two] == NOTHING:
                    continue
                both = self.shape((*others, alternatives[one], alternatives[two]))
                if both != NOTHING:
                    raise Unenforceable(
                        f"{part.path}/oneOf/{two}",
                        f"a value may be this and {part.path}/oneOf/{one} at once",
                    )
        return _either(options)

    def _values(self, together: Together) -> Shape | None:
        """What of `enum` and `const` the other keywords leave; None where there is neither."""
        lists: list[list[Any]] = []
        others = []
        for part in together:
            if "const" in part.schema:
                lists.append([part.schema["const"]])
            if "enum" in part.schema:
                if not isinstance(part.schema["enum"], list):
                    raise Unenforceable(f"{part.path}/enum", "it is not a list")
                lists.append(part.schema["enum"])
            others.append(part.less("enum", "const"))
        if not lists:
            return None
        shape = self.shape(tuple(others))
        common = [
            value
            for value in lists[0]
            if all(fits(value, Values(tuple(other)), {}) for other in lists[1:])
        ]
        try:
            return Values(distinct(value for value in common if fits(value, shape, self.known)))
        except KeyError:
            raise Unenforceable(
                together[0].path, "a list of values that refers to itself"
            ) from None

    def _types(self, together: Together) -> list[str]:
        found = ["null", "boolean", "number", "string", "array", "object"]
        for part in together:
            if "type" not in part.schema:
                continue
            named = part.schema["type"]
            names = [named] if isinstance(named, str) else named
            if not isinstance(names, list) or any(name not in _TYPES for name in names):
                raise Unenforceable(f"{part.path}/type", f"there is no type {short(named)}")
            if "number" in found and "number" not in names and "integer" in names:
                found[found.index("number")] = "integer"
            wide = [*names, "integer"] if "number" in names else names
            found = [kind for kind in found if kind in wide]
        return found

    def _of_type(self, kind: str, together: Together) -> Shape:
        for part in together:
            for keyword, of in UNENFORCED.items():
                if of == kind and keyword in part.schema:
                    raise Unenforceable(f"{part.path}/{keyword}", f"{keyword} is not possible here")
        match kind:
            case "null":
                return Values((None,))
            case "boolean":
                return Values((True, False))
            case "string":
                return text(together)
            case "array":
                return items(together, self.inside)
            case "object":
                return fields(together, self.inside, self.known)
            case _:
                return number(kind == "integer", together)


def _either(options: list[Shape]) -> Shape:
    kept: list[Shape] = []
    for option in options:  # the same twice would double what llama.cpp follows, at each level
        if option != NOTHING and option not in kept:
            kept.append(option)
    return kept[0] if len(kept) == 1 else Either(tuple(kept)) if kept else NOTHING
