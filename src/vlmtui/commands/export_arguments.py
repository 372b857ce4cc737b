"""What stands after `/export`: a format, a path, both or neither."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from vlmtui.commands import parsing
from vlmtui.errors import InputError

if TYPE_CHECKING:
    from vlmtui.chat.export import Format

_FORMATS: dict[str, Format] = {
    "markdown": "markdown",
    "md": "markdown",
    "json": "json",
    "html": "html",
}
_FORCE = "--force"


class Export(msgspec.Struct, frozen=True):
    """Where a chat goes, and how."""

    destination: Path
    """A file, or a directory, in which it gets a name of its own."""

    format: Format | None
    """None goes by the file's name."""

    overwrite: bool


def read(argument: str) -> Export:
    """Read the arguments of `/export`.

    Raises:
        InputError: There is more than one path, or what is neither a format nor a path.
    """
    words = [word for word in parsing.split_paths(argument) if word != _FORCE]
    chosen = _FORMATS.get(words[0].lower()) if words else None
    paths = words[1:] if chosen else words
    if len(paths) > 1:
        raise InputError("A chat goes to one file", "Put quotes around a path with spaces")
    path = Path(paths[0] if paths else ".")
    if chosen is None and re.fullmatch(r"\w+|-", str(path)) and not path.exists():
        raise InputError(
            f"There is no format {path}",
            f"There are md, json and html; a file of that name is ./{path} or {path}.md",
        )
    overwrite = _FORCE in parsing.split_paths(argument)
    return Export(path, chosen, overwrite)
