"""Chats read back from JSON files, which anybody may have written.

A file is believed only as far as it was checked: its shape by types, its tree by looking, its
pictures by their bytes. Everything is checked before anything is kept, so a file that is refused
leaves nothing behind.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import msgspec

from vlmtui import wrong_values
from vlmtui.chat import preferences
from vlmtui.chat.attached_images import AttachedImages
from vlmtui.chat.export_json import (
    CHAT_FIELDS,
    MESSAGE_FIELDS,
    Export,
    ExportedImage,
    ExportedMessage,
    Image,
    Text,
    values,
)
from vlmtui.chat.exported_file import ExportedFile, damaged
from vlmtui.engine import images
from vlmtui.errors import ImageError, InputError, StorageError, os_errors_as
from vlmtui.messages import ImagePart, Message, Part, TextPart
from vlmtui.storage import stored_json
from vlmtui.storage.chats import ChatStore
from vlmtui.storage.images import ImageStore
from vlmtui.storage.records import Chat, StoredMessage


def import_json(
    store: ChatStore, image_store: ImageStore, path: Path, opened: BinaryIO | None = None
) -> Chat:
    """Make a chat from a file that `export_json` or somebody else has written.

    Args:
        store: Gets the chat.
        image_store: Gets its pictures.
        path: The file, or what it is called where it was opened already.
        opened: What was opened.

    Raises:
        ArchiveError: It is no such file, damaged, or of a newer version. Nothing was kept.
        StorageError: The chat can't be written.
    """
    if opened is None:
        path = Path(os.path.abspath(os.path.expanduser(path)))
    with (
        ExportedFile(path, opened) as file,
        tempfile.TemporaryDirectory(prefix="vlmtui-import-") as folder,
    ):
        export = file.export
        _check_tree(export, file.pictures, path)
        _check_sampling(export, path)
        pictures = _Pictures(file, path, Path(folder))
        pictures.check()
        known = pictures.keep(image_store)
        messages = [_message(message, known) for message in export.messages]
        chat = Chat(id=0, leaf_id=export.chat.leaf, **values(export.chat, CHAT_FIELDS))
        return store.trees.add(chat, messages)


def _check_sampling(export: Export, path: Path) -> None:
    try:
        preferences.checked(preferences.known(export.chat.sampling))  # the rest is kept as it is
    except InputError as error:
        raise damaged(path, f"{error.message[:1].lower()}{error.message[1:]}") from None


def _check_tree(export: Export, pictures: Sequence[str], path: Path) -> None:
    if export.version < 1:
        raise damaged(path, f"there is no format {export.version}")
    if not export.messages:
        raise damaged(path, "there are no messages in it")
    seen: set[int] = set()
    for message in export.messages:
        if message.id in seen:
            raise damaged(path, f"two messages have the id {message.id}")
        if message.parent is not None and message.parent not in seen:
            raise damaged(path, f"message {message.id} follows one that is not before it")
        seen.add(message.id)
    if export.chat.leaf is not None and export.chat.leaf not in seen:
        raise damaged(path, f"message {export.chat.leaf}, which ends its branch, is not there")
    named = {p.sha256 for m in export.messages for p in m.parts if isinstance(p, Image)}
    for sha256 in named - set(pictures):
        raise damaged(path, f"the picture {sha256[:12]}… is not in it")


class _Pictures:
    """The pictures of a file, each in memory only while it is looked at."""

    def __init__(self, exported: ExportedFile, path: Path, folder: Path) -> None:
        self._exported = exported
        self._path = path
        self._file = folder / "picture"

    def check(self) -> None:
        for sha256 in self._exported.pictures:
            with self._picture(sha256) as picture:
                if picture.data is None:
                    continue
                try:
                    images.inspect(self._file)
                except ImageError as error:
                    said = error.message.replace(str(self._file), f"picture {sha256[:12]}…")
                    raise damaged(self._path, said) from None

    def keep(self, image_store: ImageStore) -> dict[str, ImagePart]:
        known = {}
        for sha256 in self._exported.pictures:
            with self._picture(sha256) as picture:
                if picture.data is None:
                    path = image_store.find(sha256) or image_store.place(sha256)
                    known[sha256] = ImagePart(str(path), sha256, "", picture.width, picture.height)
                else:
                    known[sha256] = AttachedImages(image_store).attach(self._file)
        return known

    @contextmanager
    def _picture(self, sha256: str) -> Iterator[ExportedImage]:
        """A picture, its bytes in the file."""
        digest = hashlib.sha256()
        with (
            os_errors_as(
                StorageError,
                f"The pictures of {self._path} can't be looked at in {self._file.parent}",
                "Free some space on that disk",
            ),
            self._file.open("wb") as file,
        ):

            def write(piece: bytes) -> None:
                digest.update(piece)
                file.write(piece)

            try:
                picture = self._exported.picture(sha256, write)
            except (msgspec.DecodeError, RecursionError, ValueError) as error:
                raise damaged(
                    self._path, f"picture {sha256[:12]}…: {wrong_values.why(error)}"
                ) from None
        if picture.data is not None and digest.hexdigest() != sha256:
            raise damaged(
                self._path, f"picture {sha256[:12]}… is damaged: its bytes don't match its hash"
            )
        yield picture


def _message(message: ExportedMessage, known: Mapping[str, ImagePart]) -> StoredMessage:
    parts = tuple(_part(part, known) for part in message.parts)
    return StoredMessage(
        parent_id=message.parent,
        message=Message(message.role, parts, message.thought),
        stats=stored_json.stats(message.stats),
        **values(message, MESSAGE_FIELDS),
    )


def _part(part: Text | Image, known: Mapping[str, ImagePart]) -> Part:
    if isinstance(part, Text):
        return TextPart(part.text)
    return msgspec.structs.replace(known[part.sha256], name=part.name, detail=part.detail)
