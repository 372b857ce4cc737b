"""What was pulled can be deleted again, and gives the disk all of its room back."""

from __future__ import annotations

from pathlib import Path

from tests.models import headers
from tests.models.hub import Hub
from tests.models.shelves import HuggingFace
from tests.models.test_download import MODEL, REPOSITORY, TOWER, tiny
from tests.models.test_download import pulled as pull
from vlmtui import paths
from vlmtui.models import library, pulled, removal, search
from vlmtui.models.stores import hugging_face_cache

__all__ = ["tiny"]


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_pulled_model_is_deleted_whole(tiny: Hub) -> None:
    done = pull()
    (model,) = search.survey().models[1:]
    assert model.path in done.paths
    todo = removal.plan(model, ())
    assert todo.freed == len(MODEL) + len(TOWER)
    assert all(path.exists() for path in todo.files)
    removal.carry_out(todo)
    assert search.survey().models[1:] == ()
    assert not [path for path in files(hugging_face_cache()) if ".locks" not in path.parts]
    assert pulled.files(REPOSITORY) == frozenset()
    assert pull().fetched == len(MODEL) + len(TOWER)


def test_a_link_out_of_the_cache_goes_and_what_it_leads_to_stays(hub: Hub, tmp_path: Path) -> None:
    elsewhere = tmp_path / "other disk" / "model.gguf"
    elsewhere.parent.mkdir()
    elsewhere.write_bytes(headers.model())
    cache = HuggingFace(hugging_face_cache())
    link = cache.put("a/b-GGUF", "tiny.gguf", headers.model())
    link.unlink()
    link.symlink_to(elsewhere)
    pulled.note("a/b-GGUF", "tiny.gguf")
    (model,) = search.survey().models[1:]
    todo = removal.plan(model, ())
    assert todo.freed == 0
    removal.carry_out(todo)
    assert not link.is_symlink()
    assert elsewhere.read_bytes() == headers.model()


def test_of_a_model_that_was_opened_by_its_path_only_the_name_goes(
    hub: Hub, tmp_path: Path
) -> None:
    file = tmp_path / "usb" / "mine.gguf"
    file.parent.mkdir()
    file.write_bytes(headers.model())
    library.remember(library.resolve(str(file)))
    (model,) = search.survey().models[1:]
    todo = removal.plan(model, ())
    assert (todo.files, todo.freed) == ((), 0)
    removal.carry_out(todo)
    assert search.survey().models[1:] == ()
    assert file.exists()


def test_what_lies_beside_a_file_because_it_was_downloaded_goes_with_it(hub: Hub) -> None:
    folder = paths.models_dir()
    folder.mkdir(parents=True)
    (folder / "tiny.gguf").write_bytes(headers.model())
    (folder / "tiny.gguf.part").write_bytes(b"of a newer one")
    (folder / "note.txt").write_text("mine")
    (model,) = search.survey().models[1:]
    todo = removal.plan(model, ())
    assert todo.freed == len(headers.model())
    removal.carry_out(todo)
    assert [path.name for path in folder.iterdir()] == ["note.txt"]
