"""Guesses how much room a text takes, without laying it out."""

from __future__ import annotations

MOST_SHOWN = 200_000
"""Characters of an answer that are shown. A longer text is a file rather than an answer; copying
takes all."""

_MEASURED = 100_000
"""Characters that an estimate looks at; the rest of a longer text is taken to be like them."""


def wrapped_rows(text: str, width: int) -> int:
    """About how many rows a text takes when it is wrapped."""
    text, length = text[:_MEASURED], len(text)
    rows = sum(max(-(-len(line) // width), 1) for line in text.split("\n"))
    return rows * length // len(text) if length > len(text) else rows
