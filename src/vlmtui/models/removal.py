"""Deleting a model: what goes, what stays because others need it, what is not ours to delete."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from vlmtui.errors import InputError, StorageError, os_errors_as
from vlmtui.models import added, facts, opened, pulled
from vlmtui.models.download import places
from vlmtui.models.installed import InstalledModel


class Removal(msgspec.Struct, frozen=True):
    """What deleting a model would do."""

    model: InstalledModel
    files: tuple[Path, ...]
    """Files and links that go; none when only a name is forgotten."""

    freed: int
    """Bytes."""


def plan(model: InstalledModel, others: Sequence[InstalledModel]) -> Removal:
    """What deleting a model would do, by which others keep their files; changes nothing.

    Raises:
        InputError: It isn't ours to delete; says how to delete it.
    """
    if model.source in ("added", "file"):
        return Removal(model, (), 0)
    if model.source == "own":
        return _own(model, others)
    if model.source == "huggingface" and _in_repository(model.path) in pulled.files(
        model.repository
    ):
        return _cached(model, others)
    raise InputError(f"{model.name} is not vlmtui's to delete: {_keeper(model)}", _how(model))


def carry_out(removal: Removal) -> None:
    """Delete.

    Raises:
        StorageError: A file can't be deleted.
    """
    model = removal.model
    if model.source == "added":
        added.ADDED.remove(model.name)
        return
    if model.source == "file":
        opened.forget(model.path)
        return
    for file in removal.files:
        with os_errors_as(StorageError, f"{file} can't be deleted", "Check the permissions."):
            file.unlink(missing_ok=True)
    for folder in {file.parent for file in removal.files}:
        _drop_empty(folder)
    if model.source == "huggingface":
        gone = [_in_repository(file) for file in removal.files if "snapshots" in file.parts]
        pulled.forget(model.repository, gone)
        repository = _repository(model.path)
        if not any(
            path.is_symlink() or path.is_file() for path in repository.rglob("snapshots/*/**/*")
        ):
            _drop_repository(repository)


def _own(model: InstalledModel, others: Sequence[InstalledModel]) -> Removal:
    files = _files(model, others)
    remains = [each for file in files for each in places.remains(file)]
    return Removal(model, (*files, *remains), facts.bytes_of(files))


def _cached(model: InstalledModel, others: Sequence[InstalledModel]) -> Removal:
    """Links in all snapshots that lead to the model's blobs, and the blobs."""
    repository = _repository(model.path)
    fetched = pulled.files(model.repository)
    files = [file for file in _files(model, others) if _in_repository(file) in fetched]
    blobs = {os.path.realpath(file) for file in files}
    links = [link for link in repository.glob("snapshots/**/*") if os.path.realpath(link) in blobs]
    inside = os.path.realpath(repository)
    own = [Path(blob) for blob in sorted(blobs) if blob.startswith(f"{inside}{os.sep}")]
    return Removal(
        model, (*links, *(blob for blob in own if blob not in links)), facts.bytes_of(own)
    )


def _files(model: InstalledModel, others: Sequence[InstalledModel]) -> list[Path]:
    needed = {os.path.realpath(other.path) for other in others}
    needed |= {os.path.realpath(other.mmproj) for other in others if other.mmproj is not None}
    files = facts.parts(model.path)
    if model.mmproj is not None:
        files.append(model.mmproj)
    return [file for file in files if os.path.realpath(file) not in needed]


def _repository(path: Path) -> Path:
    """The directory of a repository in the cache that a file lies in."""
    return next(parent for parent in path.parents if parent.name.startswith("models--"))


def _in_repository(path: Path) -> str:
    """A file's name in its repository: what follows `snapshots/REVISION/`."""
    parts = path.parts
    return "/".join(parts[parts.index("snapshots") + 2 :])


def _drop_repository(repository: Path) -> None:
    """Take a repository's remains away, as far as they are what the cache itself makes."""
    for file in [*repository.glob("refs/*"), *repository.glob(".no_exist/*/*")]:
        with suppress(OSError):
            file.unlink()
    for folder in sorted(repository.glob("**/"), key=lambda path: -len(path.parts)):
        _drop_empty(folder)


def _drop_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()


def _keeper(model: InstalledModel) -> str:
    return {
        "demo": "it comes with the program",
        "ollama": "it lies in Ollama's store",
        "lm-studio": "it lies in LM Studio's directory",
        "llama.cpp": "it lies in llama.cpp's cache",
        "huggingface": "another program put it into the Hugging Face cache",
    }.get(model.source, f"it lies in {model.path.parent}")


def _how(model: InstalledModel) -> str:
    files = facts.parts(model.path) + ([model.mmproj] if model.mmproj is not None else [])
    return {
        "demo": "It takes 7 MB, and goes with vlmtui itself.",
        "ollama": f"`ollama rm {model.name.partition('@')[0]}` deletes it.",
        "lm-studio": "Delete it in LM Studio, under My Models.",
        "huggingface": f"`hf cache rm model/{model.repository}` deletes it.",
    }.get(model.source, f"`rm {shlex.join(map(str, files))}` deletes it.")
