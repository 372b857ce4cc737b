"""Which files vlmtui itself has fetched into the cache that it shares with other programs.

Only those does `models rm` delete.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from vlmtui import kept, paths


def files(repository: str) -> frozenset[str]:
    """Names of the files of a repository ("owner/name"); none where the list is lost."""
    return frozenset(_read().get(repository, ()))


def note(repository: str, file: str) -> None:
    """Put down that a file of a repository ("owner/name") was fetched.

    Raises:
        StorageError: It can't be written.
    """
    with kept.alone(_list()):
        known = _read()
        if file not in known.get(repository, ()):
            kept.store(_list(), {**known, repository: [*known.get(repository, ()), file]})


def forget(repository: str, gone: Collection[str]) -> None:
    """Files are there no longer.

    Raises:
        StorageError: It can't be written.
    """
    with kept.alone(_list()):
        known = _read()
        left = [file for file in known.pop(repository, ()) if file not in gone]
        kept.store(_list(), {**known, repository: left} if left else known)


def _read() -> dict[str, list[str]]:
    return kept.load(_list(), dict[str, list[str]]) or {}


def _list() -> Path:
    return paths.data_dir() / "pulled.json"
