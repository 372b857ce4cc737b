"""Presets that a model brings."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from vlmtui.commands.settings_commands import presets
from vlmtui.engine.engine_events import ModelInfo
from vlmtui.engine.engine_requests import Files, Load
from vlmtui.settings import PRESETS, Preset


def context(name: str, questions: dict[str, str] | None = None, **own: Preset) -> Any:
    """A chat with a model, which is loaded if it has questions."""
    files = Files(f"/models/{name}.gguf")
    info = None
    if questions is not None:
        info = ModelInfo(name, files, frozenset(), questions=questions)
    model = SimpleNamespace(info=info, request=Load(files, name))
    session = SimpleNamespace(model=model)
    return SimpleNamespace(session=session, presets={**PRESETS, **own})


def test_what_a_model_card_recommends_is_a_preset() -> None:
    found = presets(context("qwen3-vl-4b"))
    assert (found["card"].temperature, found["card"].top_k) == (0.7, 20)
    assert set(PRESETS) < set(found)


def test_what_an_ocr_model_was_trained_with_are_presets() -> None:
    found = presets(context("mine", {"text": "Text:", "table": "Table:"}))
    assert found["table"].question == "Table:"
    assert "'Table:'" in found["table"].about


def test_before_it_is_loaded_its_name_tells() -> None:
    assert presets(context("PaddleOCR-VL"))["chart"].question == "Chart Recognition:"


def test_a_preset_of_ones_own_goes_before_the_models() -> None:
    own = Preset(about="mine", temperature=0.3)
    assert presets(context("qwen3-vl-4b", card=own))["card"] is own


def test_a_model_that_brings_none_has_the_usual_ones() -> None:
    assert presets(context("unknown")) == PRESETS
