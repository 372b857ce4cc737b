"""One SQLite file, safely shared by threads and by processes.

Two connections: one writes, one reads, each behind its own lock. In WAL mode a reader never waits
for a writer, so the screen can read while an answer is being written and flushed. Whatever SQLite
complains about comes out as a `StorageError` that tells what to do. This module does not know what
the tables mean; `migrations` makes them.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from vlmtui import kept
from vlmtui.errors import StorageError, os_errors_as
from vlmtui.storage import replaced
from vlmtui.storage.migrations import MIGRATIONS
from vlmtui.storage.sqlite_errors import BUSY_SECONDS, ELSEWHERE, explain, require_file

OLDEST_SQLITE = (3, 37)
"""The first with STRICT tables; Ubuntu 22.04, and so JetPack 6, has 3.37.2."""

APPLICATION_ID = 0x564C_4D54
"""Marks our files in their SQLite header: "VLMT"."""


class Database:
    """An open database, brought to the newest schema.

    All methods may be called from any thread.

    Attributes:
        path: The file.
        in_memory: There is no file.
        in_use: The chats that must not be lost when others replace the file.
        notices: What the user must be told of the file, once.
    """

    def __init__(self, path: str | Path, *, in_memory: bool = False) -> None:
        """Open the file, making it and its directory if they don't exist.

        In memory, no file is made: what is written is gone when the database is closed. The path
        tells only where other files of it would lie.

        Raises:
            StorageError: It can't be opened or written, is no database, is not ours, or was made by
                a newer vlmtui.
        """
        self.path = Path(path)
        self.in_memory = in_memory
        self.in_use: set[int] = set()
        self.notices: list[StorageError] = []
        self._write_lock = threading.RLock()
        self._read_lock = self._write_lock if in_memory else threading.RLock()
        self._target = ":memory:" if in_memory else str(self.path)
        if not in_memory:
            _make_private(self.path)
        self._identity = None if in_memory else replaced.identity(self.path)
        self._writer = self._connect()
        try:
            with self._translated():
                self._prepare()
            # A second connection to memory would be to another database.
            self._reader = self._writer if in_memory else self._connect()
            # it finds its -wal file with the first look, and by name: that may be gone later
            _number(self._reader, "SELECT count(*) FROM sqlite_master")
            self._wal = None if in_memory else replaced.identity(replaced.wal(self.path))
        except BaseException:
            self._writer.close()
            raise

    @property
    def folder(self) -> Path:
        """The directory that the file lies in, absolute."""
        return self.path.absolute().parent

    @classmethod
    def to_read(cls, path: Path) -> Database:
        """Open a file in which nothing will be changed.

        SQLite needs to write even then; where the disk takes nothing, it is a copy in memory.

        Raises:
            StorageError: As for any other, or a part of it lies in its WAL.
        """
        try:
            return cls(path)
        except StorageError as error:
            wal = replaced.wal(path)
            whole = path.is_file() and not (wal.exists() and wal.stat().st_size)
            if not whole or "locked" in str(error.__cause__):
                raise
            try:
                return cls._copied(path)
            except StorageError:
                raise error from None

    @classmethod
    def _copied(cls, path: Path) -> Database:
        copy = cls(path, in_memory=True)
        try:
            with copy._translated():
                place = f"file:{quote(str(path.absolute()))}?immutable=1"
                with closing(sqlite3.connect(place, uri=True)) as file:
                    file.backup(copy._writer)
                copy._prepare()
        except BaseException:
            copy.close()
            raise
        return copy

    @contextmanager
    def write(self, *, durable: bool = False) -> Iterator[sqlite3.Connection]:
        """A transaction: all of it is stored when the block ends, none of it when it raises.

        Inside another `write` of the same thread it becomes a part of that one.

        What is durable survives a power cut too. That costs an fsync, tens of milliseconds on an SD
        card, so an answer that is rewritten each second goes without until its end: it then
        survives the death of the process, which leaves the kernel's cache alone.

        Raises:
            StorageError: The disk is full, the database is locked by another instance, …
        """
        with self._write_lock, self._translated():
            if self._writer.in_transaction:
                yield self._writer
                return
            if not self.in_memory and replaced.identity(self.path) != self._identity:
                self._return_to_place()
            # The setting belongs to the connection and can't change inside a transaction.
            self._writer.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._writer.execute("BEGIN IMMEDIATE")
            with _ended_by_commit(self._writer):
                yield self._writer

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A consistent view of what is committed, however many queries look at it.

        Raises:
            StorageError: The file is damaged or gone, …
        """
        with self._read_lock, self._translated():
            if self._reader.in_transaction:
                yield self._reader
                return
            self._reader.execute("BEGIN")
            with _ended_by_commit(self._reader):
                yield self._reader

    def close(self) -> None:
        """Close both connections; the database can't be used afterwards. Safe to call twice."""
        with self._write_lock, self._read_lock:
            self._reader.close()
            # Last, so that it is the one to fold the WAL into the file.
            self._writer.close()

    def _return_to_place(self) -> None:
        """Go on in the file that lies in our place, since ours was deleted or replaced."""
        with self._read_lock:
            with os_errors_as(
                StorageError,
                f"{self.path} was deleted, and can't be saved again",
                "/export saves this chat",
            ):
                if self._wal == replaced.identity(replaced.wal(self.path)):
                    replaced.remove_sidecars(self.path)
                was_gone = replaced.identity(self.path) is None
                was_gone = was_gone and replaced.save_anew(self._writer, self.path)
                fresh = Database(self.path)
                if not was_gone:
                    try:
                        replaced.carry_over(self._writer, fresh._writer, self.in_use, self.path)
                    except BaseException:
                        fresh.close()
                        raise
                replaced.never_close(self._reader)
                replaced.never_close(self._writer)
            self._writer, self._reader = fresh._writer, fresh._reader
            self._identity, self._wal = fresh._identity, fresh._wal
            how = "deleted; all chats were" if was_gone else "replaced; this chat was"
            self.notices.append(
                StorageError(
                    f"While vlmtui had it open, {self.path} was {how} saved there again",
                    "Other programs should leave this file alone while vlmtui runs",
                )
            )

    def _connect(self) -> sqlite3.Connection:
        with self._translated():
            connection = sqlite3.connect(
                self._target, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            try:
                connection.row_factory = sqlite3.Row
                # a wrong byte costs a letter, not its chat
                connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
                connection.execute("PRAGMA foreign_keys = ON")
            except BaseException:
                connection.close()
                raise
            return connection

    def _prepare(self) -> None:
        """Check that the file is ours, then bring it to WAL mode and to the newest version."""
        if sqlite3.sqlite_version_info < OLDEST_SQLITE:
            raise StorageError(
                f"SQLite {sqlite3.sqlite_version} is too old to keep chats",
                f"Use a Python with SQLite {'.'.join(map(str, OLDEST_SQLITE))} or newer",
            )
        self._check_version()
        self._enter_wal()
        for number in range(1, len(MIGRATIONS) + 1):
            self._migrate(number)
        self._check_writable()

    def _check_writable(self) -> None:
        """Find out now that the file is read-only, and not when there is something to lose."""
        self._writer.execute("PRAGMA busy_timeout = 0")
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            self._writer.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")  # as it is already
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):  # by another instance, for a moment
                raise
        finally:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            self._writer.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000:.0f}")

    def _check_version(self) -> None:
        # Nothing may be written before these checks: the file might be someone else's.
        # In this order: another instance may make it between the two, tables and mark at once.
        tables = _number(self._writer, "SELECT count(*) FROM sqlite_master")
        owner = _number(self._writer, "PRAGMA application_id")
        if owner != APPLICATION_ID and tables:
            raise StorageError(
                f"{self.path} is a database of another program",
                "Move it away, or set VLMTUI_HOME to another directory",
            )
        version = _number(self._writer, "PRAGMA user_version")
        if version > len(MIGRATIONS):
            raise StorageError(
                f"The chats in {self.path} were written by a newer vlmtui (format {version}; this "
                f"one knows up to {len(MIGRATIONS)})",
                "Update vlmtui, or set VLMTUI_HOME to another directory",
            )

    def _enter_wal(self) -> None:
        # SQLite does not honour the busy timeout here when another process is doing the same. A
        # file system without shared memory stays in its old mode, which works too, only slower.
        deadline = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                self._writer.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)

    def _migrate(self, number: int) -> None:
        """Do step `number` unless it is done; another instance may be doing the same just now."""
        if _number(self._writer, "PRAGMA user_version") >= number:
            return
        with self.write(durable=True) as connection:
            if _number(connection, "PRAGMA user_version") >= number:
                return
            for statement in MIGRATIONS[number - 1]:
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {number}")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise explain(error, self.path) from error
        except UnicodeDecodeError as error:  # names in the schema, that SQLite complains about
            raise explain(sqlite3.DatabaseError("malformed"), self.path) from error


@contextmanager
def _ended_by_commit(connection: sqlite3.Connection) -> Iterator[None]:
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # SQLite has rolled back by itself after some errors, a full disk among them.
        if connection.in_transaction:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
        raise


def _make_private(path: Path) -> None:
    """Make the file and its directory, for their owner alone, and see to it that they last."""
    require_file(path)
    with os_errors_as(StorageError, f"The chats in {path} can't be opened", ELSEWHERE):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except FileExistsError:
            return
        kept.sync_folder(path.parent)


def _number(connection: sqlite3.Connection, query: str) -> int:
    return int(connection.execute(query).fetchone()[0])
