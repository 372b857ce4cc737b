"""What was typed and the database refuses: in a file of its own, until the database takes it.

The disk that refuses the database may be full, so other places are tried behind the one beside it.
An instance holds a lock on its file; what a dead one left is taken over at the next start.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from vlmtui.messages import ImagePart
from vlmtui.storage.pictures import storable
from vlmtui.storage.records import Draft

_IN_MEMORY = "/dev/shm"
_MOST_BYTES = 64 << 20
"""A larger file is none of ours."""


class FallbackDrafts:
    """The words of this instance, and those that others left. May be used from any thread."""

    def __init__(self, root: Path) -> None:
        owner = hashlib.sha256(os.fsencode(root)).hexdigest()[:12]
        self._root = root
        self._start = f"vlmtui-unsaved-words-{owner}-"
        self._name = f"{self._start}{os.urandom(8).hex()}.json"
        self._lock = threading.Lock()
        self._words: dict[int | None, Draft] = {}
        self._file = -1
        self._path: Path | None = None

    def keep(self, chat_id: int | None, text: str, images: Sequence[ImagePart]) -> Path | None:
        """Write down what the database refuses; returns where, or None where every place does."""
        images = [msgspec.structs.replace(image, name=storable(image.name)) for image in images]
        with self._lock:
            self._words[chat_id] = Draft(storable(text), tuple(images))
            return self._write_down()

    def forget(self, chat_id: int | None) -> None:
        """The database has it."""
        with self._lock:
            if self._words.pop(chat_id, None) is None:
                return
            if self._words:
                self._write_down()
            else:
                self._drop()

    def _write_down(self) -> Path | None:
        content = msgspec.json.encode(list(self._words.values()))
        for folder in self._places():
            with suppress(OSError):
                self._write(folder / self._name, content)
                return self._path
        return None

    def left(self) -> Iterator[tuple[list[Draft], Path]]:
        """What dead instances left, and the files that are to be removed once it is safe."""
        for folder in self._places():
            for path in sorted(folder.glob(f"{self._start}*.json")):
                if path.name != self._name and (drafts := _read(path)) is not None:
                    yield drafts, path

    def _places(self) -> list[Path]:
        import tempfile  # not needed before the first paint

        names = (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), _IN_MEMORY)
        return [self._root, *(Path(name) for name in names if name)]

    def _write(self, path: Path, content: bytes) -> None:
        part = path.with_suffix(".part")
        flags = os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        file = os.open(part, flags, 0o600)
        try:
            with suppress(OSError):  # without locks, the next start takes it over at once
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with open(file, "wb", closefd=False) as writer:
                writer.write(content)
            os.fsync(file)
            os.replace(part, path)
        except BaseException:
            os.close(file)
            with suppress(OSError):
                part.unlink()
            raise
        self._drop(but=path)
        self._file, self._path = file, path

    def _drop(self, but: Path | None = None) -> None:
        if self._path is not None and self._path != but:
            with suppress(OSError):
                self._path.unlink()
        if self._file != -1:
            os.close(self._file)
        self._file, self._path = -1, None


def _read(path: Path) -> list[Draft] | None:
    """What stands in a file that nobody holds; None for one that is held, or no such file."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    with open(file, "rb") as reader:
        status = os.fstat(file)
        ours = stat.S_ISREG(status.st_mode) and status.st_uid == os.getuid()
        if not ours or status.st_size > _MOST_BYTES:
            return None
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return None
        except OSError:  # no locks here
            pass
        try:
            return msgspec.json.decode(reader.read(), type=list[Draft])
        except (msgspec.DecodeError, UnicodeError, OSError):
            return None
