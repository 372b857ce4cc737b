"""The content store: picture files kept once each, under the hash of their bytes.

A chat refers to this copy, so it still shows its picture when the user's file has moved or changed.
Files appear whole or not at all, also when the power is cut. This module does not look into
pictures: what they are is for `engine.images` to say.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from vlmtui import kept
from vlmtui.errors import StorageError, os_errors_as, remedy

_CHUNK = 1 << 20
_INCOMING = "incoming-"

UNTOUCHED_SECONDS = 7 * 86_400.0
"""A file that was added, even if again, so short a time ago is never removed: whoever added it may
not have said yet what for."""


class StoredImage(msgspec.Struct, frozen=True):
    """A file in the store."""

    path: Path
    """Absolute."""

    sha256: str
    """Lower-case hex digest of its bytes."""


class ImageStore:
    """The pictures below one directory. May be used by several threads and processes at once."""

    def __init__(self, directory: str | Path) -> None:
        """Name the directory; it is made with the first picture."""
        self._directory = Path(directory).absolute()

    def add(self, path: str | Path, suffix: str | None = None) -> StoredImage:
        """Copy a user's file into the store, unless its bytes are there already.

        The suffix is the stored file's, such as ".png"; None takes the file's own.

        Raises:
            StorageError: The file can't be read or the store can't be written.
        """
        source = Path(path)
        with os_errors_as(
            StorageError, f"{source} can't be copied into the chat", "Attach it again"
        ):
            file = source.open("rb")
        with file:
            return self.add_open(file, source.suffix if suffix is None else suffix)

    def add_open(self, source: BinaryIO, suffix: str) -> StoredImage:
        """Copy an open file, from where it is read next, unless its bytes are there already.

        Raises:
            StorageError: The store can't be written.
        """
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.sweep()
            with self._adding(), self._temporary() as (copy, name):
                # Hashed as it is copied: the file may be changed by others at any time.
                sha256 = _copy(source, copy.write)
                place = self.place(sha256)
                folder = place.parent
                stored = StoredImage(place.with_name(f"{sha256}{_safe(suffix)}"), sha256)
                if _holds(stored):
                    os.utime(stored.path)  # see `remove`
                else:
                    copy.flush()
                    os.fsync(copy.fileno())
                    _make_folder(folder)
                    os.replace(name, stored.path)
                    kept.sync_folder(folder)
                return stored
        except OSError as error:
            raise _cannot_keep(error, self._directory) from error

    def find(self, sha256: str) -> Path | None:
        """The file with these bytes, if it is there; its content is not looked at."""
        place = self.place(sha256)
        return next((path for path in sorted(place.parent.glob(f"{sha256}*"))), None)

    def place(self, sha256: str) -> Path:
        """Where a file with these bytes would lie, without its ending."""
        return self._directory / sha256[:2] / sha256

    def remove(self, sha256: str) -> bool:
        """Remove the file with these bytes, unless somebody has just added it or is adding any.

        Returns:
            Whether it is gone.
        """
        with contextlib.suppress(OSError), self._locked(fcntl.LOCK_EX | fcntl.LOCK_NB):
            path = self.find(sha256)
            if path is None:
                return True
            if time.time() - path.stat().st_mtime > UNTOUCHED_SECONDS:
                path.unlink()
                return True
        return False

    def sweep(self) -> None:
        """Remove what was being copied when its process was killed."""
        with contextlib.suppress(OSError), self._locked(fcntl.LOCK_EX | fcntl.LOCK_NB):
            for left in self._directory.glob(f"{_INCOMING}*"):  # nobody is adding anything
                left.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _adding(self) -> Iterator[None]:
        """Keep others from removing files meanwhile."""
        with contextlib.ExitStack() as stack:
            # Where the file system has no locks nothing is removed either.
            with contextlib.suppress(OSError):
                stack.enter_context(self._locked(fcntl.LOCK_SH))
            yield

    @contextlib.contextmanager
    def _locked(self, kind: int) -> Iterator[None]:
        descriptor = os.open(self._directory, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, kind)
            yield
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def _temporary(self) -> Iterator[tuple[BinaryIO, str]]:
        """A new file in the store's file system, readable by its owner; gone unless renamed."""
        name = str(self._directory / f"{_INCOMING}{os.urandom(16).hex()}")
        descriptor = os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                yield file, name
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name)


def _copy(source: BinaryIO, write: Callable[[bytes], object]) -> str:
    digest = hashlib.sha256()
    while chunk := source.read(_CHUNK):
        digest.update(chunk)
        write(chunk)
    return digest.hexdigest()


def _holds(stored: StoredImage) -> bool:
    """Whether the file is there with the bytes that its name promises."""
    try:
        with stored.path.open("rb") as file:
            return _copy(file, len) == stored.sha256
    except OSError:
        return False


def _safe(suffix: str) -> str:
    """An ending that is only letters and digits; the user's file may end in anything."""
    ending = suffix[1:].lower()
    return f".{ending}" if ending.isascii() and ending.isalnum() and len(ending) <= 5 else ""


def _make_folder(folder: Path) -> None:
    if not folder.is_dir():
        folder.mkdir(mode=0o700, exist_ok=True)
        kept.sync_folder(folder.parent)


def _cannot_keep(error: OSError, directory: Path) -> StorageError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageError(
            f"There is no space left on the disk for pictures in {directory}",
            "Free some space on that disk, and attach the picture again",
        )
    return StorageError(
        f"The picture can't be kept in {directory}: {error.strerror}",
        remedy(error, "Make the directory writable for you, or set VLMTUI_HOME to one that is"),
    )
