"""What holds of one value: schemas with all that they refer to, within one document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from vlmtui.engine.structured import keywords
from vlmtui.engine.structured.schema_parts import Part, Together, Unenforceable, listed, short


class Document:
    """A schema as a whole, in which others are referred to."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._dialect = root.get("$schema", "") if isinstance(root, dict) else ""
        if "draft-03" in str(self._dialect):
            raise Unenforceable("#/$schema", "draft 3 is too old")

    def joined(self, together: Together) -> Together:
        """All that holds, with what is referred to, each once; true says nothing.

        Raises:
            Unenforceable: A part isn't a schema, or can't be enforced or found.
        """
        return tuple(self._joined(together, set(), ()))

    def _joined(
        self, together: Together, seen: set[str], within: tuple[str, ...]
    ) -> Iterator[Part]:
        for part in together:
            schema, path = part.schema, part.path
            if part.key in within:
                raise Unenforceable(path, "it refers to itself without end")
            if schema is True or part.key in seen:
                continue
            seen.add(part.key)
            around = (*within, part.key)
            if schema is not False and not isinstance(schema, dict):
                raise Unenforceable(path, "a schema is an object, true or false")
            if schema is False:
                yield part
                continue
            if path != "#" and any(_names_itself(schema.get(key)) for key in ("$id", "id")):
                raise Unenforceable(path, "a schema in it has an address of its own")
            if "$ref" in schema and self._ref_stands_alone:
                yield from self._joined((self._target(schema["$ref"], path),), seen, around)
                continue
            keywords.check(schema, path)
            rest = part.less("$ref", "allOf")
            if not keywords.says_nothing(rest.schema):
                yield rest
            if "$ref" in schema:
                yield from self._joined((self._target(schema["$ref"], path),), seen, around)
            if "allOf" in schema:
                yield from self._joined(listed(schema, "allOf", path), seen, around)

    @property
    def _ref_stands_alone(self) -> bool:
        return any(f"draft-0{number}" in str(self._dialect) for number in (4, 6, 7))

    def _target(self, reference: Any, path: str) -> Part:
        where = f"{path}/$ref"
        if not isinstance(reference, str):
            raise Unenforceable(where, "a reference is a text")
        own = self._root.get("$id") or self._root.get("id")
        if isinstance(own, str) and own.rstrip("#") and reference.startswith(own.rstrip("#")):
            reference = reference[len(own.rstrip("#")) :] or "#"
        if not reference.startswith("#"):
            raise Unenforceable(
                where, f"{short(reference)} is outside this schema, and nothing is fetched"
            )
        steps = unquote(reference[1:]).split("/")
        if steps[0]:
            return self._anchored(steps[0], where) if len(steps) == 1 else self._lost(where)
        found = self._root
        for step in steps[1:]:
            step = step.replace("~1", "/").replace("~0", "~")
            if found is not self._root and isinstance(found, dict) and "$id" in found:
                raise Unenforceable(where, "it leads through a schema with an address of its own")
            if isinstance(found, dict) and step in found:
                found = found[step]
            elif isinstance(found, list) and step.isdecimal() and int(step) < len(found):
                found = found[int(step)]
            else:
                self._lost(where)
        return Part("#" + "".join(f"/{step}" for step in steps[1:]), found)

    def _anchored(self, anchor: str, where: str) -> Part:
        found = [
            Part(path, schema)
            for path, schema in _schemas(self._root, "#")
            if schema.get("$anchor") == anchor
        ]
        return found[0] if len(found) == 1 else self._lost(where)

    def _lost(self, where: str) -> Any:
        raise Unenforceable(where, "what it refers to isn't there")


def _names_itself(address: Any) -> bool:
    return isinstance(address, str) and not address.startswith("#")


def _schemas(found: Any, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """All objects of a schema, with their paths."""
    if isinstance(found, dict):
        yield path, found
        for key, value in found.items():
            step = key.replace("~", "~0").replace("/", "~1")
            yield from _schemas(value, f"{path}/{step}")
    elif isinstance(found, list):
        for at, value in enumerate(found):
            yield from _schemas(value, f"{path}/{at}")
