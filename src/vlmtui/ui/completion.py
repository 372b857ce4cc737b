"""Completing paths: what is being typed at the cursor, and what it could become.

Serves `@path` in a text and the arguments of `/image`. Offers directories and files that are named
like pictures. Reads directories, so `candidates` belongs in a worker thread.
"""

from __future__ import annotations

import os
import re

import msgspec

from vlmtui.ui.mentions import PICTURE_SUFFIXES, unescape

_AT = re.compile(
    r"""(?:^|(?<=[\s(\[{]))@(?:(?P<quote>["'])(?P<quoted>[^"'\n]*)|(?P<bare>(?:\\.|[^\s\\"'])*))\Z""",
    re.MULTILINE,
)
_ARGUMENT = re.compile(
    r"""(?:(?P<quote>["'])(?P<quoted>[^"'\n]*)|(?P<bare>(?:\\.|[^\s\\"'])*))\Z"""
)
_SPECIAL = re.compile(r"""([\s\\"'()\[\]{}])""")

MOST = 500
"""Candidates beyond this many are left out: nobody reads them, and each costs a row."""


class Fragment(msgspec.Struct, frozen=True):
    """A path that is being typed."""

    start: int
    """Index in the text of the first character after `@`, quotes included."""

    end: int
    path: str
    """Without quotes and backslashes."""

    quote: str
    """The quote it was opened with, or nothing."""


class Candidate(msgspec.Struct, frozen=True):
    """Something the fragment could become."""

    path: str
    """The whole path, in the user's spelling of its directory; directories end in a slash."""

    name: str
    """Its last part, for the list."""

    directory: bool


def fragment(text: str, cursor: int) -> Fragment | None:
    """The path being typed just before the cursor.

    Args:
        text: The whole text of the composer.
        cursor: Index of the cursor.
    """
    before = text[:cursor]
    match = _AT.search(before)
    offset = 1
    if match is None:
        if not re.match(r"/image\s", before) or "\n" in before:
            return None
        match = _ARGUMENT.search(before)
        offset = 0
    if match is None:
        return None
    quoted = match["quoted"]
    path = quoted if quoted is not None else unescape(match["bare"])
    return Fragment(match.start() + offset, cursor, path, match["quote"] or "")


def candidates(typed: str) -> list[Candidate]:
    """What a path that begins like this could be; pictures first, then directories, by name.

    Hidden files are offered after a dot. A name in small letters also finds capitals. A directory
    that can't be read has no candidates.
    """
    directory, _, beginning = typed.rpartition("/")
    directory += "/" if "/" in typed else ""
    if typed == "~":
        return [Candidate("~/", "~/", True)]
    found = []
    try:
        with os.scandir(os.path.expanduser(directory) or ".") as entries:
            for entry in entries:
                if not _matches(entry.name, beginning):
                    continue
                folder = _is_directory(entry)
                if folder or os.path.splitext(entry.name)[1].lower() in PICTURE_SUFFIXES:
                    name = entry.name + ("/" if folder else "")
                    found.append(Candidate(directory + name, name, folder))
    except OSError:
        return []
    found.sort(key=lambda candidate: (candidate.directory, candidate.name.casefold()))
    return found[:MOST]


def common(typed: str, found: list[Candidate]) -> str:
    """The longest path that all candidates begin with; at least what was typed."""
    if not found:
        return typed
    paths = [candidate.path for candidate in found]
    first, last = min(paths), max(paths)  # all others lie between these two
    length = next(
        (i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first)
    )
    return first[:length] if length >= len(typed) else typed


def spell(path: str, quote: str, *, whole: bool) -> str:
    """How a path is written after the `@`, so that it reads back as the same path.

    Args:
        path: The path.
        quote: The quote it was opened with; none means that special characters get a backslash.
        whole: The path is complete: close the quote.
    """
    if quote:
        return f"{quote}{path}{quote if whole else ''}"
    return _SPECIAL.sub(r"\\\1", path)


def _matches(name: str, beginning: str) -> bool:
    if name.startswith(".") and not beginning.startswith("."):
        return False
    return name.startswith(beginning) or (
        beginning == beginning.lower() and name.lower().startswith(beginning)
    )


def _is_directory(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False
