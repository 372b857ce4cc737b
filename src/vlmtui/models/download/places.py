"""Where downloaded files go: into the Hub's cache, or a directory of our own.

The cache's layout is the documented one of huggingface_hub: `blobs/ETAG` holds a content,
`snapshots/COMMIT/NAME` links to it, `refs/BRANCH` names a commit.
"""

from __future__ import annotations

import os
import re
import shutil
import threading
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from urllib.parse import unquote, urlsplit

import msgspec

from vlmtui import kept, paths
from vlmtui.errors import NotTheFile, PullError, StorageError, remedy
from vlmtui.models import pulled
from vlmtui.models.download import hub
from vlmtui.models.download.events import Plan, RemoteFile, Role
from vlmtui.models.stores import cache_variable, hugging_face_cache

_NOTING = threading.Lock()
_UNSAFE = re.compile(r"[^\w.+-]+")
_LONGEST_NAME = 120
_ETAG = re.compile(r"[A-Za-z0-9_-][\w.-]{0,200}")
_COMMIT = re.compile(r"[0-9a-f]{40}")


def in_cache(repository: hub.Repository, file: hub.Listed, role: Role) -> RemoteFile:
    """A file of the Hub, with its place in the cache; one that isn't there was `asked_for`.

    Raises:
        NotTheFile: The server's commit or hash can't be one.
    """
    etag = file.etag or file.digest.partition(":")[2]
    if not _ETAG.fullmatch(etag) or not _COMMIT.fullmatch(repository.commit):
        raise NotTheFile(
            f"{repository.name}: the server gives no commit and hash for {file.name}",
            "This is not a Hub, or an incomplete mirror: check HF_ENDPOINT.",
        )
    cache = hugging_face_cache()
    path = in_snapshot(repository, file.name)
    blob = cache / hub.folder(repository.name) / "blobs" / etag
    part = blob.with_name(f"{blob.name}.incomplete")
    return RemoteFile(
        file.name,
        role,
        hub.file_url(repository.name, repository.commit, file.name),
        file.size,
        path,
        blob,
        part,
        hub.lock_folder(cache, repository.name) / f"{blob.name}.lock",
        etag,
        file.digest,
        present=path.exists() or blob.exists(),
        kept=_size(part),
    )


def of_our_own(url: str, file: str, size: int | None, etag: str, role: Role) -> RemoteFile:
    """A file of any address, with its place in our directory of models.

    Its directory is named after the address, so that files of one name from two places don't meet,
    and a tower lies beside its model.
    """
    parts = urlsplit(url)
    home = url.partition("?")[0].rpartition("/")[0]
    mark = sha256(home.encode()).hexdigest()[:8]
    folder = paths.models_dir() / f"{plain(parts.hostname or 'web')}-{mark}"
    return _own(folder / plain(file), url, size, etag, role)


def beside(tower: RemoteFile, model: RemoteFile) -> RemoteFile:
    """A file of another address, put into the directory of its model."""
    name = tower.path.name if "mmproj" in tower.path.name.lower() else f"mmproj-{tower.path.name}"
    return _own(model.path.with_name(name), tower.url, tower.size, tower.etag, tower.role)


def _own(path: Path, url: str, size: int | None, etag: str, role: Role) -> RemoteFile:
    part, lock = _part(path), _lock(path)
    before = Origin.of(path)
    return RemoteFile(
        path.name,
        role,
        url,
        size,
        path,
        path,
        part,
        lock,
        etag,
        present=path.is_file() and before.etag == etag and size in (None, _size(path)),
        kept=_size(part) if Origin.of(part) == Origin(etag, size) else 0,
    )


def in_snapshot(repository: hub.Repository, name: str) -> Path:
    """Where a file of the Hub is found in the cache."""
    folder = hugging_face_cache() / hub.folder(repository.name)
    return folder / "snapshots" / repository.commit / name


def cached(repository: hub.Repository, file: hub.Listed, role: Role) -> RemoteFile:
    """A file that is in the cache, for when the Hub can't be asked."""
    path = in_snapshot(repository, file.name)
    return RemoteFile(
        file.name,
        role,
        hub.file_url(repository.name, repository.commit, file.name),
        file.size,
        path,
        path,
        path,
        path,
        present=True,
        kept=file.size or 0,
    )


def remains(path: Path) -> list[Path]:
    """What lies beside a file of ours because it was downloaded."""
    part = _part(path)
    others = (_note(path), part, _note(part), _lock(path))
    return [each for each in others if each.is_file()]


def here(file: RemoteFile) -> int:
    """Bytes of a file that are here now."""
    return _size(file.path) or _size(file.blob) or _size(file.part)


def whole(file: RemoteFile) -> bool:
    """Whether another process has fetched a file meanwhile."""
    if file.path != file.blob:
        return file.blob.exists() or file.path.exists()
    return file.path.exists() and Origin.of(file.path) == Origin(file.etag, file.size)


def discard(file: RemoteFile) -> None:
    """Remove what came of a file."""
    with suppress(OSError):
        file.part.unlink(missing_ok=True)
        Origin.forget(file.part)


class Origin(msgspec.Struct, frozen=True):
    """What a server said of a file, kept beside what came of it."""

    etag: str = ""
    size: int | None = None

    @staticmethod
    def of(path: Path) -> Origin:
        return kept.load(_note(path), Origin) or Origin()

    def keep(self, path: Path) -> None:
        kept.write(_note(path), msgspec.json.encode(self))

    @staticmethod
    def forget(path: Path) -> None:
        _note(path).unlink(missing_ok=True)


def prepare(file: RemoteFile) -> None:
    """Make the directories of a file.

    Raises:
        PullError: They can't be made.
    """
    try:
        for folder in (file.blob.parent, file.path.parent, file.lock.parent):
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(error, file) from error


def settle(plan: Plan, file: RemoteFile) -> None:
    """Put a whole file where it belongs.

    Raises:
        PullError: It can't be.
    """
    cached = file.path != file.blob
    try:
        if not cached:  # first, so that a whole file is never taken for one of unknown origin
            Origin(file.etag, file.size).keep(file.path)
        if file.part.exists():
            os.replace(file.part, file.blob)
        if cached:
            _link(file)
            _point(plan, file)
            with _NOTING, suppress(StorageError):  # then only `models rm` leaves it alone
                pulled.note(plan.repository, file.name)
        else:
            Origin.forget(file.part)
    except OSError as error:
        raise unwritable(error, file) from error


def unwritable(error: OSError, file: RemoteFile) -> PullError:
    """The error for a place that takes no file."""
    where = error.filename or file.blob.parent
    variable = cache_variable() if file.path != file.blob else "VLMTUI_HOME"
    return PullError(
        f"{where} can't be written: {error.strerror}",
        remedy(error, f"Check its permissions, or set {variable} to a directory of yours."),
    )


def plain(name: str) -> str:
    """A name from outside as the name of a file: no directory, nothing hidden, nothing odd."""
    name = _UNSAFE.sub("_", unquote(name).replace("\\", "/").rpartition("/")[2]).lstrip(".-")
    stem, dot, ending = name.rpartition(".")
    if not stem:
        return ending[:_LONGEST_NAME] or "model"
    return f"{stem[:_LONGEST_NAME]}{dot}{ending[:20]}"


def _link(file: RemoteFile) -> None:
    """Let the snapshot's name lead to the content; without links on the disk, move it there."""
    if file.path.exists():
        return
    file.path.unlink(missing_ok=True)  # a link to nothing
    target = os.path.relpath(file.blob, file.path.parent)
    try:
        file.path.symlink_to(target)
    except FileExistsError:
        return
    except OSError:
        shutil.move(file.blob, file.path)


def _point(plan: Plan, file: RemoteFile) -> None:
    """Let a branch's name lead to its commit, for those who ask without a network."""
    if plan.revision == plan.commit:
        return
    root = file.blob.parent.parent
    ref = root / "refs" / plan.revision
    if not Path(os.path.realpath(ref)).is_relative_to(os.path.realpath(root / "refs")):
        return
    with suppress(OSError):
        if kept.read(ref) == plan.commit.encode():
            return
    ref.parent.mkdir(parents=True, exist_ok=True)
    kept.write(ref, plan.commit.encode())


def _part(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def _lock(path: Path) -> Path:
    return path.with_name(f".{path.name}.lock")


def _note(path: Path) -> Path:
    return path.with_name(f".{path.name}.json")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
