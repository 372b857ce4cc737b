"""Pieces of JSON Schema on their way to shapes: schemas with their places, and simple keywords."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from vlmtui.errors import InputError

LONGEST = 20_000
"""Characters of a string, items of an array."""


class Unenforceable(InputError):
    """A schema, or a part of it, that answers can't be held to."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(
            f"This schema can't be enforced: {why}, at {path}",
            "Answers might not follow it. Leave that out, or write it in another way.",
        )


class Part(msgspec.Struct, frozen=True):
    """A schema that holds of a value."""

    path: str
    """Where it stands."""

    schema: Any
    kind: str = ""
    """What was taken out of it, to be read apart: the same path and kind are the same schema."""

    @property
    def key(self) -> str:
        """What tells it from others."""
        return f"{self.path} {self.kind}"

    def less(self, *keywords: str) -> Part:
        """The rest of it."""
        rest = {key: value for key, value in self.schema.items() if key not in keywords}
        return (
            self
            if len(rest) == len(self.schema)
            else Part(self.path, rest, f"{self.kind}-{keywords[0]}")
        )


Together = tuple[Part, ...]


def count(part: Part, keyword: str) -> int | None:
    """A limit of a length or number; None where there is none."""
    if keyword not in part.schema:
        return None
    value = part.schema[keyword]
    whole = isinstance(value, int | float) and not isinstance(value, bool) and value == value // 1
    if not whole or value < 0:
        raise Unenforceable(f"{part.path}/{keyword}", "it is not a whole number from 0 up")
    return int(value)


def limits(together: Together, of: str) -> tuple[int, int | None]:
    """What `minLength` and `maxLength` ("Length") or their like say together."""
    least = max((count(part, f"min{of}") or 0 for part in together), default=0)
    found = (count(part, f"max{of}") for part in together)
    return least, min((each for each in found if each is not None), default=None)


def listed(schema: Mapping[str, Any], keyword: str, path: str) -> tuple[Part, ...]:
    """The schemas of a list."""
    found = schema[keyword]
    if not isinstance(found, list):
        raise Unenforceable(f"{path}/{keyword}", "it is not a list")
    return tuple(Part(f"{path}/{keyword}/{at}", each) for at, each in enumerate(found))


def distinct(values: Iterable[Any]) -> tuple[Any, ...]:
    """Each value once."""
    return tuple({_identity(value): value for value in reversed(list(values))}.values())[::-1]


def _identity(value: Any) -> object:
    """What two values of JSON have in common if they are equal: true isn't 1, and 1.0 is."""
    if isinstance(value, dict):
        return frozenset((name, _identity(part)) for name, part in value.items())
    if isinstance(value, list):
        return tuple(map(_identity, value))
    return type(value) is bool, value


def short(value: Any) -> str:
    """A value in a sentence."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:59]}…"
