"""Models that were opened by their path: they can be chosen again, and a chat remembers their name.

Losing the list costs little, so nothing here fails.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from vlmtui import kept, paths
from vlmtui.errors import StorageError
from vlmtui.models.added import Added
from vlmtui.models.installed import StoredFile

_MOST = 100


def remember(model: Added) -> None:
    """Put a model at the end of the list; of one name the last one counts."""
    _exchange(model.path, [model])


def forget(path: Path) -> None:
    """Take a model out of the list, under whatever names; its file stays."""
    _exchange(str(path), [])


def _exchange(path: str, new: list[Added]) -> None:
    with contextlib.suppress(StorageError), kept.alone(_list()):
        before = _read()
        after = [*(each for each in before if each.path != path), *new][-_MOST:]
        if after != before:
            kept.store(_list(), after)


def files() -> list[StoredFile]:
    """Those that are still there as files of a store, what was opened last first.

    Of one without a vision tower, the towers that lie beside it by now come along.
    """
    found: list[StoredFile] = []
    for model in _there():
        path = Path(model.path)
        tower = Path(model.mmproj) if model.mmproj is not None else None
        group = f"opened:{path}"
        found.append(StoredFile(path, "file", group, mmproj=tower))
        if tower is None:
            beside = sorted(path.parent.glob("*mmproj*.[gG][gG][uU][fF]"))
            found += [StoredFile(each, "file", group) for each in beside]
    return found


def find(name: str) -> Added | None:
    """The model that was opened under a name and is still there."""
    return next((model for model in _there() if model.name.lower() == name.lower()), None)


def _there() -> Iterator[Added]:
    """Those whose files are still there, what was opened last first, without towers that aren't."""
    for model in reversed(_read()):
        if Path(model.path).is_file():
            gone = model.mmproj is not None and not Path(model.mmproj).is_file()
            yield msgspec.structs.replace(model, mmproj=None) if gone else model


def _read() -> list[Added]:
    try:
        return kept.load(_list(), list[Added]) or []
    except StorageError:
        return []


def _list() -> Path:
    return paths.state_dir() / "opened.json"
