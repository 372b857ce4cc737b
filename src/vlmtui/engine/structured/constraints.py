"""What an answer must be like as a whole: checked before it is asked for, and when it has come."""

from __future__ import annotations

import json
import math
import re
from functools import lru_cache
from typing import Any

from vlmtui.engine.engine_events import FinishReason, Notice
from vlmtui.engine.engine_requests import Constraint
from vlmtui.engine.structured import pattern_reader, patterns, schema_reader, shape_grammar
from vlmtui.engine.structured.shapes import Definitions, Shape, fits
from vlmtui.errors import InputError

MOST_BYTES = 1_000_000
_MOST_CHOICES = 10_000
_MOST_DIGITS = 300
_TEXTS = re.compile(r'"(?:\\[\s\S]?|[^"\\])*"?|\[(?:\\[\s\S]?|[^\]\\])*\]?|#.*')
"""Of a grammar; one that isn't closed goes to the end: else each would be looked for anew."""
_BOUNDS = re.compile(r"\{[\d\s,]+\}")
"""Of repetitions in GBNF, and what may look like them."""

_READ = 16
"""Constraints whose grammars are kept: those of the models and chats that are in use."""


def of_schema(text: str) -> Constraint:
    """A constraint by JSON Schema.

    Raises:
        InputError: It isn't one, or can't be enforced; says where.
    """
    return _checked(Constraint("schema", text))


def of_choices(choices: list[str]) -> Constraint:
    """A constraint to one of several texts.

    Raises:
        InputError: They can't be choices.
    """
    found = list(dict.fromkeys(choice.strip() for choice in choices))
    if not found or "" in found:
        raise InputError("A choice is empty", "Name the choices: red,green,blue")
    if len(found) < len(choices):
        raise InputError("A choice is named twice", "Name each of them once.")
    if len(found) > _MOST_CHOICES:
        raise InputError(f"There are more than {_MOST_CHOICES:,} choices", "Name fewer.")
    return _checked(Constraint("choices", json.dumps(found, ensure_ascii=False)))


def of_regex(pattern: str) -> Constraint:
    """A constraint by a regular expression, for the whole answer.

    Raises:
        InputError: It can't be enforced.
    """
    return _checked(Constraint("regex", pattern))


def of_grammar(text: str) -> Constraint:
    """A constraint by a grammar; whether it is one, llama.cpp tells when it is used.

    Raises:
        InputError: There is nothing in it, it has no root, or llama.cpp would take it for another.
    """
    for bounds in _BOUNDS.findall(_TEXTS.sub("", text)):
        if any(int(bound) > patterns.MOST_REPEATS for bound in re.findall(r"\d{1,20}", bounds)):
            raise InputError(
                f"This grammar has {bounds[:60]}: llama.cpp counts to {patterns.MOST_REPEATS:,}",
                f"Repeat {patterns.MOST_REPEATS} times at most, or any number of times with *.",
            )
    if not any(line.split("::=")[0].strip() == "root" for line in text.splitlines()):
        raise InputError("This grammar has no rule named root", "Begin it with: root ::= …")
    return _checked(Constraint("grammar", text))


def _checked(constraint: Constraint) -> Constraint:
    if len(constraint.text.encode(errors="replace")) > MOST_BYTES:
        raise InputError(
            f"The format of the answer is larger than {MOST_BYTES // 1_000_000} MB",
            "Make it simpler.",
        )
    grammar(constraint)
    return constraint


@lru_cache(maxsize=_READ)
def grammar(constraint: Constraint) -> str:
    """The grammar in GBNF of what an answer may be; its root is `root`.

    Raises:
        InputError: It can't be enforced.
    """
    match constraint.kind:
        case "schema":
            shape, known = _shape(constraint)
            return shape_grammar.of_shape(shape, known)
        case "choices":
            return shape_grammar.of_choices(json.loads(constraint.text))
        case "regex":
            return shape_grammar.of_pattern(_pattern(constraint.text))
        case "grammar":
            return constraint.text


@lru_cache(maxsize=_READ)
def _shape(constraint: Constraint) -> tuple[Shape, Definitions]:
    return schema_reader.read(read_json(constraint.text))


def _pattern(source: str) -> patterns.Pattern:
    try:
        return pattern_reader.read(source, whole=True)
    except patterns.BadPattern as error:
        raise InputError(
            f"This regular expression can't be enforced: {error}", "Write it in another way."
        ) from None


def read_json(text: str) -> Any:
    """A value of JSON, as strictly as the standard has it.

    Raises:
        InputError: It isn't one; says where.
    """
    try:
        return json.loads(text, parse_constant=_refused, parse_float=_float, parse_int=_integer)
    except json.JSONDecodeError as error:
        what = error.msg.lower().removesuffix(" at")
        where = f"line {error.lineno}, column {error.colno}"
        raise InputError(f"It is not JSON: {what}, {where}", "Correct it.") from None
    except (ValueError, RecursionError) as error:
        why = "it is nested too deeply" if isinstance(error, RecursionError) else error
        raise InputError(f"It can't be read as JSON: {why}", "Correct it.") from None


def _refused(word: str) -> Any:
    raise ValueError(f"{word[:20]} is not a usable number")


def _float(digits: str) -> float:
    return float(digits) if math.isfinite(float(digits)) else _refused(digits)


def _integer(digits: str) -> int:
    return int(digits) if len(digits) <= _MOST_DIGITS else _refused(digits)


def data(constraint: Constraint, text: str) -> Any:
    """What an answer says: the value of its JSON, or the text itself.

    Raises:
        InputError: It isn't what it must be.
    """
    if constraint.kind != "schema":
        fine = (
            constraint.kind == "grammar"
            or (constraint.kind == "choices" and text in json.loads(constraint.text))
            or (constraint.kind == "regex" and patterns.matches(_pattern(constraint.text), text))
        )
        if not fine:
            raise InputError(
                "it is not one of the choices"
                if constraint.kind == "choices"
                else "it doesn't match"
            )
        return text
    try:
        value = read_json(text)
    except InputError:
        raise InputError("it is not complete JSON") from None
    if not fits(value, *_shape(constraint)):
        raise InputError("it doesn't follow the schema")
    return value


def unmet(
    constraint: Constraint | None,
    text: str,
    reason: FinishReason,
    *,
    stopped: bool = False,
    complete: bool = True,
) -> Notice | None:
    """What is wrong with an answer; None where nothing is, or nobody waits for it any more.

    Args:
        constraint: What it must be like.
        text: All of it.
        reason: Why it ended.
        stopped: A text to stop at came.
        complete: As far as its engine knows, nothing is missing.
    """
    if constraint is None or reason == "cancelled":
        return None
    cut = "it was ended by a stop text" if stopped else "it ended too early"
    why = {"length": "it was cut off at the length limit", "context": "the context is full"}.get(
        reason, "" if complete else cut
    )
    if not why:
        try:
            data(constraint, text)
        except InputError as error:
            why = error.message
    return _invalid(why, reason, constraint) if why else None


def _invalid(why: str, reason: FinishReason, constraint: Constraint) -> Notice:
    bound = "A maxLength for its texts ends them sooner. " if constraint.kind == "schema" else ""
    hint = {
        "length": "A larger max_tokens leaves room for all of it.",
        "context": bound + "A larger context, or fewer messages and pictures, leaves more room.",
    }.get(reason, "Ask again, or ask for something simpler.")
    return Notice("invalid", f"This answer is not valid: {why}", hint)
