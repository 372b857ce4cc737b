"""What answers must be like, as people give it: schemas in files, as JSON or in short; choices."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Sequence

from vlmtui import kept, printable
from vlmtui.engine.engine_requests import Constraint
from vlmtui.engine.structured import constraints, short_schema
from vlmtui.errors import InputError

_SHOWN = 60
_CHECK = "Check the path and the file."


def of(
    schema_given: str | None,
    choices_given: str | Sequence[str] | None,
    grammar_path: str | None = None,
    pattern: str | None = None,
) -> Constraint | None:
    """The one that is given; None for none.

    Raises:
        InputError: It can't be read or enforced, or two are given.
    """
    found = (schema_given, choices_given, grammar_path, pattern)
    if sum(each is not None for each in found) > 1:
        raise InputError(
            "Only one of schema, choices, grammar and regex can be used at a time",
            "Give one of them.",
        )
    if schema_given is not None:
        return schema(schema_given)
    if choices_given is not None:
        if isinstance(choices_given, str):
            return choices(choices_given)
        return constraints.of_choices(list(choices_given))
    if grammar_path is not None:
        return grammar(grammar_path)
    return None if pattern is None else constraints.of_regex(pattern)


def schema(given: str) -> Constraint:
    """A schema: JSON, the path of a file with JSON, or the short form.

    Raises:
        InputError: It is none of these, or can't be enforced.
    """
    text = given.strip()
    if not text:
        raise InputError("The schema is empty", "For example: name: str, count: int")
    if (text[:1] == "{" and text[1:].lstrip()[:1] in ('"', "}")) or text in ("true", "false"):
        return constraints.of_schema(_json(text, "The schema"))
    if _names_a_file(text):
        return constraints.of_schema(
            _json(kept.text_at(text, "file", _CHECK), f"The schema {text}")
        )
    return constraints.of_schema(json.dumps(short_schema.expanded(text)))


def choices(given: str) -> Constraint:
    """Choices: texts with commas between them, in quotes where they have some; or a JSON array.

    Raises:
        InputError: They can't be read, are empty, or one comes twice.
    """
    text = given.strip()
    if text.startswith("["):
        found = constraints.read_json(text)
        if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
            raise InputError("The choices are not a JSON array of texts", 'Like ["red", "blue"].')
        return constraints.of_choices(found)
    rows = list(csv.reader(text.splitlines() or [""], skipinitialspace=True))
    return constraints.of_choices([each for row in rows for each in row])


def grammar(path: str) -> Constraint:
    """The grammar in a file; raises `InputError` where it can't be read, or is none."""
    return constraints.of_grammar(kept.text_at(path, "file", _CHECK))


def shown(constraint: Constraint) -> str:
    """A constraint in a few words."""
    what = f"the {'pattern' if constraint.kind == 'regex' else constraint.kind}"
    match constraint.kind:
        case "choices":
            words = ", ".join(json.loads(constraint.text))
        case "schema":
            schema = json.loads(constraint.text)
            fields = schema.get("properties") if isinstance(schema, dict) else None
            words = constraint.text
            if fields:
                what, words = "a schema", f"with {', '.join(fields)}"
        case _:
            words = constraint.text
    return f"{what} {printable.line(' '.join(words.split()), _SHOWN)}"


def _names_a_file(text: str) -> bool:
    path = os.path.expanduser(text)
    return os.path.lexists(path) or (":" not in text and text.endswith((".json", ".schema")))


def _json(text: str, what: str) -> str:
    try:
        constraints.read_json(text)
    except InputError as error:
        raise InputError(error.message.replace("It", what, 1), error.hint) from None
    return text
