"""What was pulled can be deleted again, and gives the disk all of its room back."""

from __future__ import annotations

from pathlib import Path

from tests.models.hub import Hub
from tests.models.test_download import MODEL, REPOSITORY, TOWER, tiny
from tests.models.test_download import pulled as pull
from vlmtui.models import library, pulled, removal
from vlmtui.models.stores import hugging_face_cache

__all__ = ["tiny"]


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_pulled_model_is_deleted_whole(tiny: Hub) -> None:
    done = pull()
    (model,) = library.installed()[1:]
    assert model.path in done.paths
    todo = removal.plan(model, ())
    assert todo.freed == len(MODEL) + len(TOWER)
    assert all(path.exists() for path in todo.files)
    removal.carry_out(todo)
    assert library.installed()[1:] == []
    assert not [path for path in files(hugging_face_cache()) if ".locks" not in path.parts]
    assert pulled.files(REPOSITORY) == frozenset()
    assert pull().fetched == len(MODEL) + len(TOWER)
