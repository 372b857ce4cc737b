"""Models that the user told of with `models add`: names for files that stay where they are."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from vlmtui import paths
from vlmtui.errors import StorageError
from vlmtui.models.stores import StoredFile

_FILE = "models.json"


class Added(msgspec.Struct, frozen=True):
    """A model under a name of the user's."""

    name: str
    path: str
    mmproj: str | None = None


def everything() -> list[Added]:
    """The models that were added, in the order of the adding.

    Raises:
        StorageError: The list can't be read.
    """
    path = paths.data_dir() / _FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[Added])
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StorageError(
            f"{path} can't be read: {error.strerror}", "Check its permissions."
        ) from error
    except (ValueError, RecursionError) as error:
        raise StorageError(
            f"The list of added models {path} is damaged: {error}",
            "Delete the file, and add the models again with `vlmtui models add`.",
        ) from error


def add(model: Added) -> None:
    """Put a model down, in the place of one with the same name.

    Raises:
        StorageError: The list can't be read or written.
    """
    others = [each for each in everything() if each.name.lower() != model.name.lower()]
    _write([*others, model])


def remove(name: str) -> bool:
    """Forget a model; its files stay. Returns whether there was one.

    Raises:
        StorageError: The list can't be read or written.
    """
    before = everything()
    after = [each for each in before if each.name.lower() != name.lower()]
    if len(after) < len(before):
        _write(after)
    return len(after) < len(before)


def files() -> list[StoredFile]:
    """The models as files of a store.

    Raises:
        StorageError: The list can't be read.
    """
    return [
        StoredFile(
            Path(model.path),
            "added",
            f"added:{model.name}",
            name=model.name,
            mmproj=Path(model.mmproj) if model.mmproj is not None else None,
        )
        for model in everything()
    ]


def _write(models: list[Added]) -> None:
    path = paths.data_dir() / _FILE
    draft = path.with_name(f"{_FILE}.{os.getpid()}")
    try:
        draft.write_bytes(msgspec.json.format(msgspec.json.encode(models), indent=2))
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise StorageError(
            f"{path} can't be written: {error.strerror}", "Free space, or check its permissions."
        ) from error
