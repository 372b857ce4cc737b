"""From a model's name to its files."""

import os
from pathlib import Path

import pytest

from tests.models import headers
from tests.models.shelves import put
from vlmtui import paths
from vlmtui.errors import ModelNotFound
from vlmtui.models import removal
from vlmtui.models.installed import InstalledModel
from vlmtui.models.library import remember, resolve
from vlmtui.models.search import survey


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).write_bytes(b"GGUF")


def test_the_demo_model_is_always_there():
    model = resolve("demo")
    assert model.name == "demo"
    assert model.path.is_file() and model.mmproj is not None and model.mmproj.is_file()


def test_a_path_names_a_model_and_its_projector_lies_beside_it(tmp_path):
    touch(tmp_path, "llava-v1.5-7b-Q4_K_M.gguf", "mmproj-model-f16.gguf")
    model = resolve(str(tmp_path / "llava-v1.5-7b-Q4_K_M.gguf"))
    assert model.name == "llava-v1.5-7b-Q4_K_M"
    assert model.mmproj == tmp_path / "mmproj-model-f16.gguf"


def test_a_relative_path_and_a_home_path_become_absolute(tmp_path, monkeypatch):
    touch(tmp_path, "m.gguf")
    monkeypatch.chdir(tmp_path)
    assert resolve("m.gguf").path == tmp_path / "m.gguf"
    monkeypatch.setenv("HOME", str(tmp_path))
    assert resolve("~/m.gguf").path == tmp_path / "m.gguf"


def test_a_model_without_a_projector_is_a_text_model(tmp_path):
    touch(tmp_path, "qwen.gguf", "other.gguf")
    assert resolve(str(tmp_path / "qwen.gguf")).mmproj is None


def test_of_several_projectors_the_one_with_the_models_name_is_taken(tmp_path):
    touch(
        tmp_path,
        "llava-v1.5-7b-Q4_K_M.gguf",
        "llava-v1.5-7b-mmproj-model-f16.gguf",
        "qwen2-vl-mmproj-f16.gguf",
    )
    model = resolve(str(tmp_path / "llava-v1.5-7b-Q4_K_M.gguf"))
    assert model.mmproj == tmp_path / "llava-v1.5-7b-mmproj-model-f16.gguf"


def test_when_the_projector_can_not_be_told_the_user_is_asked(tmp_path):
    touch(tmp_path, "ggml-model-Q4_K_M.gguf", "mmproj-a.gguf", "mmproj-b.gguf")
    with pytest.raises(ModelNotFound, match=r"mmproj-a\.gguf, mmproj-b\.gguf") as caught:
        resolve(str(tmp_path / "ggml-model-Q4_K_M.gguf"))
    assert "--mmproj" in caught.value.hint


def test_a_named_projector_is_taken(tmp_path):
    touch(tmp_path, "m.gguf", "mmproj-a.gguf", "mmproj-b.gguf")
    model = resolve(str(tmp_path / "m.gguf"), str(tmp_path / "mmproj-b.gguf"))
    assert model.mmproj == tmp_path / "mmproj-b.gguf"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("llava", "no model named 'llava'"),
        ("missing.gguf", r"no model file .*missing\.gguf"),
        ("/nowhere/model", "no model file /nowhere/model"),
        ("/", "directory"),
        ("http://me:secret@host:1/v1", r"http://\S*host:1/v1 is an address"),
    ],
)
def test_what_is_not_there_is_told(name, said):
    with pytest.raises(ModelNotFound, match=said) as caught:
        resolve(name)
    assert caught.value.hint
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("name", ["fifo", "loop", "gone"])
def test_what_is_there_and_no_file_is_not_said_to_be_missing(tmp_path, name):
    os.mkfifo(tmp_path / "fifo.gguf")
    (tmp_path / "loop.gguf").symlink_to("loop.gguf")
    (tmp_path / "gone.gguf").symlink_to("nowhere")
    touch(tmp_path, "m.gguf")
    path = str(tmp_path / f"{name}.gguf")
    for arguments in ((path,), (str(tmp_path / "m.gguf"), path)):
        with pytest.raises(ModelNotFound, match=r"is not a regular file|is a link that leads"):
            resolve(*arguments)


def test_the_demo_model_takes_another_projector_when_one_is_named(tmp_path):
    touch(tmp_path, "mmproj.gguf")
    assert resolve("demo", str(tmp_path / "mmproj.gguf")).mmproj == tmp_path / "mmproj.gguf"


def test_a_missing_projector_is_told(tmp_path):
    touch(tmp_path, "m.gguf")
    with pytest.raises(ModelNotFound, match=r"mmproj file .*x\.gguf"):
        resolve(str(tmp_path / "m.gguf"), "x.gguf")


def test_a_model_that_was_opened_by_its_path_is_found_by_its_name_later(tmp_path):
    folder = tmp_path / "usb"
    folder.mkdir()
    for name in ("m.gguf", "mmproj-a.gguf", "mmproj-b.gguf"):
        (folder / name).write_bytes(b"GGUF")
    opened = resolve(str(folder / "m.gguf"), str(folder / "mmproj-b.gguf"))
    with pytest.raises(ModelNotFound):
        resolve(opened.name)
    remember(opened)
    again = resolve(opened.name)
    assert (again.path, again.mmproj) == (folder / "m.gguf", folder / "mmproj-b.gguf")
    (folder / "m.gguf").unlink()
    with pytest.raises(ModelNotFound):
        resolve(opened.name)


def test_a_damaged_list_of_opened_models_is_as_good_as_none():
    (paths.state_dir() / "opened.json").write_text("{")
    remember(InstalledModel("m", Path("/m.gguf"), None))
    with pytest.raises(ModelNotFound):
        resolve("m")


def test_a_model_that_was_opened_by_its_path_is_listed_with_its_tower(tmp_path):
    model = put(tmp_path / "usb" / "big.gguf", headers.model())
    remember(resolve(str(model)))
    (listed,) = survey().models[1:]
    assert (listed.name, listed.path, listed.mmproj, listed.source) == ("big", model, None, "file")
    tower = put(tmp_path / "usb" / "big-mmproj.gguf", headers.tower())
    assert resolve("big").mmproj == tower, "one that came later is found, too"
    remember(resolve(str(model)))
    assert [each.mmproj for each in survey().models[1:]] == [tower]
    tower.unlink()
    assert [each.mmproj for each in survey().models[1:]] == [None]
    model.unlink()
    assert survey().models[1:] == ()


def test_what_a_store_has_is_not_listed_again_because_it_was_opened_by_its_path(tmp_path):
    model = put(paths.models_dir() / "big.gguf", headers.model())
    remember(resolve(str(model)))
    link = tmp_path / "link.gguf"
    link.symlink_to(model)
    remember(resolve(str(link)))
    assert [each.source for each in survey().models[1:]] == ["own"]


def test_an_opened_file_that_is_damaged_by_now_is_not_complained_about(tmp_path):
    model = put(tmp_path / "big.gguf", headers.model())
    remember(resolve(str(model)))
    model.write_bytes(headers.model()[:-50])
    found = survey()
    assert found.models[1:] == () and found.broken == ()


def test_opened_models_of_one_name_are_told_apart_and_can_be_forgotten(tmp_path):
    for folder in ("one", "two"):
        model = put(tmp_path / folder / "big.gguf", headers.model())
        put(paths.models_dir() / "big.gguf", headers.model())
        remember(resolve(str(model)))
    (own, last, first) = survey().models[1:]
    assert [each.name for each in (own, last, first)] == ["big", "big@two", "big@one"]
    assert resolve("big@two").path == model
    todo = removal.plan(last, [own, first])
    assert todo.files == ()
    removal.carry_out(todo)
    assert [each.name for each in survey().models[1:]] == ["big", "big@one"]
    assert model.exists()
