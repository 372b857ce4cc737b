"""Graphs of vision towers: checks what is asked for, and has it made by a process of its own."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from pathlib import Path

import msgspec

from vlmtui.errors import ConversionFailed, InputError, StorageError, os_errors_as
from vlmtui.models import file_maker
from vlmtui.models.file_maker import Progress
from vlmtui.models.installed import InstalledModel
from vlmtui.models.towers import tower_store
from vlmtui.models.towers.tower_store import Graph, Runner

_MAKER = file_maker.Maker("vlmtui.engine.towers.tower_process", "towers.log", ConversionFailed)


class Made(msgspec.Struct, frozen=True):
    """A graph is in its place."""

    path: Path
    about: Graph


def tower_of(model: InstalledModel) -> Path:
    """The file of a model's vision tower.

    Raises:
        InputError: It has none, or it isn't known which of several.
    """
    if model.mmproj is None:
        raise InputError(
            f"{model.name} has no vision tower",
            "Only towers are converted; the language model stays as it is.",
        )
    return model.mmproj


def make(mmproj: Path, runner: Runner, *, half: bool) -> Generator[Progress | Made, None, None]:
    """Make a graph; `Made` comes last. Leaving the iterator kills the process.

    Raises:
        BadModelFile: The file is damaged, or its tower is of a kind that can't be converted.
        ConversionFailed: A library is missing, there is no GPU, or TensorRT gives up.
        StorageError: The result can't be written.
    """
    with os_errors_as(StorageError, "There is no place for the tower's graph", "Free space."):
        target = tower_store.place(mmproj, runner)
        target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.part")
    order = {"mmproj": str(mmproj), "runner": runner, "half": half, "target": str(draft)}
    arguments = [msgspec.json.encode(order).decode()]
    try:
        with closing(_MAKER.run(arguments, Graph, "converted the tower")) as steps:
            for step in steps:
                if isinstance(step, Progress):
                    yield step
                else:
                    file_maker.settle(draft, target)
                    tower_store.note(target, step)
                    yield Made(target, step)
    finally:
        file_maker.discard(draft)
