"""The files that were attached last, for the picker; a small list in the state directory.

Nothing depends on it: a list that can't be read is empty, one that can't be written stays as it is.
Blocks for a file's time, so it belongs in a worker thread.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from vlmtui import kept, paths
from vlmtui.errors import StorageError

_KEPT = 20


def files() -> list[str]:
    """Absolute paths, the last one first; some may be gone."""
    try:
        return (kept.load(_list(), list[str]) or [])[:_KEPT]
    except StorageError:
        return []


def note(attached: Iterable[str]) -> None:
    """Put these at the top."""
    new = [os.path.abspath(path) for path in reversed(list(attached))]
    new = [path for path in new if path.isprintable()]
    with suppress(StorageError), kept.alone(_list()):
        kept.store(_list(), list(dict.fromkeys((*new, *files())))[:_KEPT])


def _list() -> Path:
    return paths.state_dir() / "recent.json"
