"""Models that the user told of with `models add`: names for files that stay where they are."""

from __future__ import annotations

from pathlib import Path

import msgspec

from vlmtui import kept, paths
from vlmtui.errors import StorageError
from vlmtui.models.stores import StoredFile


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
    path = _list()
    try:
        return kept.decoded(kept.read(path), list[Added])
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StorageError(
            f"{path} can't be read: {error.strerror}", "Check its permissions."
        ) from error
    except (ValueError, RecursionError) as error:
        raise StorageError(
            f"The list of added models {path} is damaged: {error}",
            "Delete the file and add the models again with `vlmtui models add`.",
        ) from error


def add(model: Added) -> None:
    """Put a model down, in the place of one with the same name.

    Raises:
        StorageError: The list can't be read or written.
    """
    with kept.alone(_list()):
        others = [each for each in everything() if each.name.lower() != model.name.lower()]
        kept.store(_list(), [*others, model])


def remove(name: str) -> bool:
    """Forget a model; its files stay. Returns whether there was one.

    Raises:
        StorageError: The list can't be read or written.
    """
    with kept.alone(_list()):
        before = everything()
        after = [each for each in before if each.name.lower() != name.lower()]
        if len(after) < len(before):
            kept.store(_list(), after)
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


def _list() -> Path:
    return paths.data_dir() / "models.json"
