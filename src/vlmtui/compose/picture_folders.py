"""Directories as the picker shows them: what is in one, in which order, and what a filter leaves.

Reads directories, so `read` belongs in a worker thread. Looks into no picture.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from itertools import islice

import msgspec

from vlmtui.compose.references import is_named_like_a_picture

MOST = 50_000
"""Entries of a directory beyond this many are left out, and said to be."""

_RECENT = 5


class Entry(msgspec.Struct, frozen=True):
    """A row of the picker."""

    name: str
    path: str
    """Absolute."""

    directory: bool = False
    size_bytes: int = 0
    modified: float = 0.0
    """Seconds since 1970."""

    recent: bool = False
    """It was attached lately, and may be of another directory."""


class Listing(msgspec.Struct, frozen=True):
    """A directory that was read."""

    directory: str
    entries: tuple[Entry, ...] = ()
    """Files attached lately, then pictures, the newest first, then directories by name."""

    more: bool = False
    """There are more than `MOST`."""

    failure: str = ""
    """Why it can't be read."""


def read(directory: str, *, hidden: bool = False, recent: Iterable[str] = ()) -> Listing:
    """Read a directory, by its absolute path; hidden files begin with a dot.

    The recent files, if they are still there, stand at the top.
    """
    files: list[Entry] = []
    folders: list[Entry] = []
    count = 0
    try:
        with os.scandir(directory) as found:
            for entry in islice(found, MOST):
                count += 1
                if entry.name.startswith(".") and not hidden:
                    continue
                if is_directory(entry):
                    folders.append(Entry(entry.name + "/", entry.path, directory=True))
                elif is_named_like_a_picture(entry.name):
                    files.append(_file(entry.name, entry.path))
    except OSError as error:
        return Listing(directory, failure=error.strerror or str(error))
    files.sort(key=lambda entry: (-entry.modified, entry.name))
    folders.sort(key=lambda entry: entry.name.casefold())
    lately = [_file(os.path.basename(path), path, recent=True) for path in recent]
    top = [entry for entry in lately if entry.size_bytes][:_RECENT]
    above = {entry.path for entry in top}
    rest = [entry for entry in files if entry.path not in above]
    return Listing(directory, (*top, *rest, *folders), more=count >= MOST)


def matching(entries: Sequence[Entry], typed: str) -> list[Entry]:
    """The entries whose names have the words of a filter in them."""
    words = typed.casefold().split()
    return [entry for entry in entries if all(word in entry.name.casefold() for word in words)]


def _file(name: str, path: str, *, recent: bool = False) -> Entry:
    try:
        status = os.stat(path)
    except OSError:  # a link to nowhere, or gone: choosing it tells
        return Entry(name, path, recent=recent)
    return Entry(name, path, size_bytes=status.st_size, modified=status.st_mtime, recent=recent)


def is_directory(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a directory, or a link to one."""
    try:
        return entry.is_dir()
    except OSError:
        return False
