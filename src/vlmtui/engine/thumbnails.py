"""Thumbnails for a front end, which must stay small: large pictures are decoded in another process.

One picture at a time, whoever asks. The process is there while somebody waits for one, and gone
afterwards: freed blocks of a decoder would else stay with the front end for good.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from vlmtui import errors

if TYPE_CHECKING:
    from PIL import Image

HERE_BYTES = 12_000_000
"""What takes less is decoded in this process: another one would take longer to start."""

SECONDS = 60.0
"""Longest wait for one thumbnail."""

_M_MMAP_THRESHOLD = -3
_MMAP_BYTES = 1 << 20


class _Queue:
    """Those who wait for thumbnails, and the process that makes them."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._count = threading.Lock()
        self._waiting = 0
        self._given_up = 0
        self._process: subprocess.Popen[bytes] | None = None

    def thumbnail(self, path: str | Path, width: int, height: int) -> Image.Image:
        """A small RGB copy of a picture, as `images.thumbnail` makes it. Belongs in a thread.

        Raises:
            ImageError: One of its subclasses, naming the file and what to do.
        """
        from vlmtui.engine import images

        with self._count:
            self._waiting += 1
            given_up = self._given_up
        with self._turn:
            try:
                if given_up != self._given_up:
                    raise errors.ImageUnreadable(f"{path} is not wanted any more")
                _keep_no_blocks()
                if images.thumbnail_bytes(path, width, height) <= HERE_BYTES:
                    return images.thumbnail(path, width, height)
                return self._made_elsewhere(str(path), width, height, given_up)
            finally:
                with self._count:
                    self._waiting -= 1
                    last = not self._waiting
                if last:
                    self._end()

    def give_up(self) -> None:
        """Nobody waits any more: end the process, and what stands in line for it."""
        with self._count:
            self._given_up += 1
        self._end()

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()  # it has nothing to save
            process.wait()
            for pipe in (process.stdin, process.stdout):
                with suppress(OSError):
                    cast("IO[bytes]", pipe).close()

    def _made_elsewhere(self, path: str, width: int, height: int, given_up: int) -> Image.Image:
        from PIL import Image

        wanted = json.dumps({"path": path, "width": width, "height": height})
        try:
            process = self._process = self._process or _started()
            if given_up != self._given_up:  # while it started: there was nothing to end yet
                raise EOFError
            with suppress(BrokenPipeError):  # it was ended: reading says so
                cast("IO[bytes]", process.stdin).write(wanted.encode() + b"\n")
            read = _Reader(cast("IO[bytes]", process.stdout), time.monotonic() + SECONDS)
            answer = json.loads(read.line())
            if "size" in answer:
                size = (answer["size"][0], answer["size"][1])
                return Image.frombytes("RGB", size, read.exactly(3 * size[0] * size[1]))
        except (OSError, EOFError, ValueError) as error:
            self._end()
            raise errors.ImageUnreadable(
                f"No thumbnail can be made of {path}: {str(error) or 'its process ended'}",
                "Memory may be low: end other programs, or scale the picture down.",
            ) from None
        raise errors.named(answer["error"], answer["message"], answer["hint"], errors.ImageError)


class _Reader:
    """Reads from a pipe, but for no longer than a while."""

    def __init__(self, pipe: IO[bytes], deadline: float) -> None:
        self._descriptor = pipe.fileno()
        self._deadline = deadline
        self._read = b""

    def line(self) -> bytes:
        while b"\n" not in self._read:
            self._read += self._more()
        line, _, self._read = self._read.partition(b"\n")
        return line

    def exactly(self, count: int) -> bytes:
        pieces, have = [self._read], len(self._read)
        while have < count:
            pieces.append(self._more())
            have += len(pieces[-1])
        return b"".join(pieces)

    def _more(self) -> bytes:
        left = self._deadline - time.monotonic()
        if left <= 0 or not select.select([self._descriptor], [], [], left)[0]:
            raise OSError(f"it took more than {SECONDS:.0f} seconds")
        piece = os.read(self._descriptor, 1 << 16)
        if not piece:
            raise EOFError
        return piece


def _started() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "vlmtui.engine.thumbnailer"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # what C libraries say would stand on the screen
        bufsize=0,
        start_new_session=True,  # signals of the terminal are for the app
    )


def _keep_no_blocks() -> None:
    """Have glibc give large freed blocks back to the system, whichever thread took them."""
    with suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _MMAP_BYTES)


_queue = _Queue()
thumbnail, give_up = _queue.thumbnail, _queue.give_up
