"""The folder of what engines have computed and keep: embeddings of pictures, states of chats.

Bounded in bytes; what was unused for the longest time leaves first. Engines of several processes
may write and read here at once, and anybody may delete anything at any time: that costs time, and
nothing else. What lies here tells what was seen and said.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

import msgspec

from vlmtui.engine import cached_file
from vlmtui.engine.cached_file import Useless
from vlmtui.engine.engine_requests import DiskCache

Kind = Literal["picture", "chat"]
_KINDS: Mapping[str, Kind] = {"picture": "picture", "chat": "chat"}
"""By the beginning of a file's name."""

_LEAST_FREE = 1_000_000_000
"""Bytes that stay free on the disk, or a twentieth of it, whichever is less."""

_IN_USE = ".open"
_ABANDONED_S = 86_400.0


class Entry(msgspec.Struct, frozen=True):
    """A file that is kept."""

    kind: Kind
    name: str
    size_bytes: int
    used: float
    """When it was last written or read, in seconds since 1970."""


class CacheFolder:
    """What is kept below a directory, which need not exist."""

    def __init__(self, path: Path, most_bytes: int = 0) -> None:
        """Nothing is made yet; `most_bytes` bounds what is kept, and concerns only who writes."""
        self.path = path
        self.most_bytes = most_bytes

    @classmethod
    def of(cls, wanted: DiskCache) -> CacheFolder:
        return cls(Path(wanted.path), wanted.most_bytes)

    # ------------------------------------------------------------------ for engines

    def find(self, kind: Kind, name: str) -> Path:
        """Where something is, or would be."""
        return self.path / f"{kind}-{hashlib.sha256(name.encode()).hexdigest()[:40]}"

    def used(self, path: Path) -> None:
        with suppress(OSError):
            os.utime(path)

    def keep(
        self,
        path: Path,
        description: bytes,
        payload: Sequence[memoryview],
        wanted: Callable[[], bool] = lambda: True,
    ) -> bool:
        """Keep something, if there is room for it; see `cached_file.write`."""
        size = sum(len(piece) for piece in payload)
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not self._make_room(size, path):
                return False
            return cached_file.write(path, description, payload, wanted)
        except OSError:
            return False  # full, or not to be written: then it is computed again

    def drop(self, path: Path) -> None:
        with suppress(OSError):
            path.unlink()

    def begin_chat(self, chat: str) -> None:
        """A chat is in use: its state may be written until `forget_chat`."""
        with suppress(OSError):
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._mark(chat).touch(mode=0o600)

    def is_wanted(self, chat: str) -> bool:
        """Whether nobody has deleted a chat since `begin_chat`."""
        return self._mark(chat).exists()

    def _mark(self, chat: str) -> Path:
        path = self.find("chat", chat)
        return path.with_name(path.name + _IN_USE)

    # ------------------------------------------------------------------ for all

    def forget_chat(self, chat: str) -> None:
        """Delete the state of a chat, and have none written that is on its way."""
        self.drop(self._mark(chat))
        self.drop(self.find("chat", chat))

    def entries(self) -> list[Entry]:
        """What is kept, the latest used first."""
        found = []
        for path, status in self._files():
            kind = _KINDS.get(path.name.partition("-")[0])
            if kind is not None and not path.suffix:
                found.append(Entry(kind, path.name, status.st_size, status.st_mtime))
        return sorted(found, key=lambda entry: -entry.used)

    def clear(self) -> int:
        """Delete everything; returns how many bytes that were.

        Raises:
            OSError: Something can't be deleted.
        """
        total = 0
        for path, status in self._files():
            total += status.st_size
            path.unlink(missing_ok=True)
        return total

    def _files(self) -> Iterator[tuple[Path, os.stat_result]]:
        with suppress(OSError), os.scandir(self.path) as listing:
            for each in listing:
                with suppress(OSError):
                    if each.is_file(follow_symlinks=False):
                        yield Path(each.path), each.stat(follow_symlinks=False)

    def _make_room(self, size: int, replaced: Path) -> bool:
        """Delete what was unused for longest until something fits; whether it does."""
        entries = [entry for entry in self.entries() if entry.name != replaced.name]
        taken = sum(entry.size_bytes for entry in entries)
        if size > self.most_bytes or not self._disk_has(size):
            return False
        while entries and taken + size > self.most_bytes:
            oldest = entries.pop()
            taken -= oldest.size_bytes
            self.drop(self.path / oldest.name)
        self._tidy()
        return True

    def _disk_has(self, size: int) -> bool:
        disk = os.statvfs(self.path)
        least = min(_LEAST_FREE, disk.f_blocks * disk.f_frsize // 20)
        return disk.f_bavail * disk.f_frsize - size >= least

    def _tidy(self) -> None:
        """Delete drafts and marks of processes that ended long ago."""
        now = time.time()
        for path, status in self._files():
            other = path.suffix == _IN_USE or path.name.startswith(".")
            if other and now - status.st_mtime > _ABANDONED_S:
                self.drop(path)


def found(path: Path, kind: type[msgspec.Struct]) -> msgspec.Struct | None:
    """What a file stands for; None where it is none that can be understood."""
    try:
        return msgspec.msgpack.decode(cached_file.described(path), type=kind)
    except (Useless, msgspec.MsgspecError):
        return None
