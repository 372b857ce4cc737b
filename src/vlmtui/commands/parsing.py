"""How a line is read as a command, and what stands behind it as arguments."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from vlmtui.compose import shell_quotes
from vlmtui.compose.completion import spell
from vlmtui.errors import InputError, MessageNotFound

_NUMBERED = re.compile(r"#([-+]?\d+)(\S*)\s*(.*)", re.DOTALL)
_QUITS = frozenset({":q", ":q!", ":qa", ":wq", ":x", "/q", "/exit", "/bye"})
_LARGEST = 2**63 - 1
"""Of a number that the database can hold."""


class Command(msgspec.Struct, frozen=True):
    """A line that was read as a command."""

    name: str
    argument: str


def parse(text: str) -> Command | None:
    """Read a message as a command; None where it is just text.

    `/data/cat.png` and ` /new` are text: a command is a slash and one word at the very beginning.
    `:q` and `/bye`, as hands type that know vi or ollama, are /quit.
    """
    if text.strip() in _QUITS:
        return Command("quit", "")
    match = re.fullmatch(r"/([A-Za-z][\w-]*)(?:\s+(.*?))?\s*", text, re.DOTALL)
    if match is None:
        return None
    return Command(match[1].lower(), match[2] or "")


def number(digits: str) -> int | None:
    """A number as the database has them; None where it has none so large."""
    found = int(digits[:20])
    return found if len(digits) <= 19 and found <= _LARGEST else None


def numbered(argument: str) -> tuple[int | None, str]:
    """The number of a message that an argument begins with, as `#17`, and the rest.

    Raises:
        InputError: It is no number that a message can have.
    """
    match = _NUMBERED.fullmatch(argument.strip())
    if match is None:
        return None, argument.strip()
    digits, glued, rest = match.groups()
    if glued or not digits.isdecimal():
        raise InputError(
            f"#{digits[:20]}{glued[:20]} is not the number of a message",
            "A message is called #17, with a space after it",
        )
    found = number(digits)
    if found is None:
        raise MessageNotFound(f"There is no message #{digits[:20]}…", "That number is too large")
    return found, rest


def only_number(argument: str) -> int | None:
    """The number of a message, where an argument can be nothing else; None for no argument.

    Raises:
        InputError: It is something else.
    """
    found, rest = numbered(argument)
    if rest:
        raise InputError(
            f"“{rest[:40]}” is not the number of a message", "A message is called #17, for example"
        )
    return found


_PATH = re.compile(
    rf"{shell_quotes.DOUBLE}|{shell_quotes.SINGLE}|{shell_quotes.DOLLAR}"
    r"""|"([^"]*)\Z|'([^']*)\Z|((?:\\.|\\\Z|[^\s\\])+)"""
)


def split_paths(argument: str) -> list[str]:
    """The paths after `/image`: separated by spaces, with quotes or backslashes around odd ones.

    A quote that is never closed runs to the end; a backslash before nothing is itself.
    """
    paths = []
    for match in _PATH.finditer(argument):
        double, single, dollar, *open_ended, bare = match.groups()
        if double is not None:
            paths.append(shell_quotes.double(double))
        elif single is not None:
            paths.append(shell_quotes.single(single))
        elif dollar is not None:
            paths.append(shell_quotes.dollar(dollar))
        elif bare is not None:
            paths.append(re.sub(r"\\(.)", r"\1", bare))
        else:
            paths += [path for path in open_ended if path is not None]
    return [path for path in paths if path]


def image_line(paths: Sequence[str]) -> str:
    """The command that attaches these pictures; the reverse of `split_paths`."""
    return " ".join(("/image", *(spell(path, "", whole=True) for path in paths)))
