"""Models that the user told of with `models add`: names for files that stay where they are."""

from __future__ import annotations

from pathlib import Path

import msgspec

from vlmtui.models.installed import StoredFile
from vlmtui.models.named_list import NamedList


class Added(msgspec.Struct, frozen=True):
    """A model under a name of the user's, or one that was named by its path."""

    name: str
    path: str
    mmproj: str | None = None


ADDED = NamedList("models.json", list[Added], "added models", "vlmtui models add")


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
        for model in ADDED.everything()
    ]
