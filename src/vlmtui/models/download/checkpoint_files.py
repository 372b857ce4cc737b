"""Which files of a repository make up a checkpoint that is to be imported."""

from __future__ import annotations

from pathlib import PurePosixPath

from vlmtui.errors import NothingToPull
from vlmtui.models.download.hub import Listed, Repository

_FOLDERS = ("", "llm", "vision_tower", "mm_projector")
"""Where a checkpoint's files lie; the others are VILA's."""

_SMALL = (".json", ".jinja", ".model")
_WEIGHTS = (".safetensors", ".pt", ".bin")
"""The preferred ones first: where there are some, the others are the same once more."""

_OTHERS = ("training_args", "optimizer", "scheduler", "trainer_state", "rng_state", "consolidated")

_LONGEST, _LONGEST_PART = 1000, 240
"""Bytes of names; file systems take 4096 and 255."""


def choose(repository: Repository) -> list[Listed]:
    """The files to fetch.

    Raises:
        NothingToPull: There is no checkpoint.
    """
    chosen: list[Listed] = []
    for folder in _FOLDERS:
        files = [file for file in repository.files if _lies_in(file.name, folder)]
        chosen += [file for file in files if file.name.endswith(_SMALL)]
        weights = [[file for file in files if file.name.endswith(kind)] for kind in _WEIGHTS]
        chosen += _newest(next((found for found in weights if found), []))
    if not any(file.name == "config.json" for file in chosen) or not any(
        file.name.endswith(_WEIGHTS) for file in chosen
    ):
        raise NothingToPull(
            f"{repository.name} holds no checkpoint: config.json and weights belong to one",
            f"If it has GGUF files: vlmtui models pull hf:{repository.name}",
        )
    return chosen


def is_odd(name: str) -> bool:
    """Whether a name leads elsewhere, or can't be shown."""
    path = PurePosixPath(name)
    odd = path.is_absolute() or ".." in path.parts or "\\" in name or not name.isprintable()
    long = len(name) > _LONGEST or any(len(part.encode()) > _LONGEST_PART for part in path.parts)
    return odd or long


def _lies_in(name: str, folder: str) -> bool:
    where, _, file = name.rpartition("/")
    return where == folder and not is_odd(name) and not file.startswith((".", *_OTHERS))


def _newest(files: list[Listed]) -> list[Listed]:
    """Of several `.pt` files, each a whole model, the one in the newer layout."""
    if len(files) < 2 or not files[0].name.endswith(".pt"):
        return files
    return [next((file for file in files if "v2" in file.name), files[-1])]
