"""One small file: read tolerantly, written whole.

Settings, themes, lists and notes go through here. Only regular files of a bounded size are read, so
that a FIFO or a device in the place of one holds up nobody. What is written stands under its name
whole or not at all, also after a power cut.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from vlmtui.errors import InputError, StorageError, os_errors_as

_Value = TypeVar("_Value")

MOST_BYTES = 1_000_000
"""A larger file isn't one of these."""

_DRAFT = "draft"
_ABANDONED_S = 3600.0
"""A draft as old as this has nobody who writes it any longer."""

_TIMEOUT_S = 2.0


def read(path: Path, most: int = MOST_BYTES) -> bytes:
    """The content of a file, or of what a link leads to, of so many bytes at most.

    Raises:
        OSError: It can't be read, is no regular file, or larger. `strerror` says which.
    """
    try:
        # not blocking: nobody may be at the other end of a FIFO
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except ValueError as error:  # a NUL in its name
        raise OSError(errno.EINVAL, str(error), str(path)) from None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file", str(path))
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = file.read(most + 1)
    finally:
        os.close(descriptor)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"it is larger than {most / 1e6:.0f} MB", str(path))
    return content


def text_at(given: str, what: str, hint: str) -> str:
    """The text in a file that the user names; `what` says what it is, for a message.

    Raises:
        InputError: There is none, or it is no text.
    """
    try:
        return read(Path(os.path.expanduser(given))).decode("utf-8-sig")
    except FileNotFoundError:
        problem = f"There is no {what} {given}"
    except UnicodeDecodeError:
        problem = f"The {what} {given} is not UTF-8 text"
    except OSError as error:
        problem = f"The {what} {given} can't be read: {error.strerror}"
    raise InputError(problem, hint)


def load(path: Path, kind: type[_Value], most: int = MOST_BYTES) -> _Value | None:
    """The value of a JSON file; None where there is none of that kind, or it has more bytes."""
    try:
        return decoded(read(path, most), kind)
    except (OSError, ValueError, RecursionError):
        return None


def decoded(content: bytes, kind: type[_Value]) -> _Value:
    """The value of what `store` wrote.

    Raises:
        ValueError: It is no JSON, or of another kind.
        RecursionError: It is nested too deeply.
    """
    if b"\\ud" in content:  # parts of a name that isn't UTF-8, which msgspec refuses
        import json  # it takes longer than all else here

        return msgspec.convert(json.loads(content), kind)
    return msgspec.json.decode(content, type=kind)


def store(path: Path, value: Any) -> None:
    """Write a value as JSON.

    Raises:
        StorageError: It can't be written; what was there is there still.
    """
    try:
        content = msgspec.json.format(msgspec.json.encode(value), indent=2)
    except UnicodeEncodeError:  # a name that isn't UTF-8
        import json

        content = json.dumps(msgspec.to_builtins(value), indent=2).encode()
    with os_errors_as(
        StorageError, f"{path} can't be written", "Free space, or check its permissions."
    ):
        write(path, content)


def write(
    path: Path,
    content: bytes | Iterable[bytes],
    *,
    replace: bool = True,
    mode: int = 0o600,
    durable: bool = True,
) -> None:
    """Write a file, whole or in pieces; one that was there keeps its mode, and a link stays one.

    What is durable survives a power cut, which costs tens of milliseconds on an SD card.

    Raises:
        FileExistsError: There is one.
        OSError: It can't be written; what was there is there still.
    """
    place = Path(os.path.realpath(path))
    if place.exists() and not place.is_file():  # root could put a file in the place of /dev/null
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    start = f".{place.name[:100]}."
    draft = place.with_name(f"{start}{os.urandom(6).hex()}.{_DRAFT}")
    try:
        descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, mode)
        with os.fdopen(descriptor, "wb") as file:
            with contextlib.suppress(OSError):  # a new file; or a disk that knows no modes
                os.fchmod(descriptor, stat.S_IMODE(place.stat().st_mode))
            file.writelines([content] if isinstance(content, bytes) else content)
            file.flush()
            if durable:
                os.fsync(descriptor)
        _take_name(draft, place, replace=replace)
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
    if durable:
        with contextlib.suppress(OSError):
            sync_folder(place.parent)
    _sweep(place.parent, start)


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """While the body reads and writes a file, no other process does so in this way.

    Where the directory can't be locked, or only after seconds, the body runs all the same.
    """
    try:
        folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        yield
        return
    try:
        end = time.monotonic() + _TIMEOUT_S
        while not locked(folder) and time.monotonic() < end:
            time.sleep(0.01)
        yield
    finally:
        os.close(folder)


def locked(descriptor: int, kind: int = fcntl.LOCK_EX) -> bool:
    """Take the lock of a file or directory; False while another one has it.

    True, too, where nothing can be locked.
    """
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EWOULDBLOCK, errno.EACCES)
    return True


def _take_name(draft: Path, place: Path, *, replace: bool) -> None:
    if not replace:
        try:
            os.link(draft, place)
            return
        except FileExistsError:
            raise
        except OSError:  # a disk without hard links
            if place.exists():
                raise FileExistsError(errno.EEXIST, "File exists", str(place)) from None
    os.replace(draft, place)


def sync_folder(folder: Path) -> None:
    """Make the names in a directory last; a file's own fsync doesn't.

    Raises:
        OSError: It can't be read, or the disk fails.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sweep(folder: Path, start: str) -> None:
    """Remove what those left behind that were killed while writing."""
    with contextlib.suppress(OSError):
        for entry in os.scandir(folder):
            ours = entry.name.startswith(start) and entry.name.endswith(f".{_DRAFT}")
            if ours and entry.stat().st_mtime < time.time() - _ABANDONED_S:
                os.unlink(entry.path)
