"""One file of a cache: whole or worth nothing.

    magic (8 bytes) | length of the description (4, big-endian) | description | digest (32)
    | payload | digest of the digest before and of the checksums of the payload (32)

The description can be read and trusted without reading the payload. Written under another name and
then renamed; a torn or changed file fails its digest, so nothing is synced to the disk.

They are for damage, since whoever may write here may do as the user does. So each MiB of the
payload has a CRC-32, which misses one damaged piece of four thousand million, and not SHA-256,
which takes twice as long, and seven times without the processor's instructions for it. Several
threads read and check at once.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import stat
import struct
import threading
import zlib
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from io import BufferedReader, BufferedWriter
from pathlib import Path

_MAGIC = b"vlmtui\x00\x02"
_HEAD = struct.Struct(">8sI")
_DIGEST = 32
_PIECE = 1 << 20
_MOST_THREADS = 4
_MOST_DESCRIPTION = 16_000_000


class Useless(Exception):
    """The file isn't there, is damaged, or none of these."""


def write(
    path: Path,
    description: bytes,
    payload: Sequence[memoryview],
    wanted: Callable[[], bool] = lambda: True,
) -> bool:
    """Write a file in pieces, readable by its owner alone; one that is there is replaced.

    `wanted` is asked between the pieces and before it gets its name; False gives it up.

    Returns:
        Whether it was written.

    Raises:
        OSError: It can't be.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            head = _HEAD.pack(_MAGIC, len(description)) + description
            digest = _digest(head)
            file.write(head + digest)
            sums = _write_pieces(file, payload, wanted)
            if sums is None:
                return False
            file.write(_digest(digest, sums))
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


def read(path: Path) -> tuple[bytes, memoryview]:
    """The description and the payload, which is memory that may be written to.

    Raises:
        Useless: It is no file of a cache, or damaged anywhere.
    """
    try:
        with _opened(path) as file:
            description, digest = _described(file)
            start = file.tell()
            size = os.fstat(file.fileno()).st_size - start - _DIGEST
            if size < 0:
                raise Useless("it ends too early")
            # not bytearray, which writes zeros all over it first, in one thread
            payload = memoryview(mmap.mmap(-1, size, mmap.MAP_PRIVATE) if size else bytearray())
            sums = _read_pieces(file.fileno(), start, payload)
            if os.pread(file.fileno(), _DIGEST, start + size) != _digest(digest, sums):
                raise Useless("it was changed")
            return description, payload
    except (OSError, MemoryError) as error:
        raise Useless(str(error)) from None


def _read_pieces(descriptor: int, start: int, payload: memoryview) -> list[int]:
    """Read the payload from where it starts; the checksum of each piece, -1 for one that fails."""
    sums = [-1] * -(-len(payload) // _PIECE)
    left = deque(range(len(sums)))

    def work() -> None:
        with suppress(IndexError, OSError):
            while True:
                number = left.popleft()
                piece = payload[number * _PIECE : (number + 1) * _PIECE]
                if os.preadv(descriptor, [piece], start + number * _PIECE) == len(piece):
                    sums[number] = zlib.crc32(piece)

    count = min(_MOST_THREADS, os.cpu_count() or 1, len(sums))
    threads = [threading.Thread(target=work, name="pieces") for _ in range(count - 1)]
    for thread in threads:
        thread.start()
    work()
    for thread in threads:
        thread.join()
    return sums


def _write_pieces(
    file: BufferedWriter, payload: Sequence[memoryview], wanted: Callable[[], bool]
) -> list[int] | None:
    """Write the parts of a payload as one; the checksum of each piece, or None if unwanted."""
    sums = []
    checksum, room = 0, _PIECE
    for part in payload:
        while part:
            if not wanted():
                return None
            piece, part = part[:room], part[room:]
            checksum = zlib.crc32(piece, checksum)
            file.write(piece)
            room -= len(piece)
            if not room:
                sums.append(checksum)
                checksum, room = 0, _PIECE
    if room < _PIECE:
        sums.append(checksum)
    return sums


def _digest(data: bytes, sums: Sequence[int] = ()) -> bytes:
    return hashlib.sha256(data + repr(sums).encode()).digest()


def _opened(path: Path) -> BufferedReader:
    # not blocking: nobody may be at the other end of a FIFO
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise Useless("it is not a regular file")
    return file


def _described(file: BufferedReader) -> tuple[bytes, bytes]:
    """The description and its digest, behind which the file stands then."""
    head = file.read(_HEAD.size)
    if len(head) < _HEAD.size:
        raise Useless("it ends too early")
    magic, length = _HEAD.unpack(head)
    if magic != _MAGIC or length > _MOST_DESCRIPTION:
        raise Useless("it is not a cache file")
    description = file.read(length)
    digest = _digest(head + description)
    if file.read(_DIGEST) != digest:
        raise Useless("it was changed")
    return description, digest
