"""The graphs of vision towers that were made on this machine: where they lie, and of what.

A graph stands for one mmproj file, by its content, whatever that is called or where it lies. An
engine of TensorRT is good for one version of TensorRT on one kind of GPU; whether that is the one
that is here only the process that loads it can tell.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from vlmtui import kept, paths
from vlmtui.errors import StorageError

Runner = Literal["tensorrt", "onnxruntime"]
_SUFFIX: dict[Runner, str] = {"tensorrt": ".engine", "onnxruntime": ".onnx"}
_SAMPLE = 1 << 20
"""Bytes at either end of a file that tell it from others, with its size: 600 MB take seconds."""


MOST_DIFFERENCE = 5e-3
"""Float16 alone makes 1e-3; a graph of another tower makes more than 1."""


class Graph(msgspec.Struct, frozen=True):
    """What is known of a graph."""

    runner: Runner
    mmproj: str
    """Path of the file that it was made of."""

    half: bool
    """It computes in float16."""

    projector: str
    """"mlp" or "lfm2"."""

    side: int
    """Width and height of its pictures, in pixels."""

    tiles: tuple[tuple[int, int], ...] = ()
    """See `engine.engine_requests.Tower`."""

    version: str = ""
    """Of TensorRT."""

    gpu: str = ""
    """"Orin, compute capability 8.7"."""

    difference: float | None = None
    """To libmtmd's tower on a sample: root mean square, over that of libmtmd's; None: not seen."""

    @property
    def agrees(self) -> bool:
        """It may be used."""
        return self.difference is not None and self.difference <= MOST_DIFFERENCE


def identity(mmproj: Path) -> str:
    """What a file is called here, by its content.

    Raises:
        OSError: It can't be read.
    """
    import hashlib  # brings OpenSSL; `any_there` is asked at each start

    digest = hashlib.sha256()
    with mmproj.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        digest.update(f"{size} ".encode())
        digest.update(file.read(_SAMPLE))
        file.seek(max(0, size - _SAMPLE))
        digest.update(file.read(_SAMPLE))
    return digest.hexdigest()[:32]


def place(mmproj: Path, runner: Runner) -> Path:
    """Where the graph of a tower is, or would be.

    Raises:
        OSError: The tower's file can't be read.
        StorageError: There is no place.
    """
    return _folder() / f"{identity(mmproj)}{_SUFFIX[runner]}"


def any_there() -> bool:
    """Whether there is any graph: looking for one reads from the tower's file."""
    return _folder().is_dir()


def find(mmproj: Path) -> Path | None:
    """The graph that is to be used for a tower, TensorRT's first; None where there is none."""
    try:
        name = identity(mmproj)
    except OSError:
        return None
    return next((graph for graph in _graphs(name) if described(graph) is not None), None)


def described(graph: Path) -> Graph | None:
    """What is known of a graph; None where that is missing or damaged."""
    return kept.load(_about(graph), Graph)


def note(graph: Path, about: Graph) -> None:
    """Put down what a graph is.

    Raises:
        StorageError: It can't be written.
    """
    kept.store(_about(graph), about)


def remove(mmproj: Path) -> list[Path]:
    """Delete all graphs of a tower; returns their files.

    Raises:
        OSError: The tower's file can't be read, or a graph can't be deleted.
    """
    gone = list(_graphs(identity(mmproj)))
    for graph in gone:
        _about(graph).unlink(missing_ok=True)
        graph.unlink(missing_ok=True)
    return gone


def _graphs(name: str) -> Iterator[Path]:
    for suffix in _SUFFIX.values():
        graph = _folder() / f"{name}{suffix}"
        if graph.is_file():
            yield graph


def _about(graph: Path) -> Path:
    return graph.with_name(f"{graph.name}.json")


def _folder() -> Path:
    try:
        return paths.data_dir() / "towers"
    except StorageError:
        return Path(os.devnull)  # where nothing can be kept, nothing is
