"""The keywords of JSON Schema: which say something of a value, and which can be enforced."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from vlmtui.engine.structured.schema_parts import Unenforceable, short

_TELLING = frozenset(
    (
        *("$schema", "$comment", "$defs", "definitions", "$anchor", "$dynamicAnchor"),
        *("$recursiveAnchor", "$id", "id", "$vocabulary", "title", "description", "default"),
        *("examples", "example", "deprecated", "readOnly", "writeOnly", "nullable"),
        *("contentEncoding", "contentMediaType", "contentSchema", "discriminator"),
        *("externalDocs", "xml", "propertyOrdering"),
    )
)
"""They say nothing of what a value may be."""

_ENFORCED = frozenset(
    (
        *("$ref", "allOf", "anyOf", "oneOf", "type", "enum", "const", "minimum", "maximum"),
        *("exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength"),
        *("pattern", "format", "items", "prefixItems", "additionalItems", "minItems"),
        *("maxItems", "uniqueItems", "properties", "required", "additionalProperties"),
        *("patternProperties", "propertyNames", "minProperties", "maxProperties"),
    )
)
UNENFORCED = {
    "contains": "array",
    "minContains": "array",
    "maxContains": "array",
    "unevaluatedItems": "array",
    "dependentRequired": "object",
    "dependentSchemas": "object",
    "dependencies": "object",
    "unevaluatedProperties": "object",
}
"""Those that can't be enforced, with the type of the values that they are about."""


_BEYOND = (
    *("not", "if", "then", "else", "$dynamicRef", "$recursiveRef"),
    *("extends", "disallow", "divisibleBy"),
)
"""Those that can't be enforced, whatever the value is."""


def says_nothing(schema: Mapping[str, Any]) -> bool:
    """Whether any value follows it."""
    return schema.keys() <= _TELLING


def check(schema: Mapping[str, Any], path: str) -> None:
    """See that nothing is said of any value that can't be enforced.

    A keyword that nobody knows says nothing, unless it looks like one that was meant.

    Raises:
        Unenforceable: Something is.
    """
    known = _TELLING | _ENFORCED | UNENFORCED.keys()
    for keyword in schema:
        if keyword in known:
            continue
        if keyword in ("then", "else") and "if" not in schema:
            continue
        if keyword == "if" and "then" not in schema and "else" not in schema:
            continue
        if keyword in _BEYOND:
            raise Unenforceable(f"{path}/{keyword}", f"{keyword} is not possible")
        if near := get_close_matches(keyword, known, 1, 0.8):
            why = f"{short(keyword)} is not known, {near[0]} is"
            raise Unenforceable(f"{path}/{keyword}", why)
