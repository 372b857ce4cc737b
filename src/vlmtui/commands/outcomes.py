"""What comes of a command: what to say, what to list, what to choose from.

A front end shows each of these in its own way, and does nothing else about it. Topics add outcomes
of their own, beside their verbs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec


class Outcome(msgspec.Struct, frozen=True):
    """Base of all outcomes."""


class Said(Outcome, frozen=True):
    """It is done; this is to be said of it."""

    message: str
    advice: str = ""


class Listing(Outcome, frozen=True):
    """Lines that were asked for; they may be read as they are shown."""

    rows: Iterable[str]
    nothing: str
    """Said where there are none."""

    advice: str = ""


class Table(Outcome, frozen=True):
    """Labels and values that were asked for."""

    heading: str
    rows: Sequence[tuple[str, str]]
    advice: str = ""


class Choice(msgspec.Struct, frozen=True):
    """Something that a command's argument can be."""

    value: str
    note: str = ""
    """What stands beside it in a list."""


class Choices(Outcome, frozen=True):
    """The command was given without its argument: these are what it can be."""

    command: str
    question: str
    choices: Sequence[Choice]
    advice: str = ""
