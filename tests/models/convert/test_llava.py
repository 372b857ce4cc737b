"""LLaVA: its own arithmetic from its own names, old and new, in 16 bits and in AutoAWQ's AWQ."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.engine.conftest import as_part
from tests.models.convert import checkpoints, llamacpp, reference
from tests.models.convert.conftest import Imported, imported
from vlmtui.engine.backends.llamacpp import forms
from vlmtui.errors import BadModelFile, InputError, LoadFailed
from vlmtui.models import gguf
from vlmtui.models.convert import checkpoint
from vlmtui.models.gguf import pairing

PROMPT = [1, 300, 271, 265, 290]


def seen(files: Imported, folder: Path) -> np.ndarray:
    """What the engine puts in place of a picture that needs no resizing, and the reference."""
    side = checkpoints.CLIP_IMAGE
    noise = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
    Image.fromarray(noise).save(folder / "noise.png")
    with llamacpp.loaded(files.model, files.mmproj) as model:
        return llamacpp.embeddings(model, as_part(folder / "noise.png"))


@pytest.mark.parametrize(
    ("layout", "newer"), [("", False), ("", True), ("gemm", False), ("gemv_fast", True)]
)
def test_llava_1_5_computes_what_its_own_code_does(
    layout: str, newer: bool, tmp_path: Path
) -> None:
    files = imported(
        checkpoints.llava(tmp_path / "c", layout=layout, newer=newer), tmp_path / "gguf"
    )
    ours, picture = seen(files, tmp_path), tmp_path / "noise.png"
    theirs = reference.llava_tokens(files.made, picture, corner=False)
    assert ours.shape == theirs.shape == (16, 256)
    assert np.sqrt(((ours - theirs) ** 2).mean()) < 2e-3 * np.sqrt((theirs**2).mean())
    # of 16 patches one is grey; of the 576 of the real one it is as little as it looks
    whole = reference.llava_tokens(files.made, picture)[:-1]
    assert np.sqrt(((ours[:-1] - whole) ** 2).mean()) < 0.2 * np.sqrt((whole**2).mean())
    logits, wanted = llamacpp.logits(files.model, PROMPT), reference.logits(files.made, PROMPT)
    error = np.sqrt(((logits - wanted) ** 2).mean()) / np.sqrt((wanted**2).mean())
    assert error < (2e-2 if layout else 2e-3)


def test_llava_1_6_has_tiles_and_a_newline(tmp_path: Path) -> None:
    """Pinpoints are height and width in its configuration, and width and height in libmtmd."""
    made = checkpoints.llava(tmp_path / "c", grid=((56, 112), (112, 56), (112, 112)), mistral=True)
    files = imported(made, tmp_path / "gguf")
    assert files.mmproj is not None
    header = gguf.from_path(files.mmproj)
    assert header.metadata["clip.vision.image_grid_pinpoints"] == (112, 56, 56, 112, 112, 112)
    pairing.check(gguf.from_path(files.model), header)
    Image.new("RGB", (112, 56), "red").save(tmp_path / "wide.png")
    with llamacpp.loaded(files.model, files.mmproj) as model:
        template = model.chat_template()
        assert template is not None and "[INST]" in template
        from vlmtui.engine.backends.llamacpp.vision import Vision

        vision = Vision(model, 2**30)
        image = as_part(tmp_path / "wide.png")
        assert sum(unit.tokens for unit in vision.layout(image)) > 16
        vision.encode(image)
        vision.close()


def test_llava_without_its_tower_says_what_to_take(tmp_path: Path) -> None:
    checkpoints.write_json(
        tmp_path / "config.json",
        {
            "architectures": ["LlavaLlamaForCausalLM"],
            "model_type": "llava_llama",
            "mm_vision_tower": "openai/clip-vit-large-patch14-336",
        },
    )
    with pytest.raises(InputError, match=r"vision tower \(openai/clip.*is not in it") as caught:
        checkpoint.recognise(tmp_path)
    assert "llava-hf" in caught.value.hint


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"quantization_config": {"quant_method": "gptq", "bits": 4}}, "gptq, 4 bits"),
        ({"quantization_config": {"quant_method": "awq", "bits": 3}}, "awq, 3 bits"),
        ({"vision_feature_select_strategy": "full"}, "full"),
        ({"vision_feature_layer": [3, 7, -2]}, "not CLIP's"),
        ({"model_type": "mllama", "architectures": ["MllamaForX"]}, "MllamaForX"),
    ],
)
def test_what_is_another_kind_is_told(
    changes: dict[str, object], said: str, tmp_path: Path
) -> None:
    made = checkpoints.llava(tmp_path / "c")
    path = made.folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    with pytest.raises((InputError, BadModelFile), match=said):
        imported(made, tmp_path / "gguf")


def test_parts_of_a_checkpoint_that_are_missing_are_named(tmp_path: Path) -> None:
    made = checkpoints.llava(tmp_path / "c")
    files = dict.fromkeys(("a", "b"), "model-00002-of-00002.safetensors")
    weights = made.folder / "model.safetensors"
    weights.rename(made.folder / "model-00001-of-00002.safetensors")
    index = {"weight_map": {**files, "c": "model-00001-of-00002.safetensors"}}
    checkpoints.write_json(made.folder / "model.safetensors.index.json", index)
    with pytest.raises(BadModelFile, match=r"model-00002-of-00002\.safetensors is missing"):
        imported(made, tmp_path / "gguf")


def test_a_pointer_in_place_of_weights_is_told(tmp_path: Path) -> None:
    made = checkpoints.llava(tmp_path / "c")
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
    (made.folder / "model.safetensors").write_bytes(pointer)
    with pytest.raises(
        BadModelFile, match=r"model\.safetensors is not a valid safetensors"
    ) as caught:
        imported(made, tmp_path / "gguf")
    assert "Git LFS" in caught.value.hint


def test_a_newer_libmtmd_is_not_trusted_with_the_class_embedding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = imported(checkpoints.llava(tmp_path / "c"), tmp_path / "gguf")
    monkeypatch.setattr(forms, "version", lambda _: "0.3.99")
    with (
        pytest.raises(LoadFailed, match=r"for llama-cpp-python 0\.3\.36, and 0\.3\.99"),
        llamacpp.loaded(files.model, files.mmproj),
    ):
        pass
