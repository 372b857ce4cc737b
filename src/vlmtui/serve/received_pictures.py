"""Pictures that clients send: files for as long as their request lasts, within limits."""

from __future__ import annotations

import binascii
import contextlib
import tempfile
from base64 import b64decode
from pathlib import Path

from vlmtui import printable
from vlmtui.engine import images
from vlmtui.errors import ImageError, InputError, StorageError, os_errors_as
from vlmtui.messages import ImagePart

MOST = 32
"""Pictures of one request."""


class ReceivedPictures:
    """The pictures of one request. A context: they are gone at its end."""

    def __init__(self, *, fetching: bool) -> None:
        """`fetching` allows to fetch pictures from the web."""
        self._fetching = fetching
        self._count = 0
        self._kept = contextlib.ExitStack()
        self._folder: Path | None = None

    def __enter__(self) -> ReceivedPictures:
        return self

    def __exit__(self, *_: object) -> None:
        self._kept.close()

    def part(self, url: str) -> ImagePart:
        """The picture at an address; blocks.

        Raises:
            InputError: There are too many, or it can't be used.
            FetchFailed: It can't be had.
            StorageError: There is no room for it.
        """
        self._count += 1
        name = f"picture {self._count}"
        if self._count > MOST:
            raise InputError(f"The request has more than {MOST} pictures", "Send fewer.")
        if url[:5].lower() == "data:":
            file = self._written(_content(url, name))
        elif url.startswith(("http://", "https://")):
            file = self._fetched(url)
        else:
            raise InputError(
                f"The address of {name} is not one of a picture: {printable.line(url, 40)}",
                "Send the picture itself: data:image/jpeg;base64,…",
            )
        try:
            info = images.inspect(file)
        except ImageError as error:
            raise named(error, file, name) from None
        return ImagePart(str(file), info.sha256, name, info.width, info.height)

    def _written(self, content: bytes) -> Path:
        with os_errors_as(StorageError, "There is no room for a picture"):
            if self._folder is None:
                made = tempfile.TemporaryDirectory(prefix="vlmtui-serve-")
                self._folder = Path(self._kept.enter_context(made))
            file = self._folder / str(self._count)
            file.write_bytes(content)
        return file

    def _fetched(self, url: str) -> Path:
        if not self._fetching:
            raise InputError(
                "This server fetches no pictures from the web",
                "Send the picture itself as a data: address, or start it with --fetch-pictures.",
            )
        from vlmtui.chat import fetch

        return self._kept.enter_context(fetch.fetched(url, public=True))


def named(error: ImageError, file: Path, name: str) -> ImageError:
    """The error without the path of our file in it."""
    words = error.message.replace(str(file), name)
    return type(error)(words[:1].upper() + words[1:], error.hint)


def _content(url: str, name: str) -> bytes:
    head, comma, data = url.partition(",")
    if not comma or not head.lower().endswith(";base64"):
        raise InputError(
            f"The address of {name} is not a data: address in base64",
            "Write data:image/jpeg;base64,…",
        )
    try:
        return b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise InputError(f"The base64 of {name} is damaged", "Send it again.") from None
