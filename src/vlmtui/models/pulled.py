"""Which files vlmtui itself has fetched into the cache that it shares with other programs.

Only those does `models rm` delete.
"""

from __future__ import annotations

import os
from collections.abc import Collection

import msgspec

from vlmtui import paths
from vlmtui.errors import StorageError

_FILE = "pulled.json"


def files(repository: str) -> frozenset[str]:
    """Names of the files of a repository ("owner/name"); none where the list is lost."""
    return frozenset(_read().get(repository, ()))


def note(repository: str, file: str) -> None:
    """Put down that a file was fetched.

    Args:
        repository: "owner/name".
        file: Its name in the repository, with directories.

    Raises:
        StorageError: It can't be written.
    """
    known = _read()
    if file not in known.get(repository, ()):
        _write({**known, repository: [*known.get(repository, ()), file]})


def forget(repository: str, gone: Collection[str]) -> None:
    """Files are there no longer.

    Raises:
        StorageError: It can't be written.
    """
    known = _read()
    left = [file for file in known.get(repository, ()) if file not in gone]
    others = {name: kept for name, kept in known.items() if name != repository}
    _write({**others, repository: left} if left else others)


def _read() -> dict[str, list[str]]:
    try:
        content = (paths.data_dir() / _FILE).read_bytes()
        return msgspec.json.decode(content, type=dict[str, list[str]])
    except (OSError, ValueError, RecursionError):
        return {}


def _write(names: dict[str, list[str]]) -> None:
    path = paths.data_dir() / _FILE
    draft = path.with_name(f"{_FILE}.{os.getpid()}")
    try:
        draft.write_bytes(msgspec.json.format(msgspec.json.encode(names), indent=2))
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        message = f"{path} can't be written: {error.strerror}"
        raise StorageError(message, "Free space, or check its permissions.") from error
