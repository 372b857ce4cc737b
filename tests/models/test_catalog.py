"""The catalogue that ships makes sense, and the user's adds to it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.models import headers
from tests.models.shelves import HuggingFace, put
from vlmtui import demo, paths
from vlmtui.builtin_templates import BUILTIN
from vlmtui.chat.requests import load_request
from vlmtui.errors import ModelNotFound
from vlmtui.models import catalog, facts, library
from vlmtui.models.catalog import BITS, Entry
from vlmtui.models.stores import hugging_face_cache
from vlmtui.settings import Settings

SHIPPED = catalog.load(Path("/nowhere/models.toml")).entries
names = [entry.name for entry in SHIPPED]


@pytest.mark.parametrize("entry", SHIPPED, ids=names)
def test_every_entry_makes_sense(entry: Entry) -> None:
    assert entry.title
    assert 0 < len(entry.about) <= 66
    assert entry.licence
    assert entry.quantisation in BITS
    assert entry.parameters > 1e6
    assert entry.name == entry.name.lower()
    assert ("non-commercial" in entry.licence) == (entry.terms == "non-commercial")
    if entry.size:
        reckoned = entry.parameters * BITS[entry.quantisation] / 8
        # what is imported keeps its embeddings in F16, 1 GB more of an 8B; large vocabularies are
        # kept finer than the rest
        within = 0.30 if entry.imported else 0.12
        assert entry.size == pytest.approx(reckoned, rel=within), "size ≈ parameters × bits"
    if not entry.bundled:
        assert entry.repository is not None
        assert "/" in entry.repository
        assert entry.imported or (entry.model and entry.mmproj)
    assert not entry.template or entry.template in BUILTIN
    assert not entry.image_tokens or 64 <= entry.image_tokens <= 4096


@pytest.mark.parametrize("entry", SHIPPED, ids=names)
def test_the_smallest_board_is_the_smallest_that_holds_it(entry: Entry) -> None:
    """With a context of 2,048 tokens, and 1.2 GB or a fifth of the memory left for the system."""
    needed = sum(entry.need(2048).total) / 1e9
    holds = [size for size in (4, 8, 16, 32, 64) if needed <= size - max(1.2, 0.2 * size)]
    assert entry.board == holds[0]


def test_every_family_that_can_be_pulled_is_there() -> None:
    for family in ("llava-1.5", "llava-1.6", "minicpm-v-2.6", "minicpm-v-4", "minicpm-v-4.5"):
        assert any(name.startswith(family) for name in names)
    for family in ("qwen2-vl", "qwen2.5-vl-3b", "qwen2.5-vl-7b", "qwen3-vl", "internvl2.5-4b"):
        assert any(name.startswith(family) for name in names)
    for family in ("qwen3.5-0.8b", "qwen3.5-2b", "qwen3.5-4b", "qwen3.5-9b", "qwen3-vl-8b"):
        assert any(name.startswith(family) for name in names)
    for family in (
        "cosmos-reason2-2b",
        "gemma-4-e2b",
        "ministral-3-14b",
        "nemotron-nano",
        "glm-ocr",
    ):
        assert any(name.startswith(family) for name in names)
    for family in ("internvl3-2b", "internvl3-8b", "smolvlm2", "gemma-3-4b", "vila1.5-3b", "demo"):
        assert any(name.startswith(family) for name in names)


def test_the_demo_models_entry_is_true() -> None:
    entry = next(entry for entry in SHIPPED if entry.name == "demo")
    model, tower = facts.read(demo.model_path()), facts.read(demo.mmproj_path())
    assert (entry.size, entry.mmproj_size) == (model.size, tower.size)
    assert (entry.parameters, entry.context) == (model.parameters, model.context)


def write(text: str) -> Path:
    return put(paths.config_dir() / "models.toml", text.encode())


def test_the_user_adds_entries_and_changes_others() -> None:
    write(
        '["mine"]\nrepository = "me/mine-GGUF"\nmodel = ["*Q5*.gguf"]\n'
        '["llava-1.5-7b"]\nmodel = ["*Q5_K_M.gguf"]\nquantisation = "Q5_K_M"\n'
    )
    found = catalog.load()
    assert found.problem is None
    mine, llava = found.find("mine"), found.find("llava-1.5-7b")
    assert mine is not None
    assert mine.repository == "me/mine-GGUF"
    assert llava is not None
    assert (llava.model, llava.context) == (["*Q5_K_M.gguf"], 4096)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('["x"]\nrepository = "a/b"\nmodel = "*.gguf"', r"\['x'\], key `model`"),
        ('["x"]\nrepository = "a/b"\nmodell = []', "no key `modell`"),
        ('["x"]\nrepository = "no slash"\nmodel = ["*"]', r"\['x'\], key `repository`"),
        ('["demo"]\nsize = -1', "key `size`"),
        ('["x"]\nlicence = "MIT"', "where to get"),
        ("x = 1", "something other than tables"),
        ("[x y]\n", "not valid TOML.*line 1"),
        ('["x"]\nkv = nan', "key `kv`"),
    ],
)
def test_a_wrong_entry_is_told_and_the_others_are_there(text: str, said: str) -> None:
    file = write(text)
    found = catalog.load()
    assert [entry.name for entry in found.entries] == names
    assert found.problem is not None
    assert re.search(said, found.problem.message)
    assert str(file) in found.problem.message
    assert found.problem.hint


def test_a_file_of_an_entry_goes_by_the_entrys_name() -> None:
    cache = HuggingFace(hugging_face_cache())
    file = "Qwen2.5-VL-3B-Instruct-Q4_K_M.gguf"
    path = cache.put("ggml-org/Qwen2.5-VL-3B-Instruct-GGUF", file, headers.model())
    model = library.resolve("qwen2.5-vl-3b")
    assert model.path == path
    assert library.resolve(file.removesuffix(".gguf")) == model


def test_a_model_of_the_catalogue_that_is_not_here_is_told_how_to_get() -> None:
    with pytest.raises(ModelNotFound) as caught:
        library.resolve("qwen2.5-vl-7b")
    assert "is not installed" in caught.value.message
    assert "vlmtui models pull qwen2.5-vl-7b" in caught.value.hint
    assert "5.5 GB" in caught.value.hint
    with pytest.raises(ModelNotFound, match="is not installed") as caught:
        library.resolve("vila1.5-3b")
    assert "vlmtui models pull vila1.5-3b" in caught.value.hint


def test_the_template_of_an_entry_is_there_when_its_model_is_loaded(tmp_path: Path) -> None:
    put(paths.models_dir() / "mine.gguf", headers.model())
    put(paths.models_dir() / "other.gguf", headers.model(width=32))
    own = b'["mine"]\nrepository = "a/b"\nmodel = ["*"]\ntemplate = "chatml"\n'
    put(paths.config_dir() / "models.toml", own)
    assert load_request(Settings(), "mine").fallback_template == "chatml"
    assert load_request(Settings(), "other").fallback_template is None
    assert load_request(Settings(), "demo").fallback_template is None
