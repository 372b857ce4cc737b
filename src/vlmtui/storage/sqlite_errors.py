"""What SQLite complains about, in words, with what to do."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from vlmtui.errors import StorageError

BUSY_SECONDS = 5.0
"""How long a write waits for another instance. Theirs take milliseconds, so this is a stuck one."""


def require_file(path: Path) -> None:
    """See that a database is a file, if it is there: at a FIFO, SQLite would wait for ever.

    Raises:
        StorageError: It is something else.
    """
    if path.exists() and not path.is_file():
        raise StorageError(
            f"{path} is not a regular file",
            "Move it away, and vlmtui will start a new one, or set VLMTUI_HOME to another place",
        )


def explain(error: sqlite3.Error, path: Path) -> StorageError:
    """Say in words what SQLite complains about, and what to do.

    It goes by the texts, because Python 3.10 does not tell the error codes.
    """
    text = str(error) or "malformed"  # Python 3.10 drops a complaint that quotes what is no text
    for sign, what, hint in _COMPLAINTS:
        if sign in text:
            return StorageError(what.format(path=path, folder=path.parent), hint)
    return StorageError(
        f"The chats in {path} can't be read or written: {text}",
        "Check the disk, or set VLMTUI_HOME to another directory",
    )


ELSEWHERE = "Make it writable for you, or set VLMTUI_HOME to a directory that is"
_COMPLAINTS = (
    (
        "full",
        "There is no space left on the disk for the chats in {path}",
        "Free some space on that disk",
    ),
    (
        "disk I/O error",  # so a full disk is called when there is no space for the -shm file
        "The disk refuses the chats in {path}: it may be full or failing",
        "Free some space on that disk, or set VLMTUI_HOME to a directory on another one",
    ),
    (
        "locked",
        f"Another program has kept {{path}} locked for {BUSY_SECONDS:.0f} seconds",
        "End other instances of vlmtui that hang, or a tool that has the file open",
    ),
    ("readonly", "The chats in {path} can't be written: it is read-only for you", ELSEWHERE),
    ("unable to open", "The chats in {path} can't be opened", ELSEWHERE),
    (
        "not a database",
        "{path} is not a database",
        "`vlmtui chats recover` saves what can be read, where anything can; "
        "or move it away, and vlmtui will start a new one",
    ),
    (
        "malformed",
        "The chats in {path} are damaged",
        "`vlmtui chats recover` makes a new file of what can be read, and keeps this one",
    ),
    ("closed database", "The chats in {path} are closed already", "Start vlmtui again"),
)
