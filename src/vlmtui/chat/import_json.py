"""Chats read back from JSON files, which anybody may have written.

A file is believed only as far as it was checked: its shape by types, its tree by looking, its
pictures by their bytes. Everything is checked before anything is kept, so a file that is refused
leaves nothing behind.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

from vlmtui.chat.attached_images import keep
from vlmtui.chat.export_json import (
    VERSION,
    Export,
    ExportedImage,
    ExportedMessage,
    Head,
    Image,
    Text,
)
from vlmtui.engine import images
from vlmtui.errors import ArchiveError, ImageError, StorageError
from vlmtui.messages import ImagePart, Message, Part, TextPart
from vlmtui.storage.chats import ChatStore
from vlmtui.storage.images import ImageStore
from vlmtui.storage.records import Chat, StoredMessage

MAX_BYTES = 1 << 30
"""Larger files are refused before they are read. Of the pictures in one, only one at a time is in
memory a second time."""


def import_json(store: ChatStore, image_store: ImageStore, path: Path) -> Chat:
    """Make a chat of a file that `export_json` or somebody else has written.

    Raises:
        ArchiveError: It is no such file, damaged, or of a newer version. Nothing was kept.
        StorageError: The chat can't be written.
    """
    path = Path(os.path.abspath(os.path.expanduser(path)))
    export = _decoded(_content(path), path)
    _check_tree(export, path)
    with tempfile.TemporaryDirectory(prefix="vlmtui-import-") as folder:
        pictures = _Pictures(export, path, Path(folder))
        pictures.check()
        known = pictures.keep(image_store)
        messages = [_message(message, known) for message in export.messages]
        return store.trees.add(_chat(export), messages)


def _content(path: Path) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise ArchiveError(f"{path} can't be read: {error.strerror}", "Check the path") from None
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise ArchiveError(f"{path} is no file", "Name the JSON file of a chat")
    with os.fdopen(descriptor, "rb") as file:
        too_large = ArchiveError(
            f"{path} is too large for a chat: {status.st_size >> 20} MiB",
            f"Files of up to {MAX_BYTES >> 20} MiB can be imported, where there is memory for them",
        )
        if status.st_size > MAX_BYTES:
            raise too_large
        try:
            content = file.read(MAX_BYTES)
        except MemoryError:
            raise too_large from None
        except OSError as error:
            raise ArchiveError(f"{path} can't be read: {error.strerror}", "Copy it again") from None
    if not content:
        raise ArchiveError(f"{path} is empty", "Export the chat again")
    return content


def _decoded(content: bytes, path: Path) -> Export:
    try:
        head = msgspec.json.decode(content, type=Head)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise ArchiveError(
            f"{path} is not the JSON of a chat: {str(error)[:200]}",
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
        raise _damaged(path, str(error)[:200]) from None


def _check_tree(export: Export, path: Path) -> None:
    if export.version < 1:
        raise _damaged(path, f"there is no format {export.version}")
    if not export.messages:
        raise _damaged(path, "there are no messages in it")
    seen: set[int] = set()
    for message in export.messages:
        if message.id in seen:
            raise _damaged(path, f"two messages have the id {message.id}")
        if message.parent is not None and message.parent not in seen:
            raise _damaged(path, f"message {message.id} follows one that is not before it")
        seen.add(message.id)
    if export.chat.leaf is not None and export.chat.leaf not in seen:
        raise _damaged(path, f"message {export.chat.leaf}, which ends its branch, is not there")
    named = {p.sha256 for m in export.messages for p in m.parts if isinstance(p, Image)}
    for sha256 in named - export.images.keys():
        raise _damaged(path, f"the picture {sha256[:12]}… is not in it")


class _Pictures:
    """The pictures of a file, each in memory only while it is looked at."""

    def __init__(self, export: Export, path: Path, folder: Path) -> None:
        self._raw: Mapping[str, msgspec.Raw] = export.images
        self._path = path
        self._file = folder / "picture"

    def check(self) -> None:
        for sha256 in self._raw:
            with self._picture(sha256) as picture:
                if picture.data is None:
                    continue
                try:
                    images.inspect(self._file)
                except ImageError as error:
                    said = error.message.replace(str(self._file), f"picture {sha256[:12]}…")
                    raise _damaged(self._path, said) from None

    def keep(self, image_store: ImageStore) -> dict[str, ImagePart]:
        known = {}
        for sha256 in self._raw:
            with self._picture(sha256) as picture:
                if picture.data is None:
                    path = image_store.find(sha256) or image_store.place(sha256)
                    known[sha256] = ImagePart(str(path), sha256, "", picture.width, picture.height)
                else:
                    known[sha256] = keep(image_store, self._file)
        return known

    @contextmanager
    def _picture(self, sha256: str) -> Iterator[ExportedImage]:
        """A picture, its bytes also in the file."""
        try:
            picture = msgspec.json.decode(self._raw[sha256], type=ExportedImage)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise _damaged(self._path, f"picture {sha256[:12]}…: {error}") from None
        if picture.data is not None:
            if hashlib.sha256(picture.data).hexdigest() != sha256:
                raise _damaged(self._path, f"picture {sha256[:12]}… has other bytes than it should")
            try:
                self._file.write_bytes(picture.data)
            except OSError as error:
                raise StorageError(
                    f"The pictures of {self._path} can't be looked at in {self._file.parent}: "
                    f"{error.strerror}",
                    "Free some space on that disk",
                ) from error
        yield picture


def _chat(export: Export) -> Chat:
    chat = export.chat
    return Chat(
        id=0,
        title=chat.title,
        created=chat.created,
        updated=chat.updated,
        leaf_id=chat.leaf,
        pinned=chat.pinned,
        system=chat.system,
        sampling=chat.sampling,
        model=chat.model,
    )


def _message(message: ExportedMessage, known: Mapping[str, ImagePart]) -> StoredMessage:
    return StoredMessage(
        id=message.id,
        parent_id=message.parent,
        message=Message(message.role, tuple(_part(part, known) for part in message.parts)),
        status=message.status,
        created=message.created,
        model=message.model,
        error=message.error,
        stats=message.stats,
        error_kind=message.error_kind,
    )


def _part(part: Text | Image, known: Mapping[str, ImagePart]) -> Part:
    if isinstance(part, Text):
        return TextPart(part.text)
    return msgspec.structs.replace(known[part.sha256], name=part.name)


def _damaged(path: Path, why: str) -> ArchiveError:
    return ArchiveError(f"{path} can't be imported: {why}", "Export the chat again")
