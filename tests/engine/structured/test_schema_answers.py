"""What a model that knows nothing says by a schema follows it, as a validator of others sees it."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from tests.engine.structured.random_model import answer
from vlmtui.engine.structured import constraints

DRAFT_7 = {"$schema": "http://json-schema.org/draft-07/schema#"}
PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 12},
        "age": {"type": "integer", "minimum": 0, "maximum": 130},
        "mail": {"type": "string", "format": "email"},
    },
    "required": ["name", "age"],
    "additionalProperties": False,
}
SCHEMAS: list[Any] = [
    {"type": "integer", "minimum": -17, "maximum": 1204},
    {"type": "integer", "exclusiveMinimum": 99},
    {"type": "integer", "minimum": 3, "maximum": 40, "multipleOf": 7},
    {"type": "number", "minimum": 0, "maximum": 1},
    {"type": "number", "exclusiveMinimum": -2.75, "exclusiveMaximum": 0.125},
    {"type": "number", "minimum": 0.35, "maximum": 0.351},
    {"type": "string", "minLength": 2, "maxLength": 5},
    {"type": "string", "maxLength": 3000},
    {"type": "string", "pattern": "^[A-Z]{2}-\\d{3,4}$"},
    {"type": "string", "pattern": "^.?.?o(ne|ther)"},
    {"type": "string", "pattern": '^["\\\\/]+[^\\d\\s]?\\W\\S$'},
    {"type": "string", "pattern": "^[a-z]+$", "minLength": 3, "maxLength": 4},
    *(
        {"type": "string", "format": each}
        for each in ("date", "date-time", "uuid", "ipv4", "email")
    ),
    {"enum": ["red", "grün", 'a "quoted"\nline', 1, 2.5, None, {"a": [True]}]},
    {"enum": ["one", "three", 7], "type": "string", "minLength": 4},
    {"const": {"b": 1, "a": []}},
    PERSON,
    {"type": "array", "items": PERSON, "minItems": 2, "maxItems": 3},
    {"type": "array", "items": {"enum": ["a", "b", "c"]}, "uniqueItems": True, "minItems": 1},
    {"type": "array", "prefixItems": [{"type": "null"}, {"type": "boolean"}], "items": False},
    {"prefixItems": [{"const": 1}, {"const": 2}], "type": "array", "minItems": 1},
    {**DRAFT_7, "type": "array", "items": [{"const": 1}], "additionalItems": {"const": 2}},
    {"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 1},
    {"properties": {"a": {"const": 1}, "ab": {"const": 2}}, "additionalProperties": {"const": 3}},
    {"type": "object", "properties": {"a": True, "b": True}, "minProperties": 1},
    {"type": "object", "patternProperties": {"^x-": {"type": "boolean"}}},
    {"type": "object", "patternProperties": {"b": {"minimum": 5}}, "required": ["b", "c"]},
    {"type": "object", "propertyNames": {"enum": ["x", "y"]}},
    {"type": "object", "propertyNames": {"maxLength": 3}, "maxProperties": 0},
    {"allOf": [PERSON, {"properties": {"age": {"minimum": 100}}}]},
    {"anyOf": [{"type": "integer"}, {"type": "null"}, {"type": "array", "maxItems": 1}]},
    {
        "type": "object",
        "oneOf": [
            {
                "properties": {"kind": {"const": "circle"}, "r": {"minimum": 1}},
                "required": ["kind"],
            },
            {
                "properties": {"kind": {"const": "square"}, "a": {"minimum": 1}},
                "required": ["kind"],
            },
        ],
    },
    {
        "$defs": {
            "tree": {
                "type": "object",
                "properties": {
                    "value": {"type": "integer"},
                    "children": {"type": "array", "items": {"$ref": "#/$defs/tree"}},
                },
                "required": ["value"],
            }
        },
        "$ref": "#/$defs/tree",
    },
    {"properties": {"next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}}, "required": ["next"]},
    {"type": ["string", "null"], "description": "annotations say nothing", "javaType": 1},
    {"minimum": 5, "maxLength": 2},
    True,
]


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: json.dumps(schema)[:60])
def test_random_answers_follow_the_schema(schema: Any) -> None:
    constraint = constraints.of_schema(json.dumps(schema))
    kind = jsonschema.validators.validator_for(schema, jsonschema.Draft202012Validator)
    checker = kind(schema, format_checker=kind.FORMAT_CHECKER)
    ended = [text for seed in range(4) if (text := answer(constraint, seed)) is not None]
    assert ended
    for text in ended:
        checker.validate(json.loads(text))
        assert constraints.unmet(constraint, text, "stop") is None


def test_choices_patterns_and_grammars_are_kept_to() -> None:
    choices = constraints.of_choices(["red", "blue, or so", 'a "b"\n\\c', "grün"])
    said = {answer(choices, seed) for seed in range(20)}
    assert said == {"red", "blue, or so", 'a "b"\n\\c', "grün"}
    pattern = constraints.of_regex("(?:19|20)\\d\\d|unknown")
    years = [answer(pattern, seed) or "" for seed in range(5)]
    assert all(year == "unknown" or 1900 <= int(year) < 2100 for year in years)
    assert all(constraints.unmet(pattern, year, "stop") is None for year in years)
    grammar = constraints.of_grammar('root ::= "yes" | "no"')
    assert {answer(grammar, seed) for seed in range(8)} == {"yes", "no"}
