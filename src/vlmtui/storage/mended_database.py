"""A database file whose header, schema or last pages are damaged, so that SQLite reads it."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from vlmtui.storage.database import APPLICATION_ID
from vlmtui.storage.replaced import with_sidecars

_MOST_PAGES = 1 << 26
"""256 GB of chats: a header that tells more is damaged itself."""

_HEADER_BYTES = 100
_PAGE_COUNT_AT, _OWNER_AT = 28, 68
"""Where the header has them; https://sqlite.org/fileformat2.html#the_database_header"""

_MAGIC = b"SQLite format 3\0"
_PAGE_BYTES = 4096
"""Of the pages of our databases, where nobody has built SQLite for others."""


@contextmanager
def mended(path: Path, fresh: Path) -> Iterator[Path]:
    """The database, or a copy whose header is right, with empty pages for those that are gone.

    SQLite reads nothing of a file that has fewer pages than its header says, nor of one without the
    first page of some table, nor where a byte is wrong of those that are the same in all. Where it
    can't read the schema, the copy has that of a new database: a schema that came about in the same
    steps has its tables in the same places.

    Args:
        path: The database.
        fresh: A new one.
    """
    with path.open("rb") as file:
        head = file.read(_HEADER_BYTES)
    bytes_there = path.stat().st_size
    right = _right_header(head, bytes_there)
    if right is None:
        yield path
        return
    size = _page_bytes(right)
    pages_by_head = _number(right, _PAGE_COUNT_AT)
    pages = bytes_there // size
    if right == head and not pages < pages_by_head < _MOST_PAGES and _lists_tables(path):
        yield path
        return
    copy = path.with_name(f"{path.name}.recovering-{os.urandom(4).hex()}-copy")
    try:
        for old, new in zip(with_sidecars(path), with_sidecars(copy), strict=True):
            with suppress(FileNotFoundError):
                shutil.copyfile(old, new)
        with copy.open("r+b") as file:
            file.write(right)
            if pages < pages_by_head < _MOST_PAGES:
                file.truncate(pages * size)  # whole ones
                file.truncate(pages_by_head * size)  # a hole: it takes no space
        if not _lists_tables(copy):
            _take_schema(copy, right, fresh)
        yield copy
    finally:
        for leftover in with_sidecars(copy):
            with suppress(OSError):
                leftover.unlink(missing_ok=True)


def _right_header(head: bytes, bytes_there: int) -> bytes | None:
    """The header of a database, what is the same in all of ours put right; None: it isn't ours."""
    lost = not any(head)
    if len(head) < _HEADER_BYTES or not (lost or _number(head, _OWNER_AT) == APPLICATION_ID):
        return None
    size = _page_bytes(head)
    if size < 512 or size & (size - 1) or size * _number(head, _PAGE_COUNT_AT) != bytes_there:
        size = _PAGE_BYTES
    versions = head[18:20] if set(head[18:20]) <= {1, 2} else b"\2\2"
    return b"".join(
        (
            _MAGIC,
            (size & 0xFFFF | size >> 16).to_bytes(2, "big"),
            versions,
            b"\0\x40\x20\x20",  # no bytes kept free in a page, and what has to be there
            head[24:44],
            b"\0\0\0\4",  # the format of the schema
            head[48:52],
            b"\0\0\0\0" + b"\0\0\0\1",  # nothing is vacuumed by itself; UTF-8
            head[60:64],
            b"\0\0\0\0" + APPLICATION_ID.to_bytes(4, "big"),
            head[72:],
        )
    )


def _page_bytes(head: bytes) -> int:
    size = int.from_bytes(head[16:18], "big")
    return 65_536 if size == 1 else size


def _number(head: bytes, at: int) -> int:
    return int.from_bytes(head[at : at + 4], "big")


def _lists_tables(path: Path) -> bool:
    """Whether the schema can be read; a disk or a lock that is in the way says nothing of it."""
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as connection:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError:
        return True
    except (sqlite3.DatabaseError, UnicodeDecodeError):
        return False
    return True


def _take_schema(copy: Path, header: bytes, fresh: Path) -> None:
    """Put the schema's pages of a new database into the copy of a damaged one."""
    content = fresh.read_bytes()
    size = _page_bytes(content)
    if size != _page_bytes(header):
        return
    with copy.open("r+b") as file:
        for start in range(0, len(content), size):
            page = content[start : start + size]
            if start == 0 or b"CREATE " in page:  # in a new one nothing else has words
                file.seek(start)
                file.write(page)
        file.seek(0)
        file.write(header)
