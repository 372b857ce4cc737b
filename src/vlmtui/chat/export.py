"""Chats as files: where a file goes, and how it comes there whole or not at all.

What is in the files is for `export_markdown`, `export_json` and `export_html`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal

from vlmtui import kept, printable
from vlmtui.chat import export_words
from vlmtui.errors import ArchiveError, StorageError, VlmtuiError, remedy
from vlmtui.messages import ImagePart
from vlmtui.storage.records import Chat, StoredMessage

Format = Literal["markdown", "json", "html"]
"""markdown and html hold the branch that is shown, json everything."""

SUFFIXES: dict[str, str] = {"markdown": ".md", "json": ".json", "html": ".html"}


_BY_SUFFIX: dict[str, Format] = {".json": "json", ".html": "html", ".htm": "html"}


def format_of(path: Path) -> Format:
    """What the file's name ends in, or else Markdown."""
    return _BY_SUFFIX.get(path.suffix.lower(), "markdown")


def export(
    chat: Chat,
    thread: Sequence[StoredMessage],
    tree: Sequence[StoredMessage],
    destination: Path,
    format: Format,
    *,
    overwrite: bool = False,
) -> Path:
    """Write a chat to a file, see `Archive.export`; returns the file.

    `thread` is the branch that is shown, `tree` are all messages.

    Raises:
        ArchiveError: It can't be written there; nothing was.
        StorageError: The disk is full.
    """
    path = _target(chat, destination, SUFFIXES[format])
    if not overwrite and (path.exists() or path.is_symlink()):
        raise _exists(path)
    if format == "markdown":
        _export_markdown(chat, thread, path, overwrite=overwrite)
    else:
        _write(path, pieces(chat, thread, tree, format), overwrite=overwrite)
    return path


def pieces(
    chat: Chat, thread: Sequence[StoredMessage], tree: Sequence[StoredMessage], format: Format
) -> Iterator[bytes]:
    """What `export` writes, but for pictures that would lie beside it."""
    if format == "markdown":
        from vlmtui.chat import export_markdown

        return export_markdown.pieces(chat, thread, None)
    if format == "html":
        from vlmtui.chat import export_html

        return export_html.pieces(chat, thread)
    from vlmtui.chat import export_json

    return export_json.pieces(chat, tree)


def _target(chat: Chat, destination: Path, suffix: str) -> Path:
    path = Path(os.path.abspath(os.path.expanduser(destination)))
    if not path.is_dir():
        return path
    name = export_words.file_name(chat)
    path /= name + suffix
    number = 2
    while path.exists() or path.is_symlink():
        path = path.with_name(f"{name}-{number}{suffix}")
        number += 1
    return path


# ---------------------------------------------------------------------- pictures beside


def _export_markdown(
    chat: Chat, thread: Sequence[StoredMessage], path: Path, *, overwrite: bool
) -> None:
    from vlmtui.chat import export_markdown

    folder = path.with_name(f"{path.stem}-images")
    images = {image.sha256: image for stored in thread for image in stored.message.images}
    names = _file_names([image for image in images.values() if Path(image.path).is_file()])
    links = {sha256: f"{folder.name}/{name}" for sha256, name in names.items()}
    if names and folder.exists() and not overwrite:
        raise _exists(folder)
    made = bool(names) and not folder.exists()
    try:
        if names:
            with _archive_errors(folder):
                folder.mkdir(exist_ok=True)
            for sha256, name in names.items():
                _copy(Path(images[sha256].path), folder / name)
        _write(path, export_markdown.pieces(chat, thread, links), overwrite=overwrite)
    except VlmtuiError:
        if made:  # by us and a moment ago, so what is in it is ours
            shutil.rmtree(folder, ignore_errors=True)
        raise


def _file_names(images: Sequence[ImagePart]) -> dict[str, str]:
    """A name for each picture that any file system takes, by SHA-256, in order."""
    names = {}
    for number, image in enumerate(images, start=1):
        stem = re.sub(r"[^\w.-]+", "-", printable.line(Path(image.name).stem)).strip("-.")
        suffix = Path(image.path).suffix  # the store's, which goes by content
        names[image.sha256] = f"{number}-{stem[:40] or 'picture'}{suffix}"
    return names


def _copy(source: Path, path: Path) -> None:
    def chunks() -> Iterator[bytes]:
        with source.open("rb") as file:
            while chunk := file.read(1 << 20):
                yield chunk

    _write(path, chunks(), overwrite=True, durable=False)


# ---------------------------------------------------------------------- whole or not at all


def _write(path: Path, pieces: Iterable[bytes], *, overwrite: bool, durable: bool = True) -> None:
    with _archive_errors(path):
        try:
            kept.write(path, pieces, replace=overwrite, mode=0o666, durable=durable)
        except FileExistsError:
            raise _exists(path) from None


def _exists(path: Path) -> ArchiveError:
    return ArchiveError(f"{path} already exists", "Choose another name, or replace it with --force")


@contextlib.contextmanager
def _archive_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise ArchiveError(
            f"There is no directory {path.parent}", "Create it first, or choose another place"
        ) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise StorageError(
                f"There is no space left on the disk for {path}",
                "Free some space, or choose a place on another disk",
            ) from error
        raise ArchiveError(
            f"{path} can't be written: {error.strerror}", remedy(error, "Choose another place")
        ) from error
