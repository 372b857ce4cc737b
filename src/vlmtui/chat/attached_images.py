"""Pictures that are attached to a chat: checked first, then kept by content.

This module knows what a chat wants of a picture; reading it is `engine.images`, keeping it is
`storage.images`.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from vlmtui.engine import images
from vlmtui.engine.images import crops
from vlmtui.errors import StorageError, os_errors_as
from vlmtui.messages import ImagePart
from vlmtui.storage.images import ImageStore

_SUFFIXES = {
    "JPEG": ".jpg",
    "PNG": ".png",
    "WEBP": ".webp",
    "GIF": ".gif",
    "BMP": ".bmp",
    "TIFF": ".tiff",
    "HEIF": ".heic",
    "AVIF": ".avif",
}
"""By content, not by the user's name for it, so that equal bytes are always one file."""


class AttachedImages:
    """The pictures of all chats, which keep them when the user's files are gone."""

    def __init__(self, store: ImageStore) -> None:
        self._store = store

    def attach(self, path: str | Path) -> ImagePart:
        """Check that the user's file is a picture, and copy it; `~` is their home.

        Raises:
            ImageError: It can't be used; one of its subclasses, naming the file and what to do.
            StorageError: It can't be copied.
        """
        source = Path(os.path.expanduser(path))  # Path.expanduser raises for an unknown user
        info = images.inspect(source)
        stored = self._store.add(source, _SUFFIXES.get(info.format, ""))
        if stored.sha256 != info.sha256:  # it was changed between the look and the copy
            info = images.inspect(stored.path)
        return ImagePart(str(stored.path), stored.sha256, source.name, info.width, info.height)

    def attach_part(self, path: str | Path, part: str, name: str = "") -> ImagePart:
        """Have a part of a picture as a picture of its own, which says what it is of.

        Args:
            path: The picture; `~` is the user's home.
            part: `x,y,width,height`, see `engine.images.crops.box`.
            name: What the user calls the picture; empty for the file's name.

        Raises:
            InputError: There is no such part, or the picture can't be used.
            StorageError: It can't be kept.
        """
        source = Path(os.path.expanduser(path))
        name = name or source.name
        info = images.inspect(source)
        box = crops.box(part, (info.width, info.height), name)
        full = os_errors_as(
            StorageError,
            f"The part of {name} can't be stored temporarily",
            "Make room for temporary files, or set TMPDIR to another directory",
        )
        with full, tempfile.TemporaryFile() as file:
            crops.cut(source, box, file, name)
            file.seek(0)
            stored = self._store.add_open(file, _SUFFIXES["PNG"])
        return ImagePart(str(stored.path), stored.sha256, f"{name}{box}", box.width, box.height)
