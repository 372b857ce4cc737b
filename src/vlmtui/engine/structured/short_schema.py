"""JSON Schema in short: `name: str, count: int, tags: [str]`.

Fields are all wanted unless their name ends with `?`, and there are no others. A type is `str`,
`int`, `float`, `bool`, `null` or `any`, a format (`date`, `email`, …), `[T]`, `{field: T}`, or
several words with `|` between them: types, or else the texts that are possible.
"""

from __future__ import annotations

import re
from typing import Any

from vlmtui.engine.structured.formats import FORMATS
from vlmtui.errors import InputError

_TYPES: dict[str, dict[str, Any]] = {
    **{name: {"type": "string", "format": name} for name in FORMATS},
    "any": {},
}
for _kind, *_names in (
    ("string", "str", "text", "string"),
    ("integer", "int", "integer"),
    ("number", "float", "number"),
    ("boolean", "bool", "boolean"),
    ("null", "null"),
):
    _TYPES |= {name: {"type": _kind} for name in _names}
_TOKEN = re.compile(r'\s*(?:([\w][\w-]*)|"([^"]*)"|(\S))')
_DEEPEST = 50


def expanded(text: str) -> dict[str, Any]:
    """The schema that a short form stands for.

    Raises:
        InputError: It can't be read; says where.
    """
    reader = _Reader(text)
    begins = reader.peek()
    schema = reader.kind(0) if begins in ("[", "{") or ":" not in text else reader.fields("", 0)
    if reader.peek():
        raise reader.wrong("something unexpected follows")
    return schema


class _Reader:
    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0

    def fields(self, end: str, depth: int) -> dict[str, Any]:
        """Fields up to a bracket, or the end."""
        properties: dict[str, Any] = {}
        required = []
        while True:
            name, _ = self._word("a name")
            if name in properties:
                raise self.wrong(f"{name} is there twice")
            optional = self._take("?")
            self._expect(":")
            properties[name] = self.kind(depth + 1)
            if not optional:
                required.append(name)
            if not self._take(",") or self.peek() == end:
                break
        if end:
            self._expect(end)
        return {
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": False,
        }

    def kind(self, depth: int) -> dict[str, Any]:
        if depth > _DEEPEST:
            raise self.wrong("it is nested too deeply")
        if self._take("["):
            items = self.kind(depth + 1)
            self._expect("]")
            return {"type": "array", "items": items}
        if self._take("{"):
            return self.fields("}", depth)
        words = [self._word("a type")]
        while self._take("|"):
            words.append(self._word("a type or text"))
        return self._of_words(words)

    def _of_words(self, words: list[tuple[str, bool]]) -> dict[str, Any]:
        types = [_TYPES.get(word) if not quoted else None for word, quoted in words]
        found = [each for each in types if each is not None]
        if len(words) == 1 and not found and not words[0][1]:
            raise self.wrong(f"there is no type {words[0][0]}")
        if len(found) == len(types):
            return found[0] if len(found) == 1 else {"anyOf": found}
        texts = [word for (word, _), kind in zip(words, types, strict=True) if kind is None]
        if not found:
            return {"enum": texts}
        return {"anyOf": [{"enum": texts}, *found]}

    def peek(self) -> str:
        """The next word or sign; empty at the end."""
        match = _TOKEN.match(self._text, self._at)
        return match[0].strip() if match else ""

    def _word(self, what: str) -> tuple[str, bool]:
        match = _TOKEN.match(self._text, self._at)
        if match is None or match[3] is not None:
            raise self.wrong(f"{what} is missing")
        self._at = match.end()
        return (match[1], False) if match[1] is not None else (match[2], True)

    def _take(self, sign: str) -> bool:
        match = _TOKEN.match(self._text, self._at)
        if match is None or match[3] != sign:
            return False
        self._at = match.end()
        return True

    def _expect(self, sign: str) -> None:
        if not self._take(sign):
            raise self.wrong(f"a {sign} is missing")

    def wrong(self, what: str) -> InputError:
        """The error that something is wrong here."""
        before = self._text[max(self._at - 20, 0) : self._at].strip()
        where = f"after “{before}”" if before else "at the beginning"
        return InputError(
            f"This schema can't be read: {what} {where}",
            "In short: name: str, count: int, size: small|large, tags: [str], note?: str",
        )
