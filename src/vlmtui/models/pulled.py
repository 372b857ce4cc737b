"""Which repositories vlmtui itself has fetched into the cache that it shares with other programs.

Only those does `models rm` delete.
"""

from __future__ import annotations

import os

import msgspec

from vlmtui import paths
from vlmtui.errors import StorageError

_FILE = "pulled.json"


def repositories() -> set[str]:
    """The repositories, as "owner/name"; none where the list is lost."""
    try:
        content = (paths.data_dir() / _FILE).read_bytes()
        return set(msgspec.json.decode(content, type=list[str]))
    except (OSError, ValueError, RecursionError):
        return set()


def note(repository: str) -> None:
    """Put down that a repository is ours.

    Raises:
        StorageError: It can't be written.
    """
    _write(repositories() | {repository})


def forget(repository: str) -> None:
    """A repository is gone.

    Raises:
        StorageError: It can't be written.
    """
    _write(repositories() - {repository})


def _write(names: set[str]) -> None:
    path = paths.data_dir() / _FILE
    draft = path.with_name(f"{_FILE}.{os.getpid()}")
    try:
        draft.write_bytes(msgspec.json.format(msgspec.json.encode(sorted(names)), indent=2))
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        message = f"{path} can't be written: {error.strerror}"
        raise StorageError(message, "Free space, or check its permissions.") from error
