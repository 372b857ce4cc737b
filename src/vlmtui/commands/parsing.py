"""How a line is read as a command, and what stands behind it as arguments."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from vlmtui.compose.completion import spell


class Command(msgspec.Struct, frozen=True):
    """A line that was read as a command."""

    name: str
    argument: str


def parse(text: str) -> Command | None:
    """Read a message as a command; None where it is just text.

    `/data/cat.png` and ` /new` are text: a command is a slash and one word at the very beginning.
    """
    match = re.fullmatch(r"/([A-Za-z][\w-]*)(?:\s+(.*?))?\s*", text, re.DOTALL)
    if match is None:
        return None
    return Command(match[1].lower(), match[2] or "")


def split_paths(argument: str) -> list[str]:
    """The paths after `/image`: separated by spaces, with quotes or backslashes around odd ones.

    A quote that is never closed runs to the end.
    """
    paths = []
    for match in re.finditer(r""""([^"]*)"?|'([^']*)'?|((?:\\.|[^\s\\])+)""", argument):
        double, single, bare = match.groups()
        path = double if double is not None else single
        paths.append(path if path is not None else re.sub(r"\\(.)", r"\1", bare))
    return [path for path in paths if path]


def image_line(paths: Sequence[str]) -> str:
    """The command that attaches these pictures; the reverse of `split_paths`."""
    return " ".join(("/image", *(spell(path, "", whole=True) for path in paths)))
