"""Towers of each kind that can be made a graph, wide as real ones are but with few layers."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import make_model
from tests.models.convert import checkpoints
from vlmtui import demo
from vlmtui.models.convert import building, checkpoint, writer

pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")


@pytest.fixture(scope="session", params=["demo", "llava", "vila"])
def pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """A model and its mmproj: the demo's, LLaVA-1.5's CLIP at its real width, VILA1.5's SigLIP."""
    folder: Path = tmp_path_factory.mktemp(str(request.param))
    if request.param == "demo":
        return demo.model_path(), demo.mmproj_path()
    if request.param == "llava":
        return clip(folder)
    model, mmproj = folder / "model.gguf", folder / "mmproj.gguf"
    made = checkpoints.vila(folder / "checkpoint")
    built = building.build(checkpoint.recognise(made.folder), "test", "f16")
    assert built.mmproj is not None
    writer.write(model, built.model, lambda *_: None)
    writer.write(mmproj, built.mmproj, lambda *_: None)
    return model, mmproj


def clip(folder: Path) -> tuple[Path, Path]:
    """CLIP-L/336 with two layers, before a small language model."""
    size = make_model.Size(2, 256, 4, 512, 2048, 4096, make_model.Quant.Q8_0, 2, 1024, 16, 336)
    model, mmproj = folder / "model.gguf", folder / "mmproj.gguf"
    make_model._write_model(model, size)
    make_model._write_mmproj(mmproj, size)
    return model, mmproj
