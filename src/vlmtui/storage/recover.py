"""What can still be read of a damaged database, copied row by row into a new one.

The damaged file is only read, and kept beside the new one. SQLite stops at a damaged page; rows
behind it are asked for one at a time by their numbers. What then hangs in the air is tied again: a
message whose chat is lost gets a new one, a message whose predecessor is lost begins a branch.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import quote

import msgspec

from vlmtui.errors import StorageError, remedy
from vlmtui.storage import stored_json
from vlmtui.storage.database import APPLICATION_ID, Database
from vlmtui.storage.images import ImageStore
from vlmtui.storage.mended_database import mended
from vlmtui.storage.migrations import MIGRATIONS
from vlmtui.storage.presence import Presence
from vlmtui.storage.replaced import with_sidecars
from vlmtui.storage.sqlite_errors import explain, require_file

Measure = Callable[[Path], tuple[int, int]]
"""Width and height of a picture file; raises when it is none."""

_ABANDONED_SECONDS = 3600.0

_NUMBERED = ("chats", "messages", "drafts")
_LONGEST_GAP = 1_000_000
"""Most numbers that are tried behind the last readable row when nobody knows the greatest one."""

_TIE = (
    "INSERT INTO chats (id, title, created, updated)"
    " SELECT chat_id, 'Recovered chat ' || chat_id, min(created), max(created) FROM messages"
    " WHERE chat_id NOT IN (SELECT id FROM chats) GROUP BY chat_id",
    "UPDATE messages SET parent_id = NULL"
    " WHERE parent_id >= id OR parent_id NOT IN (SELECT id FROM messages)",
    "UPDATE chats SET last_id = (SELECT max(id) FROM messages WHERE chat_id = chats.id)",
    "UPDATE chats SET leaf_id ="
    " (SELECT max(id) FROM messages WHERE chat_id = chats.id AND deleted IS NULL)"
    " WHERE leaf_id IS NULL OR leaf_id NOT IN (SELECT id FROM messages)",
    "UPDATE drafts SET chat_id = NULL WHERE chat_id NOT IN (SELECT id FROM chats)",
    "DELETE FROM message_images WHERE sha256 NOT IN (SELECT sha256 FROM images)",
)


class Recovered(msgspec.Struct, frozen=True):
    """What came of it."""

    aside: Path
    """Where the damaged file is now."""

    chats: int
    messages: int
    pictures: int
    """How many places there are where a message shows one."""


def is_sound(path: Path) -> bool:
    """Whether SQLite finds nothing wrong with a database.

    Raises:
        StorageError: It is no file: SQLite would wait for ever at a FIFO.
    """
    require_file(path)
    try:
        with closing(_open(path)) as connection:
            return [tuple(row) for row in connection.execute("PRAGMA quick_check(1)")] == [("ok",)]
    except (sqlite3.DatabaseError, UnicodeDecodeError):
        return False


def recover(path: Path, images: ImageStore, measure: Measure) -> Recovered:
    """Put a new database with all that can be read in the place of a damaged one.

    Args:
        path: The database.
        images: The files of its pictures.
        measure: Looks at a picture of which the database has forgotten the size.

    Raises:
        StorageError: Nothing can be read, it is no file, it is another program's or a newer
            vlmtui's, an instance is running, or the new one can't be written. Then everything is as
            it was.
    """
    require_file(path)
    if Presence(path.parent / "instances").others():
        raise StorageError(f"An instance of vlmtui is running on {path}", "Quit it, then recover")
    _sweep(path)
    fresh = path.with_name(f"{path.name}.recovering-{os.urandom(4).hex()}")
    try:
        Database(fresh).close()
        with mended(path, fresh) as readable, closing(_checked(readable, path)) as old:
            with closing(sqlite3.connect(fresh)) as new:
                counts = _Copy(old, new, images, measure).run()
            if readable != path and not any(counts):
                raise _nothing(path, "no row is left")
        aside = _exchange(path, fresh)
    except sqlite3.Error as error:
        raise explain(error, path) from error
    except OSError as error:
        raise StorageError(
            f"{path} can't be replaced: {error.strerror}",
            remedy(error, "Make its directory writable for you"),
        ) from error
    finally:
        for leftover in with_sidecars(fresh):
            with suppress(OSError):
                leftover.unlink(missing_ok=True)
    return Recovered(aside, *counts)


def _sweep(path: Path) -> None:
    """Remove what was left where recovering was killed, hours ago: others may be at it now."""
    for leftover in path.parent.glob(f"{path.name}.recovering-*"):
        with suppress(OSError):
            if leftover.stat().st_mtime < time.time() - _ABANDONED_SECONDS:
                leftover.unlink()


def _open(path: Path) -> sqlite3.Connection:
    # The damaged file is not to be changed, not even by what SQLite does when it opens one.
    connection = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)
    connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
    return connection


def _checked(path: Path, called: Path) -> sqlite3.Connection:
    connection = _open(path)
    try:
        owner = connection.execute("PRAGMA application_id").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError as error:  # the disk or a lock, not what is in the file
        connection.close()
        raise explain(error, called) from error
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        connection.close()
        raise _nothing(called, str(error)) from error
    if owner != APPLICATION_ID or version > len(MIGRATIONS):
        connection.close()
        raise StorageError(
            f"{called} was written by another program or by a newer vlmtui",
            "Recover it with the program that wrote it",
        )
    return connection


def _nothing(path: Path, why: str) -> StorageError:
    return StorageError(
        f"Nothing can be read of {path}: {why}",
        "Move it away, and vlmtui will start a new one; the pictures are files below "
        f"{path.parent / 'images'}",
    )


def _exchange(path: Path, fresh: Path) -> Path:
    aside = path.with_name(f"{path.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}")
    while not _named(path, aside):
        aside = aside.with_name(f"{aside.name}x")
    for old, new in list(zip(with_sidecars(path), with_sidecars(aside), strict=True))[1:]:
        with suppress(FileNotFoundError):
            os.rename(old, new)  # its WAL would be taken for the new one's
    os.replace(fresh, path)
    return aside


def _named(path: Path, aside: Path) -> bool:
    """Give a database another name beside its own; False where there is such a file."""
    try:
        os.link(path, aside)
    except FileExistsError:
        return False
    except OSError:  # a disk without links: for a moment there is no database
        if aside.exists():
            return False
        os.rename(path, aside)
    return True


class _Copy:
    """From one database into the other; rows that can't be read or don't fit are left out."""

    def __init__(
        self, old: sqlite3.Connection, new: sqlite3.Connection, images: ImageStore, measure: Measure
    ) -> None:
        self._old = old
        self._new = new
        self._images = images
        self._measure = measure
        size = old.execute("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
        # a small file has had few rows, however many of them were deleted since
        self._gap = min(_LONGEST_GAP, 1000 + int(size.fetchone()[0]) // 16)

    def run(self) -> tuple[int, int, int]:
        """Copy, and count the chats, messages and pictures in the new database."""
        with self._new:
            for table in _NUMBERED:
                columns = self._columns(table)
                for row in self._numbered_rows(table, columns):
                    self._insert(table, columns, row)
            self._pictures()
            for statement in _TIE:
                self._new.execute(statement)
        listed = self._count("chats WHERE last_id IS NOT NULL")
        return listed, self._count("messages"), self._count("message_images")

    def _columns(self, table: str) -> list[str]:
        """Those that both have; an older database has fewer."""
        ours = [row[1] for row in self._new.execute(f"PRAGMA table_info({table})")]
        theirs = {row[1] for row in self._old.execute(f"PRAGMA table_info({table})")}
        return [column for column in ours if column in theirs]

    def _numbered_rows(self, table: str, columns: Sequence[str]) -> Iterator[tuple[object, ...]]:
        select = f"SELECT {', '.join(columns)}, id FROM {table}"
        last = 0
        end: int | None = None
        while True:
            try:
                for row in self._old.execute(f"{select} WHERE id > ? ORDER BY id", (last,)):
                    last = row[-1]
                    yield row[:-1]
                return
            except sqlite3.DatabaseError:
                end = self._greatest(table, last) if end is None else end
            while last < end:
                last += 1
                with suppress(sqlite3.DatabaseError):
                    found = self._old.execute(f"{select} WHERE id = ?", (last,)).fetchone()
                    if found is not None:
                        yield found[:-1]
                        break
            else:
                return

    def _greatest(self, table: str, last: int) -> int:
        for query in (
            f"SELECT max(id) FROM {table}",
            f"SELECT seq FROM sqlite_sequence WHERE name = '{table}'",
        ):
            with suppress(sqlite3.DatabaseError):
                row = self._old.execute(query).fetchone()
                if row is not None and row[0] is not None:
                    return int(row[0])
        return last + self._gap

    def _pictures(self) -> None:
        columns = self._columns("message_images")
        select = f"SELECT {', '.join(columns)} FROM message_images WHERE message_id = ?"
        wanted = set(self._drafted())
        for (message_id,) in self._new.execute("SELECT id FROM messages").fetchall():
            with suppress(sqlite3.DatabaseError):
                for row in self._old.execute(select, (message_id,)):
                    wanted.add(row[columns.index("sha256")])
                    self._insert("message_images", columns, row)
        for sha256 in sorted(wanted):
            self._picture(sha256)

    def _drafted(self) -> Iterator[str]:
        for (attachments,) in self._new.execute("SELECT attachments FROM drafts").fetchall():
            for attachment in stored_json.attachments(attachments) or ():
                yield attachment.sha256

    def _picture(self, sha256: str) -> None:
        columns = self._columns("images")
        row = None
        with suppress(sqlite3.DatabaseError):
            row = self._old.execute(
                f"SELECT {', '.join(columns)} FROM images WHERE sha256 = ?", (sha256,)
            ).fetchone()
        if row is None and sha256.isalnum() and (path := self._images.find(sha256)) is not None:
            with suppress(Exception):  # whatever it raises, the file is no picture
                columns = ["sha256", "file", "width", "height"]
                row = (sha256, str(path), *self._measure(path))
        if row is not None:
            self._insert("images", columns, row)

    def _insert(self, table: str, columns: Sequence[str], row: Sequence[object]) -> None:
        marks = ", ".join("?" * len(columns))
        with suppress(sqlite3.DatabaseError):  # damaged in a way that the format forbids
            self._new.execute(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", row)

    def _count(self, what: str) -> int:
        return int(self._new.execute(f"SELECT count(*) FROM {what}").fetchone()[0])
