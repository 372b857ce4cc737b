"""What msgspec finds wrong with the values of a file, in the words of who wrote it."""

from __future__ import annotations

import re

import msgspec

_MOST_CHARACTERS = 200
"""Of a sentence: msgspec quotes what is wrong whole."""

_KINDS = {
    "array": "a list",
    "bool": "true or false",
    "float": "a number",
    "int": "a whole number",
    "object": "a table",
    "str": "text in quotes",
}
"""What msgspec calls the types of TOML."""

_BOUNDS = {
    "of length >=": "of a length of at least",
    "of length <=": "of a length of at most",
    ">=": "of at least",
    "<=": "of at most",
}
"""How msgspec writes what a value may be at least and at most."""

_UNKNOWN = re.compile(r"unknown field `(.*?)`")
_MISSING = re.compile(r"missing required field `(.*?)`")
_NO_CHOICE = re.compile(r"Invalid enum value (.*)", re.DOTALL)
_KIND = re.compile(r"`([a-z |]+)`")


def in_words(complaint: str) -> tuple[str, str]:
    """Where a file is wrong, and what is wrong there, of what msgspec says.

    Returns:
        The key as `table.key`, empty for the whole file; and what is wrong, without a capital.
    """
    what, _, where = complaint.partition(" - at ")
    key = where.strip("`").removeprefix("$").removeprefix(".")
    if found := _UNKNOWN.search(what):
        return key, f"there is no key `{found[1]}`"
    if found := _MISSING.search(what):
        return key, f"the key `{found[1]}` is missing"
    if found := _NO_CHOICE.fullmatch(what):
        return key, f"{found[1]} is none of its values"
    what = _KIND.sub(_kinds, what)
    for sign, words in _BOUNDS.items():
        what = what.replace(f" {sign} ", f" {words} ")
    return key, what[:1].lower() + what[1:]


def why(error: Exception) -> str:
    """Why JSON can't be read: what is wrong with it, and where."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    words = str(error)
    if isinstance(error, msgspec.ValidationError):
        words = ": ".join(filter(None, in_words(words)))
    return words[:_MOST_CHARACTERS]


def unknown_key(complaint: str) -> str:
    """The key that no file of its kind has, if that is what msgspec complains about."""
    found = _UNKNOWN.search(complaint)
    return found[1] if found else ""


def _kinds(named: re.Match[str]) -> str:
    kinds = [kind for kind in named[1].split(" | ") if kind != "null"]
    if not all(kind in _KINDS for kind in kinds):
        return named[0]
    return " or ".join(_KINDS[kind] for kind in kinds) or "nothing"
