"""A database file whose header or last pages are damaged, so that SQLite reads it nevertheless."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

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
def mended(path: Path) -> Iterator[Path]:
    """The database, or a copy whose header is right, with empty pages for those that are gone.

    SQLite reads nothing of a file that has fewer pages than its header says, nor of one without the
    first page of some table, nor where a byte is wrong of those that are the same in all.
    """
    with path.open("rb") as file:
        head = file.read(_HEADER_BYTES)
    right = _right_header(head)
    size = int.from_bytes(right[16:18], "big")
    size = 65_536 if size == 1 else size
    told = int.from_bytes(right[_PAGE_COUNT_AT : _PAGE_COUNT_AT + 4], "big")
    pages = path.stat().st_size // size if size else 0
    if not pages or (right == head and not pages < told < _MOST_PAGES):
        yield path
        return
    copy = path.with_name(f"{path.name}.recovering-{os.urandom(4).hex()}-copy")
    try:
        for old, new in zip(with_sidecars(path), with_sidecars(copy), strict=True):
            with suppress(FileNotFoundError):
                shutil.copyfile(old, new)
        with copy.open("r+b") as file:
            file.write(right)
            if pages < told < _MOST_PAGES:
                file.truncate(pages * size)  # whole ones
                file.truncate(told * size)  # a hole: it takes no space
        yield copy
    finally:
        for leftover in with_sidecars(copy):
            with suppress(OSError):
                leftover.unlink(missing_ok=True)


def _right_header(head: bytes) -> bytes:
    """The header of a database, what is the same in all of ours put right where this is one."""
    owner = int.from_bytes(head[_OWNER_AT : _OWNER_AT + 4], "big")
    if len(head) < _HEADER_BYTES or owner != APPLICATION_ID:
        return head
    size = int.from_bytes(head[16:18], "big")
    if size != 1 and (size < 512 or size & (size - 1)):
        size = _PAGE_BYTES
    versions = head[18:20] if set(head[18:20]) <= {1, 2} else b"\2\2"
    return _MAGIC + size.to_bytes(2, "big") + versions + head[20:21] + b"\x40\x20\x20" + head[24:]
