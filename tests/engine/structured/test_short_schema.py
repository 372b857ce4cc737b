"""Schemas in short."""

from __future__ import annotations

from typing import Any

import pytest

from vlmtui.engine.structured.short_schema import expanded
from vlmtui.errors import InputError

STR, INT = {"type": "string"}, {"type": "integer"}


def fields(*required: str, **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required or properties),
        "additionalProperties": False,
    }


@pytest.mark.parametrize(
    ("short", "schema"),
    [
        (
            "name: str, count: int, tags: [str]",
            fields(name=STR, count=INT, tags={"type": "array", "items": STR}),
        ),
        ("name: str, note?: str,", fields("name", name=STR, note=STR)),
        ("size: small|large", fields(size={"enum": ["small", "large"]})),
        ("size: \"very large\" | 'x'|null", None),
        ("at: {x: int, y: int}", fields(at=fields(x=INT, y=INT))),
        ("[{a: date}]", None),
        ("red|green", {"enum": ["red", "green"]}),
        ("n: int|null", fields(n={"anyOf": [INT, {"type": "null"}]})),
        ('n: "int"|none|null', fields(n={"anyOf": [{"enum": ["int", "none"]}, {"type": "null"}]})),
        ('"odd name": any', fields(**{"odd name": {}})),
    ],
)
def test_stands_for_a_schema(short: str, schema: dict[str, Any] | None) -> None:
    if schema is not None:
        assert expanded(short) == schema
    elif "'" in short:
        with pytest.raises(InputError, match="is missing"):
            expanded(short)
    else:
        items = expanded(short)["items"]
        assert items["properties"]["a"] == {"type": "string", "format": "date"}


@pytest.mark.parametrize(
    ("short", "told"),
    [
        ("", "a type is missing"),
        ("name", "there is no type name"),
        ("name:", "a type is missing after “name:”"),
        ("name: strng", "there is no type strng"),
        ("a: str b: int", "something unexpected follows after “a: str”"),
        ("a: [str", "a ] is missing"),
        ("a: {b: str", "a } is missing"),
        ("a: str, a: int", "a is there twice"),
        ("a: str, , b: int", "a name is missing"),
        ("a: " + "[" * 5000, "nested too deeply"),
    ],
)
def test_what_can_not_be_read_is_told(short: str, told: str) -> None:
    with pytest.raises(InputError) as raised:
        expanded(short)
    assert told in str(raised.value)
    assert "name: str" in raised.value.hint
