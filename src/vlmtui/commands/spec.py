"""How a slash command is called, and what the help says of it."""

from __future__ import annotations

from typing import Literal

import msgspec

from vlmtui.commands import synonyms
from vlmtui.errors import InputError

FrontEnd = Literal["screen", "lines"]

_COLUMN = 24
"""Cells for a command in a list, where what it does stands beside it."""


class Spec(msgspec.Struct, frozen=True):
    """A command as the help shows it."""

    name: str
    arguments: str
    """In brackets where it can be done without."""

    summary: str
    topic: str = ""
    """Its verb is in the module `<topic>_commands`; empty: it is the front end's own affair."""

    idle: bool = False
    """It can't be done while an answer is on its way."""

    takes_message: bool = False
    """Its argument may begin with a message's number: on the screen, of the one at the cursor."""

    alone: bool = False
    """It is mostly given without an argument: chosen from a list it is done at once."""

    binding: str = ""
    """Id of the key binding that does the same."""

    example: str = ""
    """An argument for it."""

    choices: bool = False
    """What its argument can be is known: its topic's `CHOICES` tell."""

    only: FrontEnd | None = None
    """The one front end that has it; None: both."""

    instead: tuple[str, str] = ("", "")
    """What the other one says: why not, and what to do."""

    @property
    def also(self) -> str:
        return synonyms.ALSO.get(self.name, "")

    @property
    def needed(self) -> bool:
        """It can't be done without an argument."""
        return bool(self.arguments) and not self.arguments.startswith("[")

    @property
    def composed(self) -> bool:
        """Its argument is a text that somebody has taken pains over."""
        return "QUESTION" in self.arguments or "TEXT" in self.arguments

    @property
    def brief(self) -> str:
        """How it is typed, with as many arguments as a column of a list has room for."""
        line = f"/{self.name} {self.arguments}".rstrip()
        if len(line) <= _COLUMN:
            return line
        cut = line[:_COLUMN].rpartition(" ")[0].removesuffix(" or").rstrip(" ,")
        whole, bracket, rest = cut.rpartition("[")
        return f"{whole if bracket and ']' not in rest else cut}…"

    @property
    def usage(self) -> str:
        """How it is typed, and what it does, on a line."""
        return f"{f'/{self.name} {self.arguments}'.rstrip()}: {self.summary}"

    def check(self, argument: str) -> None:
        """See that it can be done with such an argument; empty quotes are nothing.

        Raises:
            InputError: One is missing, or one is there that can't be meant.
        """
        if self.needed and not argument.strip("\"' "):
            raise self.lacking()
        if argument and not self.arguments:
            raise InputError(
                f"/{self.name} takes no argument", "A space before the slash makes the line text"
            )

    def lacking(self) -> InputError:
        noun = self.arguments.split()[0].strip("[]….").lower()
        article = "an" if noun[:1] in "aeio" else "a"
        return InputError(
            f"/{self.name} needs {article} {noun}", f"For example: /{self.name} {self.example}"
        )
