"""Opening, sharing and breaking the database file."""

from __future__ import annotations

import shutil
import sqlite3
import stat
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.disks import fill
from tests.processes import child, unprivileged
from vlmtui.errors import StorageError
from vlmtui.storage import database as module
from vlmtui.storage.database import Database
from vlmtui.storage.migrations import MIGRATIONS


def titles(database: Database) -> list[str]:
    with database.read() as connection:
        return [row["title"] for row in connection.execute("SELECT title FROM chats ORDER BY id")]


def insert(database: Database, title: str) -> None:
    with database.write() as connection:
        connection.execute("INSERT INTO chats (title, created, updated) VALUES (?, 0, 0)", (title,))


# ---------------------------------------------------------------------- opening


def test_a_new_database_is_private_and_in_the_newest_format(path: Path) -> None:
    with closing(Database(path)):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        for sidecar in path.parent.glob("chats.db-*"):
            assert stat.S_IMODE(sidecar.stat().st_mode) == 0o600
    with closing(sqlite3.connect(path)) as plain:
        assert plain.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
        assert plain.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert plain.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_what_was_written_is_there_when_opened_again(path: Path) -> None:
    with closing(Database(path)) as database:
        insert(database, "kept")
    with closing(Database(path)) as database:
        assert titles(database) == ["kept"]


def test_a_database_of_a_newer_vlmtui_is_refused_and_left_alone(path: Path) -> None:
    Database(path).close()
    with closing(sqlite3.connect(path)) as plain:
        plain.execute("PRAGMA user_version = 99")
    before = path.read_bytes()
    with pytest.raises(StorageError, match="newer vlmtui") as caught:
        Database(path)
    assert "Update vlmtui" in caught.value.hint
    assert str(path) in caught.value.message
    assert path.read_bytes() == before


def test_a_database_of_another_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "chats.db"
    with closing(sqlite3.connect(path)) as plain:
        plain.execute("CREATE TABLE chats (secret TEXT)")
    before = path.read_bytes()
    with pytest.raises(StorageError, match="another program"):
        Database(path)
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "chats.db"
    path.write_bytes(b"Dear diary, today I did not write a database.\n" * 100)
    before = path.read_bytes()
    with pytest.raises(StorageError, match="is not a database") as caught:
        Database(path)
    assert "move it away" in caught.value.hint
    assert path.read_bytes() == before


def test_a_damaged_database_says_so(path: Path) -> None:
    with closing(Database(path)) as database:
        for number in range(500):
            insert(database, f"title {number}")
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xaa" * (len(content) - 4096)
    path.write_bytes(content)
    with (
        pytest.raises(StorageError, match="damaged") as caught,
        closing(Database(path)) as database,
    ):
        titles(database)
    assert "recover" in caught.value.hint


def test_a_sqlite_that_is_too_old_says_so(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 31, 1))
    with pytest.raises(StorageError, match="too old") as caught:
        Database(path)
    assert "3.37" in caught.value.hint


def test_a_directory_in_its_place_is_an_error(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(StorageError, match="not a regular file") as caught:
        Database(path)
    assert "VLMTUI_HOME" in caught.value.hint


# ---------------------------------------------------------------------- permissions


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """A directory that everyone can enter, unlike pytest's own."""
    directory = Path(tempfile.mkdtemp())
    directory.chmod(0o755)
    yield directory
    directory.chmod(0o755)
    shutil.rmtree(directory)


def test_a_directory_that_cannot_be_written_is_an_error(open_directory: Path) -> None:
    open_directory.chmod(0o555)
    with unprivileged(), pytest.raises(StorageError, match="can't be opened") as caught:
        Database(open_directory / "chats.db")
    assert "writable" in caught.value.hint


def test_a_file_that_cannot_be_written_is_an_error(open_directory: Path) -> None:
    path = open_directory / "chats.db"
    Database(path).close()
    path.chmod(0o444)
    open_directory.chmod(0o555)
    with unprivileged(), pytest.raises(StorageError) as caught:
        Database(path)
    assert str(path) in caught.value.message
    assert "writable" in caught.value.hint


def test_a_file_that_cannot_be_written_is_found_out_when_it_is_opened(
    open_directory: Path,
) -> None:
    path = open_directory / "chats.db"
    Database(path).close()
    path.chmod(0o444)
    open_directory.chmod(0o777)
    with unprivileged(), pytest.raises(StorageError, match="read-only for you") as caught:
        Database(path)
    assert "writable" in caught.value.hint


# ---------------------------------------------------------------------- transactions


def test_a_block_that_raises_leaves_nothing_behind(database: Database) -> None:
    with pytest.raises(KeyError), database.write() as connection:
        connection.execute("INSERT INTO chats (title, created, updated) VALUES ('x', 0, 0)")
        raise KeyError
    assert titles(database) == []
    insert(database, "works again")
    assert titles(database) == ["works again"]


def test_a_write_inside_a_write_is_a_part_of_it(database: Database) -> None:
    with pytest.raises(KeyError), database.write():
        insert(database, "inner")
        raise KeyError
    assert titles(database) == []


def test_a_wrong_statement_is_a_storage_error(database: Database) -> None:
    with pytest.raises(StorageError, match="can't be read or written"), database.write() as it:
        it.execute("INSERT INTO no_such_table VALUES (1)")


def test_a_closed_database_says_so(path: Path) -> None:
    database = Database(path)
    database.close()
    database.close()
    with pytest.raises(StorageError, match="closed"):
        insert(database, "late")


def test_a_reader_sees_the_past_and_does_not_wait_for_a_writer(database: Database) -> None:
    insert(database, "before")
    seen: list[list[str]] = []
    with database.write() as connection:
        connection.execute("UPDATE chats SET title = 'after'")
        reader = threading.Thread(target=lambda: seen.append(titles(database)))
        reader.start()
        reader.join()
    assert seen == [["before"]]
    assert titles(database) == ["after"]


def test_threads_write_at_the_same_time(database: Database) -> None:
    def write(name: str) -> None:
        for number in range(25):
            insert(database, f"{name}{number}")
            titles(database)

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(titles(database)) == sorted(f"{n}{i}" for n in "abcd" for i in range(25))


def test_only_a_durable_write_is_flushed_to_the_disk(database: Database) -> None:
    full, normal = 2, 1
    for durable in (False, True, False):
        with database.write(durable=durable) as connection:
            level = connection.execute("PRAGMA synchronous").fetchone()[0]
        assert level == (full if durable else normal)


# ---------------------------------------------------------------------- migrations


def test_a_step_that_fails_is_undone_as_a_whole(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(Database(path)) as database:
        insert(database, "kept")
    broken = ("CREATE TABLE half (x)", "INSERT INTO no_such_table VALUES (1)")
    with monkeypatch.context() as patch:
        patch.setattr(module, "MIGRATIONS", (*MIGRATIONS, broken))
        with pytest.raises(StorageError):
            Database(path)
    with closing(Database(path)) as database:
        assert titles(database) == ["kept"]
        with database.read() as connection:
            found = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'half'")
            assert found.fetchall() == []


def test_a_later_step_is_done_to_an_older_database(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(Database(path)) as database:
        insert(database, "kept")
    step = ("ALTER TABLE chats ADD COLUMN colour INTEGER NOT NULL DEFAULT 0",)
    monkeypatch.setattr(module, "MIGRATIONS", (*MIGRATIONS, step))
    for _ in range(2):  # and done only once
        with closing(Database(path)) as database, database.read() as connection:
            assert connection.execute("SELECT colour FROM chats").fetchone()["colour"] == 0


OPEN = """
import sys
from vlmtui.storage.database import Database
print("ready", flush=True)
sys.stdin.readline()
Database(sys.argv[1]).close()
print("opened", flush=True)
"""


def test_several_processes_can_make_the_database_at_the_same_time(path: Path) -> None:
    with child(OPEN, path) as a, child(OPEN, path) as b, child(OPEN, path) as c:
        for each in (a, b, c):
            assert each.read() == "ready"
        for each in (a, b, c):
            each.tell("go")
        for each in (a, b, c):
            assert each.read() == "opened"


@pytest.mark.parametrize("looks", [1, 2, 3])
def test_a_database_that_another_instance_makes_between_two_looks_at_it_is_ours(
    path: Path, monkeypatch: pytest.MonkeyPatch, looks: int
) -> None:
    look = module._number
    left = looks

    def meanwhile(connection: sqlite3.Connection, query: str) -> int:
        nonlocal left
        found = look(connection, query)
        left -= 1
        if left == 0:
            Database(path).close()
        return found

    monkeypatch.setattr(module, "_number", meanwhile)
    with closing(Database(path)) as database:
        insert(database, "kept")


# ---------------------------------------------------------------------- trouble while running


def test_a_full_disk_is_an_error_and_the_next_write_works_when_there_is_space(
    database: Database,
) -> None:
    insert(database, "before")
    with database.write() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StorageError, match="no space left") as caught:
        insert(database, "much " * 10_000)
    assert "Free some space" in caught.value.hint
    assert titles(database) == ["before"]
    with database.write() as connection:
        connection.execute("PRAGMA max_page_count = 1000000")
    insert(database, "much " * 10_000)
    assert len(titles(database)) == 2


def test_opening_on_a_full_disk_says_that_it_is_full(tiny_disk: Path) -> None:
    Database(tiny_disk / "old.db").close()
    fill(tiny_disk / "ballast")
    for name in ("old.db", "new.db"):
        with pytest.raises(StorageError, match=f"{name}.*full|no space.*{name}") as caught:
            Database(tiny_disk / name)
        assert "Free some space" in caught.value.hint


def test_a_full_disk_keeps_nobody_from_reading(tiny_disk: Path) -> None:
    path = tiny_disk / "chats.db"
    with closing(Database(path)) as database:
        insert(database, "kept")
    fill(tiny_disk / "ballast")
    with pytest.raises(StorageError):
        Database(path)
    with closing(Database.to_read(path)) as database:
        assert titles(database) == ["kept"]
    (tiny_disk / "ballast").unlink()
    with closing(Database(path)) as writing:
        insert(writing, "later")
        fill(tiny_disk / "ballast")
        shutil.copy(path, beside := tiny_disk.parent / "beside.db")
        shutil.copy(f"{path}-wal", f"{beside}-wal")
        Path(f"{beside}-shm").mkdir()
        with pytest.raises(StorageError):  # rather than without what stands in the WAL
            Database.to_read(beside)


def test_a_disk_that_is_really_full_is_an_error_until_it_is_not(tiny_disk: Path) -> None:
    with closing(Database(tiny_disk / "chats.db")) as database:
        insert(database, "before")
        ballast = tiny_disk / "ballast"
        fill(ballast)
        with pytest.raises(StorageError, match="no space left"):
            insert(database, "much " * 20_000)
        ballast.unlink()
        insert(database, "after")
        assert titles(database) == ["before", "after"]


HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.readline()
connection.execute("COMMIT")
print("released", flush=True)
"""


def test_a_database_that_another_process_keeps_locked_is_an_error(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BUSY_SECONDS", 0.05)
    with closing(Database(path)) as database, child(HOLD, path) as other:
        assert other.read() == "held"
        assert titles(database) == []  # reading goes on
        with pytest.raises(StorageError, match="locked") as caught:
            insert(database, "blocked")
        assert "other instances" in caught.value.hint
        other.tell("release")
        assert other.read() == "released"
        insert(database, "free")
        assert titles(database) == ["free"]


WRITE = """
import sys
from vlmtui.storage.database import Database
database = Database(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
for number in range(50):
    with database.write() as connection:
        connection.execute(
            "INSERT INTO chats (title, created, updated) VALUES (?, 0, 0)", (f"theirs {number}",)
        )
print("done", flush=True)
"""


def test_two_processes_write_at_the_same_time(database: Database, path: Path) -> None:
    with child(WRITE, path) as other:
        assert other.read() == "ready"
        other.tell("go")
        for number in range(50):
            insert(database, f"ours {number}")
        assert other.read() == "done"
    expected = [f"{whose} {number}" for whose in ("ours", "theirs") for number in range(50)]
    assert sorted(titles(database)) == sorted(expected)
