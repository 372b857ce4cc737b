"""How the user left the screen: panes shown, their widths, the theme. Kept between runs.

Losing it costs nothing, so nothing here ever fails: a file that is missing, damaged, from another
version or can't be written is as good as none. What the user must not lose is not kept here.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import msgspec

from vlmtui import kept, paths
from vlmtui.errors import StorageError

_FILE = "screen.json"


class Remembered(msgspec.Struct, frozen=True):
    """What is remembered. None: the user never chose, and the width of the terminal decides."""

    chats: bool | None = None
    """Whether the list of chats stands beside the transcript where there is room."""

    side: bool | None = None
    """Whether the statistics do."""

    chats_width: int | None = None
    """Columns, without the divider."""

    side_width: int | None = None
    theme: str | None = None


class Memory:
    """`Remembered`, in memory and in a file.

    Attributes:
        value: What is remembered now.
    """

    def __init__(self, path: Path | None = None) -> None:
        """Read the file; None remembers nothing after the end of this process."""
        self._path = path
        self._saved = self.value = _read(path) if path is not None else Remembered()

    def change(self, **fields: bool | int | str | None) -> None:
        """Remember something else; `save` puts it down."""
        self.value = msgspec.structs.replace(self.value, **fields)

    def save(self) -> None:
        """Write what has changed since the last time, whole or not at all. Blocks."""
        value = self.value
        if self._path is None or value == self._saved:
            return
        self._saved = value  # a disk that can't be written is not tried again for the same
        with contextlib.suppress(StorageError):
            kept.store(self._path, value)


def memory() -> Memory:
    """The user's own."""
    try:
        return Memory(paths.state_dir() / _FILE)
    except StorageError:
        return Memory()


def _read(path: Path) -> Remembered:
    """Each field that means something; the others keep their defaults."""
    value, found = Remembered(), kept.load(path, dict[str, Any]) or {}
    for field in msgspec.structs.fields(Remembered):
        with contextlib.suppress(msgspec.ValidationError):
            known = msgspec.convert(found.get(field.name), field.type)
            value = msgspec.structs.replace(value, **{field.name: known})
    return value
