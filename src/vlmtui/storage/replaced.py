"""A database whose file was deleted or replaced by others while it is open.

SQLite goes on with the file that has no name any more, and what is written is gone with the
process. Here is what brings it back to where it should be.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from vlmtui.errors import StorageError

Identity = tuple[int, int]
"""Device and inode."""

_TABLES = (
    ("chats", "id = ?"),
    ("messages", "chat_id = ?"),
    ("images", "sha256 IN (SELECT sha256 FROM message_images JOIN messages ON messages.id ="
               " message_id WHERE chat_id = ?)"),
    ("message_images", "message_id IN (SELECT id FROM messages WHERE chat_id = ?)"),
)  # fmt: skip


def identity(path: Path) -> Identity | None:
    """Which file lies there; None where there is none."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def wal(path: Path) -> Path:
    """The file beside a database in which SQLite keeps what is new in it."""
    return path.with_name(f"{path.name}-wal")


def with_sidecars(path: Path) -> list[Path]:
    """The file of a database, and those that SQLite puts beside it."""
    return [path, *(path.with_name(path.name + ending) for ending in ("-wal", "-shm"))]


def remove_sidecars(path: Path) -> None:
    """Remove what lies beside a place by the name of a database that is there no more.

    SQLite would take it for the new one's.
    """
    for sidecar in with_sidecars(path)[1:]:
        with suppress(OSError):
            sidecar.unlink()


def save_anew(old: sqlite3.Connection, path: Path) -> bool:
    """Write all of a database that has lost its name into a new file in its place.

    Returns:
        False where another program has put a file there meanwhile: that one stays.

    Raises:
        sqlite3.Error: It can't be read or written.
        OSError: There is no place for it.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    copy = path.with_name(f"{path.name}.saving-{os.urandom(4).hex()}")
    try:
        os.close(os.open(copy, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        new = sqlite3.connect(copy)
        try:
            old.backup(new)
            # it says "WAL" as the old one did, and has no such file yet
            new.execute("PRAGMA journal_mode = DELETE")
        finally:
            new.close()
        return _take_name(copy, path)
    finally:
        with suppress(OSError):
            copy.unlink()


def _take_name(copy: Path, path: Path) -> bool:
    try:
        os.link(copy, path)
    except FileExistsError:
        return False
    except OSError:  # a file system without hard links
        os.replace(copy, path)
    return True


def carry_over(
    old: sqlite3.Connection, new: sqlite3.Connection, chats: Iterable[int], path: Path
) -> None:
    """Put chats into the database that lies in the place of theirs, under the numbers they have.

    Raises:
        StorageError: Other chats have these numbers there; nothing was changed.
    """
    new.execute("BEGIN IMMEDIATE")
    try:
        new.execute("PRAGMA defer_foreign_keys = ON")  # a chat and its last message name each other
        for chat in chats:
            for table, of_chat in _TABLES:
                _copy_rows(old, new, table, of_chat, chat)
            if _marks_of(old, chat) - _marks_of(new, chat):
                raise StorageError(
                    f"{path} was replaced by other chats while vlmtui had it open, and this chat "
                    "can't be saved there",
                    "/export saves it. Start vlmtui again to see the others",
                )
        new.execute("COMMIT")
    except BaseException:
        if new.in_transaction:
            new.execute("ROLLBACK")
        raise


def _copy_rows(
    old: sqlite3.Connection, new: sqlite3.Connection, table: str, of_chat: str, chat: int
) -> None:
    columns = [row[1] for row in new.execute(f"PRAGMA table_info({table})")]
    marks = ", ".join("?" * len(columns))
    rows = old.execute(f"SELECT {', '.join(columns)} FROM {table} WHERE {of_chat}", (chat,))
    new.executemany(
        f"INSERT OR IGNORE INTO {table} ({', '.join(columns)}) VALUES ({marks})", map(tuple, rows)
    )


def _marks_of(connection: sqlite3.Connection, chat: int) -> set[tuple[object, ...]]:
    """What tells the messages of a chat from others."""
    found = connection.execute(
        "SELECT id, parent_id, role, created FROM messages WHERE chat_id = ?", (chat,)
    )
    return {tuple(row) for row in found}


def never_close(connection: sqlite3.Connection) -> None:
    """Let the process end with a connection open.

    Closed, SQLite would remove the -wal file by its name, which is another database's by now.
    """
    import ctypes  # not needed before the first paint

    ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))
