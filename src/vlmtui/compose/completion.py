"""Completing: what is being typed at the cursor, and what it could become.

Serves `@path` in a text, the arguments of `/image`, slash commands, and the arguments of those that
offer a choice. Of paths it offers directories and files that are named like pictures, and patterns
with what they fit. Reads directories, so `candidates` belongs in a worker thread.
"""

from __future__ import annotations

import os
import re
from enum import Enum

import msgspec

from vlmtui.compose import references
from vlmtui.compose.mentions import PICTURE_SUFFIXES, unescape
from vlmtui.compose.picture_folders import is_directory
from vlmtui.errors import InputError

_AT = re.compile(
    r"""(?:^|(?<=[\s(\[{]))@(?:(?P<quote>["'])(?P<quoted>[^"'\n]*)|(?P<bare>(?:\\.|[^\s\\"'])*))\Z""",
    re.MULTILINE,
)
_ARGUMENT = re.compile(
    r"""(?:(?P<quote>["'])(?P<quoted>[^"'\n]*)|(?P<bare>(?:\\.|[^\s\\"'])*))\Z"""
)
_SPECIAL = re.compile(r"""([\s\\"'()\[\]{}])""")
_SPECIAL_IN_PATTERN = re.compile(r"""([\s\\"'()])""")

MOST = 500
"""Candidates beyond this many are left out: nobody reads them, and each costs a row."""


class Kind(Enum):
    """What is being typed."""

    MENTION = "mention"
    """A path after `@`."""

    PATH = "path"
    """A path after `/image`."""

    COMMAND = "command"
    ARGUMENT = "argument"
    """What follows a command that isn't `/image`."""


class Fragment(msgspec.Struct, frozen=True):
    """Something that is being typed."""

    kind: Kind
    start: int
    """Index in the text of its first character: the one after `@`, a quote, the slash."""

    end: int
    path: str
    """Without quotes and backslashes; a command with its slash."""

    quote: str = ""
    """The quote it was opened with, or nothing."""

    command: str = ""
    """The name of the command whose argument it is."""


class Candidate(msgspec.Struct, frozen=True):
    """Something the fragment could become."""

    path: str
    """The whole path, in the user's spelling of its directory; directories end in a slash."""

    name: str
    """Its last part, for the list."""

    directory: bool = False
    note: str = ""
    """What stands beside the name."""


def fragment(text: str, cursor: int, lead: int = 0) -> Fragment | None:
    """What is being typed just before the cursor; commands may begin at `lead`, behind pictures."""
    before = text[:cursor]
    if match := _AT.search(before):
        return _path(Kind.MENTION, match, 1, cursor)
    line = before[lead:]
    if re.fullmatch(r"/[A-Za-z]*", line):
        return Fragment(Kind.COMMAND, lead, cursor, line)
    command = re.match(r"/([A-Za-z]+)[^\S\n]+", line)
    if command is None or "\n" in line:
        return None
    if command[1].lower() == "image":
        last = _ARGUMENT.search(before)
        return None if last is None else _path(Kind.PATH, last, 0, cursor)
    start = lead + command.end()
    return Fragment(Kind.ARGUMENT, start, cursor, before[start:], command=command[1].lower())


def _path(kind: Kind, match: re.Match[str], offset: int, cursor: int) -> Fragment:
    quoted = match["quoted"]
    path = quoted if quoted is not None else unescape(match["bare"])
    return Fragment(kind, match.start() + offset, cursor, path, match["quote"] or "")


def candidates(typed: str) -> list[Candidate]:
    """What a path that begins like this could be; pictures first, then directories, by name.

    Hidden files are offered after a dot. A name in small letters also finds capitals. A directory
    that can't be read has no candidates.
    """
    if references.means_several(typed) and (several := _several(typed)):
        return several
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
                folder = is_directory(entry)
                if folder or os.path.splitext(entry.name)[1].lower() in PICTURE_SUFFIXES:
                    name = entry.name + ("/" if folder else "")
                    found.append(Candidate(directory + name, name, folder))
    except OSError:
        return []
    if typed and "newest".startswith(typed):
        found += _several("newest")
    found.sort(key=lambda candidate: (candidate.directory, candidate.name.casefold()))
    return found[:MOST]


def _several(typed: str) -> list[Candidate]:
    """What a pattern fits: all of it, then each; or the picture that `newest` means."""
    if not typed.startswith("newest"):
        found = references.matching(typed)
        count = f"{len(found)}" if len(found) <= MOST else f"more than {MOST}"
        each = [Candidate(path, os.path.basename(path)) for path in found[:MOST]]
        if len(found) < 2:
            return each
        return [Candidate(typed, typed, note=f"all {count} pictures"), *each]
    try:
        names = [os.path.basename(path) for path in references.resolve(typed)]
    except InputError:
        return []
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return [Candidate(typed, typed, note=names[0] + more)]


def common(typed: str, found: list[Candidate]) -> str:
    """The longest path that all candidates begin with; at least what was typed."""
    paths = [candidate.path for candidate in found]
    longest = os.path.commonprefix(paths)  # noqa: RUF071 - characters are what is completed
    return longest if len(longest) >= len(typed) else typed


def spell(path: str, quote: str, *, whole: bool) -> str:
    """How a path is written after the `@`, so that it reads back as the same path.

    Without a quote special characters get a backslash; the quote of a `whole` path is closed.
    """
    if quote:
        return f"{quote}{path}{quote if whole else ''}"
    # a pattern's brackets are no part of a name
    special = _SPECIAL_IN_PATTERN if references.means_several(path) else _SPECIAL
    return special.sub(r"\\\1", path)


def _matches(name: str, beginning: str) -> bool:
    if name.startswith(".") and not beginning.startswith("."):
        return False
    return name.startswith(beginning) or (
        beginning == beginning.lower() and name.lower().startswith(beginning)
    )
