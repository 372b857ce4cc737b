"""A store for when the real one can't be opened: it holds one sitting, and then it is gone.

The database is in memory; pictures need files, because they travel to the engine by path, and get a
temporary directory. The disk that refused the chats may be the one with the temporary directory on
it, so a place in memory is tried too.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from vlmtui.errors import StorageError
from vlmtui.storage.chats import ChatStore
from vlmtui.storage.database import Database
from vlmtui.storage.images import ImageStore

_IN_MEMORY = "/dev/shm"
_ROOM_BYTES = 1_000_000
"""A directory that can't take this much has no room for pictures."""


class TemporaryStore:
    """A store without a place on the disk.

    Attributes:
        store: The chats, of which there are none yet.
        images: Their pictures.
        warning: What the user must know.
    """

    def __init__(self, reason: StorageError, lasting: Path) -> None:
        """Make it.

        Args:
            reason: Why the real store can't be opened; raised when there is no room at all.
            lasting: The directory of that one: words that are typed outlast this one.
        """
        self.warning = StorageError(
            f"This chat is not saved. {reason.message}",
            f"{reason.hint}\nUntil then /export saves what is here, and nothing else does",
        )
        self._directory = _directory(reason)
        root = Path(self._directory.name)
        self.store = ChatStore(Database(root / "chats.db", in_memory=True), lasting)
        self.images = ImageStore(root / "images")

    def close(self) -> None:
        """Forget everything. Safe to call twice."""
        self.store.close()
        self._directory.cleanup()


def _directory(reason: StorageError) -> tempfile.TemporaryDirectory[str]:
    for parent in (None, os.environ.get("XDG_RUNTIME_DIR"), _IN_MEMORY):
        with contextlib.suppress(OSError):
            directory = tempfile.TemporaryDirectory(prefix="vlmtui-unsaved-", dir=parent)
            if _has_room(Path(directory.name)):
                return directory
            directory.cleanup()
    raise reason


def _has_room(directory: Path) -> bool:
    probe = directory / "probe"
    try:
        probe.write_bytes(bytes(_ROOM_BYTES))
        probe.unlink()
    except OSError:
        return False
    return True
