"""One file of a cache: whole or worth nothing.

    magic (8 bytes) | length of the description (4, big-endian) | description | digest (32)
    | payload | digest of all before (32)

The description can be read and trusted without reading the payload. Written under another name and
then renamed; a torn or changed file fails its digest, so nothing is synced to the disk.
"""

from __future__ import annotations

import hashlib
import os
import stat
import struct
from collections.abc import Callable, Sequence
from contextlib import suppress
from io import BufferedReader
from pathlib import Path

_MAGIC = b"vlmtui\x00\x01"
_HEAD = struct.Struct(">8sI")
_DIGEST = 32
_PIECE = 1 << 20
_MOST_DESCRIPTION = 16_000_000


class Useless(Exception):
    """The file isn't there, is damaged, or none of these."""


def write(
    path: Path,
    description: bytes,
    payload: Sequence[memoryview],
    wanted: Callable[[], bool] = lambda: True,
) -> bool:
    """Write a file, readable by its owner alone.

    Args:
        path: Its name; replaced if it is there.
        description: What it stands for.
        payload: Its pieces, of bytes.
        wanted: Asked between the pieces and before it gets its name; False gives it up.

    Returns:
        Whether it was written.

    Raises:
        OSError: It can't be.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            digest = hashlib.sha256()
            for part in (_HEAD.pack(_MAGIC, len(description)), description):
                digest.update(part)
                file.write(part)
            file.write(digest.digest())
            digest.update(digest.digest())
            for whole in payload:
                for start in range(0, len(whole), _PIECE):
                    if not wanted():
                        return False
                    piece = whole[start : start + _PIECE]
                    digest.update(piece)
                    file.write(piece)
            file.write(digest.digest())
        if not wanted():
            return False
        os.replace(draft, path)
        return True
    finally:
        with suppress(OSError):
            draft.unlink()


def described(path: Path) -> bytes:
    """What a file stands for.

    Raises:
        Useless: It is no file of a cache.
    """
    try:
        with _opened(path) as file:
            return _described(file)[0]
    except OSError as error:
        raise Useless(str(error)) from None


def read(path: Path) -> tuple[bytes, bytearray]:
    """The description and the payload.

    Raises:
        Useless: It is no file of a cache, or damaged anywhere.
    """
    try:
        with _opened(path) as file:
            description, digest = _described(file)
            size = os.fstat(file.fileno()).st_size - file.tell() - _DIGEST
            if size < 0:
                raise Useless("it ends too early")
            payload = bytearray(size)
            view = memoryview(payload)
            for start in range(0, size, _PIECE):
                piece = view[start : start + _PIECE]
                if file.readinto(piece) != len(piece):
                    raise Useless("it ends too early")
                digest.update(piece)
            if file.read(_DIGEST) != digest.digest():
                raise Useless("it was changed")
            return description, payload
    except (OSError, MemoryError) as error:
        raise Useless(str(error)) from None


def _opened(path: Path) -> BufferedReader:
    # not blocking: nobody may be at the other end of a FIFO
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise Useless("it is no regular file")
    return file


def _described(file: BufferedReader) -> tuple[bytes, hashlib._Hash]:
    head = file.read(_HEAD.size)
    if len(head) < _HEAD.size:
        raise Useless("it ends too early")
    magic, length = _HEAD.unpack(head)
    if magic != _MAGIC or length > _MOST_DESCRIPTION:
        raise Useless("it is no file of a cache")
    description = file.read(length)
    digest = hashlib.sha256(head + description)
    told = file.read(_DIGEST)
    if told != digest.digest():
        raise Useless("it was changed")
    digest.update(told)
    return description, digest
