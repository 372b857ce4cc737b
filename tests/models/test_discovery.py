"""Models are found where other programs keep them, and go by names that find them again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.models import headers
from tests.models.headers import text, u32
from tests.models.shelves import HuggingFace, Ollama, put
from vlmtui import paths
from vlmtui.errors import ModelNotFound
from vlmtui.models import facts, library, ollama, search
from vlmtui.models.installed import InstalledModel

MODEL = headers.model(
    text("general.name", "A llama"), u32("general.file_type", 15), u32("llama.context_length", 4096)
)
TOWER = headers.tower()
OTHER_TOWER = headers.tower(width=128)


@pytest.fixture(autouse=True)
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    user = tmp_path / "user"
    monkeypatch.setenv("HOME", str(user))
    for variable in ("HF_HUB_CACHE", "HF_HOME", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    for variable in ("OLLAMA_MODELS", "LLAMA_CACHE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(ollama, "SYSTEM_STORE", user / "system")
    return user


def found() -> dict[str, InstalledModel]:
    """All models but the demo, by name; each of which must be found again by its name."""
    models = search.survey().models
    assert models[0].name == "demo"
    for model in models:
        again = library.resolve(model.name)
        assert (again.path, again.mmproj, again.name) == (model.path, model.mmproj, model.name)
    return {model.name: model for model in models[1:]}


def test_a_hugging_face_cache_is_read_where_it_lies(empty_home: Path) -> None:
    cache = HuggingFace(empty_home / ".cache/huggingface/hub")
    model = cache.put("second-state/Llava-v1.5-7B-GGUF", "llava-v1.5-7b-Q5_K_M.gguf", MODEL)
    tower = cache.put("second-state/Llava-v1.5-7B-GGUF", "llava-v1.5-7b-mmproj-f16.gguf", TOWER)
    llava = found()["llava-v1.5-7b-Q5_K_M"]
    assert (llava.path, llava.mmproj, llava.source) == (model, tower, "huggingface")
    assert llava.repository == "second-state/Llava-v1.5-7B-GGUF"
    assert llava.vision
    assert llava.size_bytes == len(MODEL) + len(TOWER)
    assert (llava.architecture, llava.quantisation, llava.context) == ("llama", "Q4_K_M", 4096)
    assert llava.title == "A llama"
    assert llava.parameters > 0


@pytest.mark.parametrize("variable", ["HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME"])
def test_a_hugging_face_cache_elsewhere_is_found(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, str(tmp_path / "elsewhere"))
    inner = tmp_path / "elsewhere" / ("hub" if variable == "HF_HOME" else "")
    HuggingFace(inner).put("a/b-GGUF", "tiny.gguf", MODEL)
    assert list(found()) == ["tiny"]


def test_of_two_revisions_the_current_one_is_taken(empty_home: Path) -> None:
    cache = HuggingFace(empty_home / ".cache/huggingface/hub")
    cache.put("a/b", "tiny.gguf", headers.model(width=96), revision="b" * 40)
    new = cache.put("a/b", "tiny.gguf", MODEL, revision="a" * 40)
    old_only = cache.put("a/b", "older.gguf", headers.model(width=96), revision="b" * 40)
    cache.point("a/b", "a" * 40)
    assert found()["tiny"].path == new
    assert found()["older"].path == old_only


def test_a_file_name_that_says_nothing_is_told_by_its_repository(empty_home: Path) -> None:
    cache = HuggingFace(empty_home / ".cache/huggingface/hub")
    cache.put("someone/Tiny-V-2_6-gguf", "ggml-model-Q4_K_M.gguf", MODEL)
    tower = cache.put("someone/Tiny-V-2_6-gguf", "mmproj-model-f16.gguf", TOWER)
    assert found()["Tiny-V-2_6-Q4_K_M"].mmproj == tower


def test_a_split_model_is_one_model(empty_home: Path) -> None:
    cache = HuggingFace(empty_home / ".cache/huggingface/hub")
    parts = [
        headers.gguf(
            [text("general.architecture", "llama"), u32("split.no", n), u32("split.count", 2)],
            [(f"blk.{n}.x", (32,), headers.F32)],
        )
        for n in range(2)
    ]
    first = cache.put("a/b", "Q8_0/big-Q8_0-00001-of-00002.gguf", parts[0])
    second = cache.put("a/b", "Q8_0/big-Q8_0-00002-of-00002.gguf", parts[1])
    big = found()["big-Q8_0"]
    assert big.path == first
    assert big.size_bytes == len(parts[0]) + len(parts[1])
    second.unlink()
    assert not found()
    (broken,) = search.survey().broken
    assert broken.name == "big-Q8_0"
    assert "00002-of-00002" in broken.reason


def test_an_ollama_store_is_read_with_its_projectors(empty_home: Path) -> None:
    store = Ollama(empty_home / ".ollama/models")
    store.put("llava", "7b", MODEL, TOWER)
    store.put("llava", "latest", MODEL, TOWER)
    store.put("tiny", "latest", headers.model(width=96), owner="someone")
    store.put("b-GGUF", "Q4_K_M", headers.model(width=32), owner="a", host="hf.co")
    models = found()
    assert set(models) == {"llava:7b", "someone/tiny:latest", "hf.co/a/b-GGUF:Q4_K_M"}
    llava = models["llava:7b"]
    assert llava.vision
    assert llava.source == "ollama"
    assert library.resolve("llava:latest") == library.resolve("llava") == llava
    assert library.resolve("someone/tiny").name == "someone/tiny:latest"


def test_an_ollama_store_elsewhere_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path / "ollama"))
    Ollama(tmp_path / "ollama").put("llava", "13b", MODEL, TOWER)
    assert list(found()) == ["llava:13b"]


def test_a_digest_that_leads_out_of_the_store_leads_nowhere(empty_home: Path) -> None:
    store = Ollama(empty_home / ".ollama/models")
    manifest = store.put("evil", "latest", MODEL)
    manifest.write_text(manifest.read_text().replace("sha256:", "sha256:../../"))
    assert not found()


def test_a_model_of_ollamas_own_engine_is_told(empty_home: Path) -> None:
    inside = headers.gguf(
        [text("general.architecture", "gemma3")],
        [("blk.0.x", (32,), headers.F32), ("v.blk.0.attn_q.weight", (32,), headers.F32)],
    )
    Ollama(empty_home / ".ollama/models").put("gemma3", "4b", inside)
    assert not found()
    with pytest.raises(ModelNotFound, match=r"gemma3:4b can't be used.*vision tower inside"):
        library.resolve("gemma3:4b")


@pytest.mark.parametrize("place", [".lmstudio/models", ".cache/lm-studio/models"])
def test_lm_studios_directory_is_read(place: str, empty_home: Path) -> None:
    folder = empty_home / place / "lmstudio-community" / "Tiny-V-GGUF"
    put(folder / "Tiny-V-Q4_K_M.gguf", MODEL)
    tower = put(folder / "mmproj-Tiny-V-F16.gguf", TOWER)
    tiny = found()["Tiny-V-Q4_K_M"]
    assert (tiny.source, tiny.mmproj) == ("lm-studio", tower)
    assert tiny.repository == "lmstudio-community/Tiny-V-GGUF"


def test_llama_cpps_downloads_are_found_by_their_own_names(empty_home: Path) -> None:
    cache = empty_home / ".cache/llama.cpp"
    put(cache / "ggml-org_tiny-v-GGUF_tiny-v-Q4_K_M.gguf", MODEL)
    tower = put(cache / "ggml-org_tiny-v-GGUF_mmproj-model-f16.gguf", TOWER)
    put(cache / "owner_with_lines_model-f16.gguf", headers.model(width=32))
    put(cache / "manifest=owner_with=lines=latest.json", b"{}")
    models = found()
    assert set(models) == {"tiny-v-Q4_K_M", "lines-f16"}
    assert models["tiny-v-Q4_K_M"].mmproj == tower
    assert models["lines-f16"].repository == "owner_with/lines"
    assert models["lines-f16"].mmproj is None


def test_own_and_named_directories_are_searched_with_all_below(tmp_path: Path) -> None:
    put(paths.models_dir() / "mine.gguf", MODEL)
    put(tmp_path / "nas/deep/er/theirs.GGUF", headers.model(width=32))
    put(tmp_path / "nas/.hidden/not.gguf", headers.model(width=32))
    (tmp_path / "nas/deep/loop").symlink_to(tmp_path / "nas")
    paths.config_dir().joinpath("config.toml").write_text(f'model_dirs = ["{tmp_path}/nas"]')
    assert {name: model.source for name, model in found().items()} == {
        "mine": "own",
        "theirs": "directory",
    }


def test_the_same_file_in_two_stores_is_one_model(empty_home: Path) -> None:
    cache = HuggingFace(empty_home / ".cache/huggingface/hub")
    original = cache.put("a/b", "tiny.gguf", MODEL)
    link = empty_home / ".lmstudio/models/a/b/tiny-link.gguf"
    link.parent.mkdir(parents=True)
    link.symlink_to(original)
    assert list(found()) == ["tiny"]
    assert library.resolve("tiny-link").path == original


def test_models_of_one_name_are_told_apart(empty_home: Path) -> None:
    HuggingFace(empty_home / ".cache/huggingface/hub").put("a/b", "tiny.gguf", MODEL)
    put(empty_home / ".lmstudio/models/x/y/tiny.gguf", headers.model(width=32))
    put(empty_home / ".lmstudio/models/x/z/tiny.gguf", headers.model(width=96))
    put(empty_home / ".lmstudio/models/w/z/tiny.gguf", headers.model(width=128))
    assert set(found()) == {"tiny", "tiny@lm-studio", "tiny@y", "tiny@z"}


def test_each_model_of_a_directory_gets_its_own_tower() -> None:
    folder = paths.models_dir()
    put(folder / "llava-v1.5-7b-Q4_K_M.gguf", MODEL)
    put(folder / "qwen2-vl-2b-Q4_K_M.gguf", headers.model(width=128))
    put(folder / "llama-2-7b-Q4_K_M.gguf", MODEL)
    llava = put(folder / "mmproj-llava-v1.5-7b-f16.gguf", TOWER)
    wide = put(folder / "some-projector.gguf", OTHER_TOWER)
    models = found()
    assert models["llava-v1.5-7b-Q4_K_M"].mmproj == llava
    assert models["qwen2-vl-2b-Q4_K_M"].mmproj == wide
    assert models["llama-2-7b-Q4_K_M"].mmproj is None


def test_of_the_same_tower_in_several_precisions_f16_is_taken() -> None:
    folder = paths.models_dir()
    put(folder / "tiny-Q4_K_M.gguf", MODEL)
    for precision in ("BF16", "F16", "F32"):
        put(folder / f"mmproj-{precision}.gguf", TOWER)
    assert found()["tiny-Q4_K_M"].mmproj == folder / "mmproj-F16.gguf"


def test_a_tower_that_can_not_be_told_is_asked_for() -> None:
    folder = paths.models_dir()
    put(folder / "tiny.gguf", MODEL)
    put(folder / "mmproj-red.gguf", TOWER)
    blue = put(folder / "mmproj-blue.gguf", TOWER)
    (tiny,) = search.survey().models[1:]
    assert not tiny.vision
    assert len(tiny.towers) == 2
    with pytest.raises(ModelNotFound, match=r"mmproj-blue\.gguf, mmproj-red\.gguf"):
        library.resolve("tiny")
    assert library.resolve("tiny", str(blue)).mmproj == blue


def test_broken_files_are_told_and_stop_nothing() -> None:
    folder = paths.models_dir()
    put(folder / "good.gguf", MODEL)
    put(folder / "cut.gguf", MODEL[:-100])
    put(folder / "page.gguf", b"<!doctype html><html>")
    put(folder / "future.gguf", headers.model(architecture="unheard-of"))
    (folder / "gone.gguf").symlink_to(folder / "nowhere")
    put(folder / "lora.gguf", headers.model(text("general.type", "adapter")))
    assert list(found()) == ["good"]
    reasons = {model.name: model.reason for model in search.survey().broken}
    assert set(reasons) == {"cut", "page", "future", "gone"}
    assert "cut off" in reasons["cut"]
    assert "a web page" in reasons["page"]
    assert "unheard-of" in reasons["future"]
    assert "No such file" in reasons["gone"]


def test_what_can_not_be_read_is_named(empty_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = empty_home / ".lmstudio/models"
    closed.mkdir(parents=True)
    real = os.scandir

    def refuse(path: Path) -> object:  # permissions stop nobody who is root
        if str(path) == str(closed):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert search.survey().unreadable == (closed,)


def test_a_damaged_manifest_is_named(empty_home: Path) -> None:
    store = Ollama(empty_home / ".ollama/models")
    store.put("good", "1b", MODEL)
    damaged = store.put("bad", "1b", MODEL)
    damaged.write_text("{")
    assert list(found()) == ["good:1b"]
    assert search.survey().unreadable == (damaged,)


def test_names_may_be_shortened_as_long_as_one_model_is_meant() -> None:
    put(paths.models_dir() / "Llava-v1.5-7b-Q4_K_M.gguf", MODEL)
    put(paths.models_dir() / "llava-v1.6-7b-Q4_K_M.gguf", headers.model(width=32))
    assert library.resolve("llava-v1.5").name == "Llava-v1.5-7b-Q4_K_M"
    with pytest.raises(ModelNotFound, match=r"several models: Llava-v1\.5-.*, llava-v1\.6-"):
        library.resolve("llava")
    with pytest.raises(ModelNotFound) as caught:
        library.resolve("lava-v1.6-7b-Q4_K_M")
    assert "Did you mean llava-v1.6-7b-Q4_K_M" in caught.value.hint


def test_headers_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(paths.models_dir() / "tiny.gguf", MODEL)
    search.survey()
    read: list[Path] = []
    real = facts.read
    monkeypatch.setattr(facts, "read", lambda path: read.append(path) or real(path))
    monkeypatch.setattr(search, "_demo", lambda: library.resolve("demo"))
    assert found()["tiny"].context == 4096
    assert not read
    put(path, headers.model(width=32, layers=1))
    search.survey()
    assert read == [path]


@pytest.mark.parametrize("kept", [b"", b"{", b"[]", b'{"version": 99, "files": {}}', b"\xff\xfe"])
def test_what_is_kept_of_headers_may_be_lost(kept: bytes) -> None:
    put(paths.models_dir() / "tiny.gguf", MODEL)
    put(paths.cache_dir() / "models.json", kept)
    assert "tiny" in found()


def test_a_file_name_that_is_no_text_is_found_all_the_same() -> None:
    folder = os.fsencode(paths.models_dir())
    os.makedirs(folder)
    Path(os.fsdecode(folder + b"/caf\xe9.gguf")).write_bytes(MODEL)
    assert list(found()) == ["caf\ufffd"]


def test_thousands_of_files_are_fine() -> None:
    for number in range(2000):
        put(paths.models_dir() / f"{number // 100}" / f"m{number}.gguf", MODEL)
    assert len(search.survey().models) == 2001
