"""Whether a model fits is told in one way, wherever it is told."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tests.models import headers
from tests.models.shelves import put
from vlmtui import paths
from vlmtui.chat import fit_verdict
from vlmtui.chat.available_models import AvailableModels
from vlmtui.chat.fit_verdict import FitVerdict
from vlmtui.chat.model_choice import choices
from vlmtui.errors import BadModelFile, FetchFailed
from vlmtui.models import catalog, library
from vlmtui.models.catalog import Entry
from vlmtui.models.fit import Machine
from vlmtui.models.installed import InstalledModel
from vlmtui.models.memory import Bytes
from vlmtui.settings import Settings

GB = 1_000_000_000


def board(free: float, total: float = 8.0, **more: object) -> Machine:
    return msgspec.structs.replace(Machine(round(free * GB), round(total * GB)), **more)


def entry(name: str) -> Entry:
    found = catalog.load().find(name)
    assert found is not None
    return found


def test_a_context_that_is_left_open_gives_way_and_one_in_numbers_does_not() -> None:
    llava = entry("llava-1.5-7b")
    found = fit_verdict.of_entry(llava, Settings(), board(6.3))
    assert (found.word, found.changes) == ("smaller", "a context of 2,048 tokens")
    assert "it fits into memory with a context of 2,048 tokens" in found.words
    assert not found.warns
    assert fit_verdict.of_entry(llava, Settings(ctx=4096), board(6.3)).word == "too big"
    assert fit_verdict.of_entry(llava, Settings(), board(3.0)).warns
    assert fit_verdict.of_entry(llava, Settings(), board(30.0, 32.0)).word == "fits"


def test_on_a_gpu_of_its_own_memory_it_is_the_gpu_that_has_to_hold_it() -> None:
    llava = entry("llava-1.5-7b")
    small = board(30.0, 32.0, gpu_free=6 * GB, gpu_total=8 * GB)
    assert fit_verdict.of_entry(llava, Settings(), small).word == "smaller"
    found = fit_verdict.of_entry(llava, Settings(gpu_layers=0), small)
    assert found.word == "fits"
    assert found.fit is not None
    assert found.fit.need.total.gpu == 0
    found = fit_verdict.of_entry(llava, Settings(), board(30.0, 32.0, gpu_free=GB, gpu_total=GB))
    assert found.changes.endswith("0 layers on the GPU")
    assert found.fit is not None
    assert found.fit.need.weights == Bytes(llava.model_bytes)


@pytest.mark.parametrize("share", [0.5, 0.97, 1.2, 100])
def test_all_lists_judge_a_model_alike(share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    put(paths.models_dir() / "tiny.gguf", headers.model())
    model = library.resolve("tiny")
    whole = fit_verdict.of_model(model, Settings(), board(100, 100))
    assert whole.fit is not None
    machine = Machine(round(sum(whole.fit.need.total) * share), 8 * GB)
    available_models = AvailableModels(Settings())
    monkeypatch.setattr(available_models, "machine", lambda: machine)
    (listed,) = [each for each in available_models.choices().here if each.name == "tiny"]
    assert listed.fit_verdict == available_models.fit_verdict(model, machine)
    (again,) = [each for each in choices(Settings(), machine).here if each.name == "tiny"]
    assert again == listed


def test_what_is_damaged_is_told_from_what_can_not_be_told(tmp_path: Path) -> None:
    model = put(tmp_path / "cut.gguf", headers.model()[:-50])
    damaged = fit_verdict.of_model(InstalledModel("cut", model, None), Settings(), board(4))
    assert (damaged.word, damaged.warns) == ("damaged", True)
    unknown = fit_verdict.of_problem(FetchFailed("No line", "Plug it in"))
    assert (unknown.word, unknown.warns, unknown.words) == ("?", False, "No line")
    assert FitVerdict().word == "?"


def test_a_file_that_can_not_be_loaded_is_refused_before_anything_makes_way_for_it() -> None:
    odd = put(paths.models_dir() / "odd.gguf", headers.model(architecture="strange"))
    put(paths.models_dir() / "tiny.gguf", headers.model())
    available_models = AvailableModels(Settings())
    assert available_models.load("tiny").name == "tiny"
    with pytest.raises(BadModelFile, match="strange"):
        available_models.load(str(odd))


def test_a_checkpoint_that_is_imported_fits_like_any_other() -> None:
    """VILA1.5: the 3B fits a board of 8 GB, the 8B with its head in F16 doesn't."""
    small = fit_verdict.of_entry(entry("vila1.5-3b"), Settings(), board(6.5, 7.6))
    assert small.word in ("fits", "tight") and not small.warns
    large = fit_verdict.of_entry(entry("llama-3-vila1.5-8b"), Settings(), board(6.5, 7.6))
    assert large.word == "too big" and large.warns
