"""Models that were opened by their path: a chat remembers only a name, which has to lead back.

Losing the list costs little, so nothing here fails.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import msgspec

from vlmtui import paths
from vlmtui.errors import StorageError

_FILE = "opened.json"
_MOST = 100
_MOST_BYTES = 1_000_000


class Opened(msgspec.Struct, frozen=True):
    """A model that was named by its path."""

    name: str
    path: str
    mmproj: str | None = None


def remember(model: Opened) -> None:
    """Put a model at the end of the list; of one name the last one counts."""
    before = _read()
    after = [*(each for each in before if each.name != model.name), model][-_MOST:]
    if after == before:
        return
    with contextlib.suppress(OSError, StorageError, UnicodeEncodeError):
        path = paths.state_dir() / _FILE
        draft = path.with_name(f"{_FILE}.{os.getpid()}")
        draft.write_bytes(msgspec.json.format(msgspec.json.encode(after), indent=2))
        draft.replace(path)


def find(name: str) -> Opened | None:
    """The model that was opened under a name and is still there."""
    for model in reversed(_read()):
        if model.name.lower() == name.lower() and Path(model.path).is_file():
            gone = model.mmproj is not None and not Path(model.mmproj).is_file()
            return msgspec.structs.replace(model, mmproj=None) if gone else model
    return None


def _read() -> list[Opened]:
    try:
        with (paths.state_dir() / _FILE).open("rb") as file:
            return msgspec.json.decode(file.read(_MOST_BYTES), type=list[Opened])
    except (OSError, StorageError, ValueError, RecursionError):
        return []
