"""Which instances of vlmtui are alive, so that one knows what another one left behind.

Each instance holds a lock on a file of its own from when it opens the chats. The kernel lets go
of the lock however the process ends, be it `kill -9` or a power cut, so there is no process id that
could be taken over by another program and no heartbeat to miss, and it holds across containers that
share the directory. This module does not know what is unfinished.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vlmtui import kept
from vlmtui.errors import StorageError, os_errors_as


class Presence:
    """This instance among those that use `directory`. May be used from any thread."""

    def __init__(self, directory: Path) -> None:
        """Name the place of the lock files; nothing is made before `token` is asked for."""
        self._directory = directory
        self._lock = threading.Lock()
        self._token: str | None = None
        self._file = -1

    def enter(self) -> None:
        """Be known to be alive, from now on: others leave alone what this instance has open.

        Raises:
            StorageError: The lock file can't be made.
        """
        self.token  # noqa: B018 - made with the first look

    @property
    def token(self) -> str:
        """The name of this instance; from the first call on it is known to be alive.

        Raises:
            StorageError: The lock file can't be made.
        """
        with self._lock:
            if self._token is None:
                with os_errors_as(
                    StorageError,
                    f"No lock file can be made in {self._directory}",
                    "Free some space there and make the directory writable for you",
                ):
                    self._token = self._enter()
            return self._token

    def is_alive(self, token: str | None) -> bool:
        """Whether the instance of that name, maybe this one, still runs."""
        if token is None:
            return False
        if token == self._token:
            return True
        with _unheld(self._directory / token) as dead:
            return not dead

    def others(self) -> bool:
        try:
            found = list(self._directory.iterdir())
        except OSError:
            return False
        return any(self.is_alive(path.name) for path in found if path.name != self._token)

    def ask_to_stop(self, token: str, message_id: int) -> None:
        """Leave word for another instance that it stop writing this message."""
        with suppress(OSError):  # it is gone
            file = os.open(self._directory / token, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
            with open(file, "wb") as word:
                word.write(b"%d\n" % message_id)

    def is_to_stop(self, message_id: int) -> bool:
        """Whether others have left such word here."""
        with suppress(OSError):
            if self._token is not None:
                words = os.pread(self._file, os.fstat(self._file).st_size, 0)
                return b"%d" % message_id in words.split()
        return False

    def close(self) -> None:
        with self._lock:
            if self._token is not None:
                with suppress(OSError):
                    (self._directory / self._token).unlink()
                os.close(self._file)
                self._token = None

    def _enter(self) -> str:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._sweep()
        while True:
            token = os.urandom(16).hex()
            path = self._directory / token
            # Close-on-exec: the engine's process must not keep the lock when this one dies.
            file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            # Another instance's sweep may have come between these two lines and taken the file.
            if kept.locked(file) and path.exists():
                self._file = file
                return token
            os.close(file)

    def _sweep(self) -> None:
        """Remove the lock files of the dead: no file means dead as well."""
        for path in self._directory.iterdir():
            with _unheld(path) as dead, suppress(OSError):
                if dead:
                    path.unlink()


@contextmanager
def _unheld(path: Path) -> Iterator[bool]:
    """Whether nobody holds the file; then nobody can take it before the block ends."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        yield True
        return
    try:
        # Shared, so that two instances that look at the same time don't see each other.
        # Where the file system has no locks at all, everyone counts as gone: then two instances
        # see each other's running answers as interrupted, and nothing worse.
        yield kept.locked(file, fcntl.LOCK_SH)
    finally:
        os.close(file)
