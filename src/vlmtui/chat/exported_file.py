"""The JSON file of a chat, read as far as it must be: pictures only when they are asked for.

`export_json` puts each picture on a line of its own. A file like that is read line by line, however
large it is in all; any other JSON is read whole, and has a limit. What is in a file, `import_json`
judges.
"""

from __future__ import annotations

import base64
import os
import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from vlmtui import wrong_values
from vlmtui.chat.export_json import VERSION, Export, ExportedImage, Head
from vlmtui.errors import ArchiveError, os_errors_as

MAX_BYTES = 1 << 30
"""Most of what is read at once: a whole file, or the part of one before its pictures."""

MAX_LINE_BYTES = 400 << 20
"""Longest line with a picture: its file may have 256 MiB, and base64 takes a third more."""

_BEFORE_PICTURES = b'"images":{\n'
_KEY = re.compile(rb'"([0-9a-f]{64})":')
_WRITTEN = re.compile(rb'\{"width":([1-9][0-9]{0,5}),"height":([1-9][0-9]{0,5}),"data":"')
"""How `export_json` begins a picture; others are decoded as a whole."""

_PIECE = 1 << 20
"""Bytes that are read at a time: base64 of whole bytes."""


class ExportedFile:
    """An open file; close it."""

    def __init__(self, path: Path, opened: BinaryIO | None = None) -> None:
        """Read all but the pictures.

        Args:
            path: The file, or what it is called where it was opened already.
            opened: What was opened; closed at the end.

        Raises:
            ArchiveError: It is no such file, damaged, too large, or of a newer version.
        """
        self._path = path
        self._lines: dict[str, tuple[int, int]] = {}
        self._file = opened or _opened(path)
        try:
            self.export = self._read()
        except OSError as error:
            self._file.close()
            raise ArchiveError(f"{path} can't be read: {error.strerror}", "Copy it again") from None
        except BaseException:
            self._file.close()
            raise
        self.pictures = tuple(self._lines or self.export.images)
        """The SHA-256 of each picture."""

    def __enter__(self) -> ExportedFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def picture(self, sha256: str, write: Callable[[bytes], object]) -> ExportedImage:
        """Write a picture's bytes piece by piece; what is returned has none, or None without any.

        Raises:
            ValueError: It is no picture, or damaged; or another of what msgspec raises.
        """
        content: bytes | msgspec.Raw = b""
        if sha256 in self._lines:
            begin, end = self._lines[sha256]
            self._file.seek(begin)
            content = self._file.read(min(end - begin, 100))
            if written := _WRITTEN.match(content):
                self._file.seek(begin + written.end())
                for piece in self._pieces(end - 2):
                    write(base64.b64decode(piece, validate=True))
                if self._file.read(2) != b'"}':
                    raise ValueError("it has no end")
                return ExportedImage(width=int(written[1]), height=int(written[2]), data=b"")
            content += self._file.read(end - self._file.tell())
        picture = msgspec.json.decode(content or self.export.images[sha256], type=ExportedImage)
        if picture.data is None:
            return picture
        write(picture.data)
        return msgspec.structs.replace(picture, data=b"")

    def _pieces(self, end: int) -> Iterator[bytes]:
        while piece := self._file.read(max(0, min(_PIECE, end - self._file.tell()))):
            yield piece

    def _read(self) -> Export:
        first = self._file.readline(MAX_BYTES)
        if first.endswith(_BEFORE_PICTURES) and self._find_lines():
            return _decoded(first + b"}}", self._path)
        del first  # it may be all of the file
        self._lines.clear()
        self._file.seek(0)
        return _decoded(self._whole(), self._path)

    def _find_lines(self) -> bool:
        """Note where each picture is; False where the file isn't laid out like that."""
        while True:
            begin = self._file.tell()
            start, last = self._line()
            if start == b"}}\n":
                return not self._lines and not self._file.read(1)
            behind = 2 if last.endswith(b"},\n") else 3
            if not last.endswith((b"},\n", b"}}}\n")):
                return False
            key = _KEY.match(start)
            if key is None or (sha256 := key[1].decode()) in self._lines:
                return False
            self._lines[sha256] = (begin + key.end(), self._file.tell() - behind)
            if behind == 3:
                return not self._file.read(1)

    def _line(self) -> tuple[bytes, bytes]:
        """Read a line: how it begins, and how it ends, of which nothing is longer than a piece."""
        start = piece = last = self._file.readline(_PIECE)
        end = self._file.tell() + MAX_LINE_BYTES
        while piece and not piece.endswith(b"\n") and self._file.tell() < end:
            piece = self._file.readline(_PIECE)
            last = last[-4:] + piece
        return start, last

    def _whole(self) -> bytes:
        size = os.fstat(self._file.fileno()).st_size
        too_large = ArchiveError(
            f"{self._path} is too large for a chat: {size >> 20} MiB",
            f"Files of up to {MAX_BYTES >> 20} MiB can be imported, and larger ones as vlmtui "
            "writes them, with each picture on a line of its own",
        )
        if size > MAX_BYTES:
            raise too_large
        try:
            content = self._file.read(MAX_BYTES)
        except MemoryError:
            raise too_large from None
        if not content:
            raise ArchiveError(f"{self._path} is empty", "Export the chat again")
        return content


def damaged(path: Path, why: str) -> ArchiveError:
    """What to say of a file in which something is wrong."""
    return ArchiveError(f"{path} can't be imported: {why}", "Export the chat again")


def _opened(path: Path) -> BinaryIO:
    with os_errors_as(ArchiveError, f"{path} can't be read", "Check the path"):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ArchiveError(f"{path} is not a file", "Name the JSON file of a chat")
    return os.fdopen(descriptor, "rb")


def _decoded(content: bytes, path: Path) -> Export:
    try:
        head = msgspec.json.decode(content, type=Head)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise ArchiveError(
            f"{path} is not the JSON of a chat: {wrong_values.why(error)}",
            "Import what `vlmtui chats export --format json` or /export wrote. "
            "Was it copied completely?",
        ) from None
    if head.version > VERSION:
        raise ArchiveError(
            f"{path} was written by a newer vlmtui (format {head.version}; this one knows up to "
            f"{VERSION})",
            "Update vlmtui",
        )
    try:
        return msgspec.json.decode(content, type=Export)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise damaged(path, wrong_values.why(error)) from None
