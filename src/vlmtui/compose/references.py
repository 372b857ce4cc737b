"""From what a user calls pictures to files: one path, a pattern like `shots/*.jpg`, or `newest`.

Reads directories, so it belongs in a worker thread. Whether a file is a picture isn't looked at.
"""

from __future__ import annotations

import glob
import itertools
import os
import re
import urllib.parse
from collections.abc import Iterator

from vlmtui.compose.mentions import PICTURE_SUFFIXES
from vlmtui.errors import ImageNotFound, InputError, os_errors_as

MOST = 32
"""Pictures that one reference may mean. Each costs hundreds of tokens: more is a slip."""

_COUNTED = 1000
"""Files that fit a pattern are counted up to here."""

_LOOKED_AT = 200_000
"""Entries of a directory that are looked at for its newest picture."""

_NEWEST = re.compile(r"newest(?::(\d{1,3}))?\Z")


def resolve(reference: str) -> list[str]:
    """The files that a reference means; a plain path means itself, whether or not it exists.

    Raises:
        InputError: A pattern that fits nothing or too much, or no picture is there to be newest.
    """
    path = os.path.expanduser(local(reference) or reference)
    if os.path.lexists(path) or path != os.path.expanduser(reference):
        return [path]
    if match := _NEWEST.match(reference):
        return newest(int(match[1] or 1))
    if not glob.has_magic(path):
        return [path]
    found = matching(path)
    if not found:
        raise ImageNotFound(
            f"No picture matches {reference}", "Check the pattern; Tab shows what it matches"
        )
    if len(found) > MOST:
        raise InputError(
            f"{reference} fits {'more than ' if len(found) > _COUNTED else ''}"
            f"{min(len(found), _COUNTED)} pictures; at most {MOST} can be attached at once",
            "Use a narrower pattern",
        )
    return found


def local(path: str) -> str:
    """The path of a `file://` address, nothing for a broken one; any other path as it is."""
    if not path.lower().startswith("file://"):
        return path
    try:
        meant = urllib.parse.unquote(urllib.parse.urlsplit(path).path)
    except ValueError:
        return ""
    return "" if "\0" in meant else meant


def means_several(reference: str) -> bool:
    """Whether a reference is a pattern or `newest`, and no file of that very name is there."""
    path = os.path.expanduser(reference)
    special = _NEWEST.match(reference) is not None or glob.has_magic(path)
    return special and not os.path.lexists(path)


def matching(pattern: str) -> list[str]:
    """Pictures that fit a pattern, by name; a bounded number of them."""
    folded = os.path.expanduser(pattern)
    fitting = (path for path in glob.iglob(folded) if is_named_like_a_picture(path))
    return sorted(itertools.islice(fitting, _COUNTED + 1))


def beginning_with(path: str) -> list[str]:
    """Pictures whose names begin so; a bounded number of them."""
    return matching(glob.escape(os.path.expanduser(path)) + "*")


def newest(count: int = 1) -> list[str]:
    """The pictures of the working directory that were changed last, the newest first.

    Raises:
        InputError: There is none, or the directory can't be read.
    """
    with os_errors_as(InputError, "The working directory can't be read", "Name a file"):
        here = os.getcwd()
        dated = sorted(itertools.islice(_dated(), _LOOKED_AT), reverse=True)
    if not dated:
        raise ImageNotFound(
            f"There is no picture in {here}", "/pick looks for pictures in other directories"
        )
    if count > MOST:
        raise InputError(f"At most {MOST} pictures can be attached at once", "Ask for fewer")
    return [name for _, name in dated[:count]]


def is_named_like_a_picture(name: str) -> bool:
    """Whether a file's name ends as those of pictures do."""
    return os.path.splitext(name)[1].lower() in PICTURE_SUFFIXES


def _dated() -> Iterator[tuple[float, str]]:
    with os.scandir() as entries:
        for entry in entries:
            if is_named_like_a_picture(entry.name) and not entry.name.startswith("."):
                try:
                    if entry.is_file():
                        yield entry.stat().st_mtime, entry.name
                except OSError:
                    continue  # gone, or a link to nowhere
