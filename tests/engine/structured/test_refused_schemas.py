"""What can't be enforced is refused before a token, with its path; bad input in plain words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.engine.structured.random_model import answer
from vlmtui.engine.structured import constraints
from vlmtui.errors import InputError

DEEP = '{"type":"array","items":' * 900 + '{"type":"string"}' + "}" * 900
DOUBLING = {
    "allOf": [{"anyOf": [{"minimum": n}, {"maximum": n}, {"type": "string"}]} for n in range(12)]
}


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        (
            {"properties": {"a": {"not": {"type": "string"}}}},
            "not is not possible, at #/properties/a/not",
        ),
        ({"type": "array", "contains": {"const": 1}}, "at #/contains"),
        ({"items": {"type": "object", "dependentRequired": {}}}, "at #/items/dependentRequired"),
        ({"if": {}, "then": {"type": "string"}}, "at #/if"),
        (
            {"type": "string", "maxLenght": 3},
            '"maxLenght" is not known, maxLength is, at #/maxLenght',
        ),
        ({"type": "string", "format": "klingon"}, 'the format "klingon" is not possible'),
        ({"type": "string", "pattern": "(?<!a)b"}, "look-around"),
        ({"type": "string", "pattern": "(a"}, "is not closed"),
        ({"type": "string", "pattern": "(a|b)\\1"}, "can't be enforced"),
        ({"type": "string", "pattern": "^(a|bc)+$", "maxLength": 4}, "a limit of length"),
        ({"type": "number", "multipleOf": 0.01}, "multiples of whole numbers"),
        ({"type": "array", "uniqueItems": True}, "at #/uniqueItems"),
        ({"oneOf": [{"type": "integer"}, {"minimum": 2}]}, "at #/oneOf/1"),
        ({"$ref": "https://example.com/s.json"}, "nothing is fetched, at #/$ref"),
        ({"$ref": "other.json#/a"}, "nothing is fetched"),
        ({"$ref": "#/$defs/none"}, "what it refers to isn't there"),
        ({"$ref": "#"}, "refers to itself without end"),
        ({"anyOf": [{"$ref": "#"}, {"type": "null"}]}, "refers to itself without end"),
        ({"properties": {"a": {"$ref": "#"}}, "required": ["a"], "type": "object"}, "without end"),
        ({"type": "integer", "minimum": 5, "maximum": 4}, "no value"),
        ({"enum": []}, "no value"),
        ({"enum": ["a"], "type": "integer"}, "no value"),
        ({"enum": "red"}, "at #/enum"),
        ({"type": "strnig"}, 'there is no type "strnig", at #/type'),
        ({"minLength": "a"}, "at #/minLength"),
        ({"minLength": -1}, "at #/minLength"),
        ({"properties": []}, "at #/properties"),
        ({"properties": {"a": 5}}, "at #/properties/a"),
        ({"required": "a"}, "at #/required"),
        ({"type": "string", "minLength": 10**9}, "over 20,000 characters"),
        (False, "no value"),
        ([], "a schema is an object"),
        (DEEP, "nested too deeply"),
        (DOUBLING, "too large"),
    ],
    ids=lambda each: json.dumps(each)[:50],
)
def test_is_refused_with_its_path(schema: Any, told: str) -> None:
    with pytest.raises(InputError) as raised:
        constraints.of_schema(schema if schema is DEEP else json.dumps(schema))
    assert told in str(raised.value)
    assert raised.value.hint


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "not JSON"),
        ('{"type": NaN}', "NaN"),
        ('{"minimum": 1e999}', "1e999"),
        ('{"minimum": ' + "9" * 5000 + "}", "999"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_not_json_is_told_where(text: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        constraints.of_schema(text)


def test_a_huge_enum_is_kept_to_or_refused() -> None:
    constraints.of_schema(json.dumps({"enum": [f"value {n}" for n in range(5000)]}))
    with pytest.raises(InputError, match="larger than"):
        constraints.of_schema(json.dumps({"enum": [f"value {n}" for n in range(100_000)]}))


@pytest.mark.parametrize(
    ("choices", "told"),
    [([], "empty"), (["a", " "], "empty"), (["a", "b", "a "], "twice"), (["x"] * 2, "twice")],
)
def test_choices_that_are_none_are_refused(choices: list[str], told: str) -> None:
    with pytest.raises(InputError, match=told):
        constraints.of_choices(choices)


ENDLESS = ("[" * 300_000, '"' * 300_001, "[\\" * 100_000, '"\\\n' * 100_001)
"""Looked through anew from each sign, these would take minutes."""


@pytest.mark.parametrize("text", ["", "# nothing", "roots ::= a", *ENDLESS])
def test_a_grammar_without_a_root_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="no rule named root"):
        constraints.of_grammar(text)


@pytest.mark.parametrize(
    ("text", "reason", "told"),
    [
        ('{"a": 1', "length", "cut off"),
        ('{"a": 1', "context", "the context is full"),
        ('{"a": 1', "stop", "not complete JSON"),
        ('{"a": "x"}', "stop", "doesn't follow the schema"),
        ("", "stop", "not complete JSON"),
        ('```json\n{"a": 1}\n```', "stop", "not complete JSON"),
    ],
)
def test_an_answer_that_is_not_valid_is_told_of(text: str, reason: Any, told: str) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    notice = constraints.unmet(constraints.of_schema(json.dumps(schema)), text, reason)
    assert notice is not None and notice.kind == "invalid"
    assert told in notice.message and notice.hint


def test_alternatives_that_are_all_the_same_are_one() -> None:
    level = {"anyOf": [{"$ref": "#/$defs/{}"}, {"$ref": "#/$defs/{}"}]}
    named = {str(n): json.loads(json.dumps(level).replace("{}", str(n + 1))) for n in range(40)} | {
        "40": {"type": "array", "maxItems": 0}
    }
    constraint = constraints.of_schema(json.dumps({"$defs": named, "$ref": "#/$defs/0"}))
    assert answer(constraint, 1) == "[]"
