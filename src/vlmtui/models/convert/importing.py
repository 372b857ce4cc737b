"""Checkpoints made into models: checks what is asked for, and has it done by a process of its own.

The checkpoint is only read. Both files come into being under hidden names, on which another attempt
goes on, and get their own when they are whole. No NumPy here: this runs where the interface does.
"""

from __future__ import annotations

import importlib.util
import os
import re
import sys
import time
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path
from typing import Literal

import msgspec

from vlmtui import paths
from vlmtui.errors import BadModelFile, ImportFailed, InputError, StorageError, os_errors_as
from vlmtui.models import file_maker, gguf
from vlmtui.models.file_maker import Progress
from vlmtui.models.gguf import pairing

_MAKER = file_maker.Maker("vlmtui.models.convert.process", "import.log", ImportFailed)
Head = Literal["f16", "q8_0"]
"""What token embeddings and output layer of a quantised model are kept in."""

Family = Literal["VILA1.5", "LLaVA-1.6", "LLaVA-1.5", "Qwen2.5-VL", "Qwen2-VL", "text"]

_LIBRARIES = ("numpy", "safetensors")
_NAME = re.compile(r"[A-Za-z0-9][\w.+-]{0,99}")


class Remaining:
    """How long it still takes, by how long it took so far."""

    def __init__(self) -> None:
        self._first: tuple[float, float] | None = None

    def at(self, fraction: float) -> float | None:
        """Seconds left at a fraction; None while that can't be told."""
        now = time.monotonic()
        if self._first is None:  # what another attempt has written counts for nothing
            self._first = fraction, now
        done, seconds = fraction - self._first[0], now - self._first[1]
        return seconds * (1 - fraction) / done if done > 0.02 else None


class Order(msgspec.Struct, frozen=True):
    """What the process is to do."""

    name: str
    """What the model is called, in its file."""

    head: Head = "f16"
    dry_run: bool = False


class Contents(msgspec.Struct, frozen=True):
    """What a checkpoint is, and what becomes of it."""

    family: Family
    quantised: bool
    """It is AWQ, and becomes Q4_1."""

    head_bytes: int
    """Of token embeddings and output layer."""

    model_bytes: int
    mmproj_bytes: int
    """0 for a model without a tower."""

    source_bytes: int
    """Of the checkpoint's tensors."""

    rounding: float | None = None
    """The largest difference to the checkpoint's weights, in steps of the quantisation; None until
    all is written."""


class Import(msgspec.Struct, frozen=True):
    """Something that can be imported, as far as its name tells."""

    source: Path
    """Directory of the checkpoint."""

    name: str
    folder: Path
    """Where both files go."""

    head: Head = "f16"

    @property
    def model(self) -> Path:
        return self.folder / f"{self.name}.gguf"

    @property
    def mmproj(self) -> Path:
        """That of tower and projector; comes into being if the checkpoint has them."""
        return self.folder / f"mmproj-{self.name}.gguf"

    @property
    def files(self) -> tuple[Path, Path]:
        return self.model, self.mmproj

    def draft(self, file: Path) -> Path:
        """Where a file comes into being; hidden, so that nobody takes it for a model."""
        return file.with_name(f".{file.name}.part")


def job(source: Path, name: str, head: Head = "f16") -> Import:
    """Something to be imported; the checkpoint isn't looked into.

    Raises:
        InputError: The name can't be one.
        StorageError: There is no place for the files.
        ImportFailed: The libraries that read checkpoints aren't installed.
    """
    if not _NAME.fullmatch(name):
        raise InputError(
            f"A model can't be called {name!r}",
            "Give it another with --name: letters, digits, and . _ + - between them.",
        )
    missing = [library for library in _LIBRARIES if importlib.util.find_spec(library) is None]
    if missing:
        raise ImportFailed(
            f"Importing a checkpoint needs {' and '.join(missing)}, which isn't installed",
            f"Run: {sys.executable} -m pip install {' '.join(missing)}",
        )
    return Import(source, name, paths.models_dir() / name, head)


def require_new(job: Import) -> None:
    """Refuse to write over what is there.

    Raises:
        InputError: The name is taken.
    """
    if job.model.exists():
        raise InputError(
            f"{job.model} already exists",
            f"Give the new one another name with --name, or delete it: vlmtui models rm {job.name}",
        )


def look(job: Import) -> Contents:
    """What the checkpoint is, and what would become of it; nothing is written.

    Raises:
        As `run`.
    """
    (contents,) = _steps(job, dry_run=True)
    assert isinstance(contents, Contents)
    return contents


def run(job: Import) -> Generator[Progress | Contents, None, None]:
    """Import. `Contents` comes first; when it comes again, at the end, call `finish`.

    Leaving the iterator kills the process. What was written is kept for another attempt.

    Raises:
        InputError: The checkpoint is none that can be imported, or damaged.
        StorageError: The disk is too small, or became so.
        ImportFailed: The process died.
    """
    with os_errors_as(StorageError, f"{job.folder} can't be made", "Check its permissions."):
        job.folder.mkdir(parents=True, exist_ok=True)
    try:
        yield from _steps(job, dry_run=False)
    finally:
        _remove_empty(job.folder)


def finish(job: Import) -> None:
    """Check that the files go together, and give them their names, the model last.

    Raises:
        BadModelFile: They don't; nothing is kept.
        StorageError: They can't be renamed.
    """
    tower = job.draft(job.mmproj)
    try:
        seen = gguf.from_path(tower) if tower.exists() else None
        pairing.check(gguf.from_path(job.draft(job.model)), seen)
    except BadModelFile:
        discard(job)
        raise
    if seen is not None:
        file_maker.settle(tower, job.mmproj)
    file_maker.settle(job.draft(job.model), job.model)


def discard(job: Import) -> None:
    """Delete what there is of an import that wasn't finished."""
    for file in job.files:
        file_maker.discard(job.draft(file))
    _remove_empty(job.folder)


def _remove_empty(folder: Path) -> None:
    with suppress(OSError):  # something lies in it
        folder.rmdir()


def _steps(job: Import, *, dry_run: bool) -> Generator[Progress | Contents, None, None]:
    order = msgspec.json.encode(Order(job.name, job.head, dry_run)).decode()
    files = (os.fspath(job.draft(file)) for file in job.files)
    arguments = (order, os.fspath(job.source), *files)
    return _MAKER.run(arguments, Contents, f"imported {job.source}")
