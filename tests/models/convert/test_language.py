"""Language models: what llama.cpp computes from an import is what the model's own code computes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from gguf import GGMLQuantizationType, GGUFReader
from gguf.quants import dequantize, quantize

from tests.models.convert import checkpoints, llamacpp, reference
from tests.models.convert.checkpoints import Shape
from tests.models.convert.conftest import Imported, imported
from vlmtui.errors import BadModelFile
from vlmtui.models import gguf
from vlmtui.models.convert import language_shape

_TURNED = ("q_proj.weight", "k_proj.weight")
PROMPT = [1, 300, 271, 265, 290, 301, 280, 262, 310, 275, 288, 299]


def tensors(path: Path) -> dict[str, np.ndarray]:
    return {each.name: dequantize(each.data, each.tensor_type) for each in GGUFReader(path).tensors}


def test_the_weights_are_those_that_the_checkpoint_stands_for(
    vila: Imported, vila_in_float32: Imported
) -> None:
    """Q4_1 loses nothing: taken apart it is the unquantised import, number for number."""
    ours, theirs = tensors(vila.model), tensors(vila_in_float32.model)
    assert ours.keys() == theirs.keys()
    for name, values in ours.items():
        np.testing.assert_array_equal(values, theirs[name], err_msg=name)
    header = gguf.from_path(vila.model)
    assert header.metadata["general.file_type"] == 3
    assert {tensor.quant for tensor in header.tensors} == {"Q4_1", "F16", "F32"}


def test_logits_are_the_models_own(vila_in_float32: Imported) -> None:
    """With fewer key heads than query heads: unpermuted queries or keys would be far off."""
    picture = np.random.default_rng(0).standard_normal((20, 256)).astype(np.float32)
    rows = [*PROMPT, picture, *PROMPT[1:]]
    ours = llamacpp.logits(vila_in_float32.model, rows)
    theirs = reference.logits(vila_in_float32.made, rows)
    assert theirs.std() > 0.5
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_queries_and_keys_that_are_not_permuted_are_seen(
    vila_in_float32: Imported, tmp_path: Path
) -> None:
    """The test above would fail: a model of which nothing is permuted says something else."""
    made = vila_in_float32.made
    turned = {
        name: _unpermuted(value, made.shape, name)
        if "q_proj" in name or "k_proj" in name
        else value
        for name, value in made.language.items()
    }
    wrong = checkpoints.Made(made.folder, made.shape, turned, made.rows)
    ours = llamacpp.logits(vila_in_float32.model, PROMPT)
    assert np.abs(ours - reference.logits(wrong, PROMPT)).max() > 0.1


def _unpermuted(value: np.ndarray, shape: Shape, name: str) -> np.ndarray:
    heads = shape.heads if "q_proj" in name else shape.kv_heads
    return value.reshape(heads, 2, -1, value.shape[1]).swapaxes(1, 2).reshape(value.shape)


def test_quantised_logits_are_near(vila: Imported) -> None:
    """llama.cpp multiplies Q4_1 with activations in eight bits."""
    ours, theirs = llamacpp.logits(vila.model, PROMPT), reference.logits(vila.made, PROMPT)
    assert np.sqrt(((ours - theirs) ** 2).mean()) < 2e-2 * np.sqrt((theirs**2).mean())


@pytest.mark.parametrize(
    "shape",
    [
        Shape(layers=1, theta=500_000.0, kv_heads=4),
        Shape(layers=1, tied=True),
        Shape(layers=1, extra={"rope_scaling": {"type": "linear", "factor": 2.0}}),
        Shape(layers=1, extra={"rope_parameters": {"rope_theta": 10000.0, "rope_type": "default"}}),
        Shape(layers=1, extra={"model_type": "mistral", "sliding_window": None}),
        Shape(layers=1, extra={"model_type": "qwen2"}),
    ],
    ids=["theta", "tied", "linear", "transformers 5", "mistral", "qwen 2"],
)
def test_shapes_and_rope_come_from_the_configuration(shape: Shape, tmp_path: Path) -> None:
    made = checkpoints.text_model(tmp_path / "checkpoint", shape=shape)
    ours = llamacpp.logits(imported(made, tmp_path / "gguf").model, PROMPT)
    factor = shape.extra.get("rope_scaling", {}).get("factor", 1.0)
    np.testing.assert_allclose(ours, reference.logits(made, PROMPT, stretched=factor), atol=3e-2)


def test_heads_of_a_width_of_their_own_are_told() -> None:
    """As in Mistral Nemo: 32 heads of 128 in rows of 5120."""
    given = {**Shape(width=5120, heads=32, kv_heads=8).config(100), "model_type": "mistral"}
    shape = language_shape.shape_of({**given, "head_dim": 128}, "m")
    narrow = language_shape.metadata(shape, "m")
    assert narrow["llama.rope.dimension_count"] == 128
    assert (narrow["llama.attention.key_length"], narrow["llama.attention.value_length"]) == (
        128,
    ) * 2
    usual = language_shape.metadata(language_shape.shape_of(given, "m"), "m")
    assert "llama.attention.key_length" not in usual


def test_llama_3_1_scales_each_frequency(tmp_path: Path) -> None:
    """The factors are those of the published models: 1 up to 8, for heads of 64."""
    scaling = {
        "rope_type": "llama3",
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192,
    }
    shape = Shape(layers=1, theta=500_000.0, extra={"rope_scaling": scaling})
    made = checkpoints.text_model(tmp_path / "checkpoint", shape=shape)
    factors = tensors(imported(made, tmp_path / "gguf").model)["rope_freqs.weight"]
    assert factors.shape == (32,)
    assert factors[0] == 1 and factors[-1] == 8
    assert (np.diff(factors) >= 0).all()


def test_bfloat16_stays_bfloat16(tmp_path: Path) -> None:
    made = checkpoints.text_model(tmp_path / "checkpoint", shape=Shape(layers=1), bf16=True)
    header = gguf.from_path(imported(made, tmp_path / "gguf").model)
    assert header.by_name["blk.0.attn_q.weight"].quant == "BF16"
    assert header.metadata["general.file_type"] == 32


def test_the_head_may_be_smaller(tmp_path: Path) -> None:
    made = checkpoints.text_model(tmp_path / "checkpoint", layout="gemm", shape=Shape(layers=1))
    large, small = (imported(made, tmp_path / head, head) for head in ("f16", "q8_0"))
    header = gguf.from_path(small.model)
    assert header.by_name["output.weight"].quant == "Q8_0"
    assert header.by_name["token_embd.weight"].quant == "Q8_0"
    assert small.built.head_bytes == pytest.approx(large.built.head_bytes * 34 / 64)
    original = tensors(large.model)
    for tensor in GGUFReader(small.model).tensors:
        if tensor.name in ("output.weight", "token_embd.weight"):
            expected = quantize(original[tensor.name], GGMLQuantizationType.Q8_0)
            np.testing.assert_array_equal(tensor.data, expected)


def test_missing_odd_and_unexpected_tensors_are_named(tmp_path: Path) -> None:
    made = checkpoints.text_model(tmp_path, shape=Shape(layers=1))
    stored = checkpoints.halves(made.language)
    name = "model.layers.0.mlp.up_proj.weight"

    def refusal(tensors: dict[str, np.ndarray]) -> str:
        checkpoints.save_safetensors(tmp_path / "model.safetensors", tensors)
        with pytest.raises(BadModelFile) as caught:
            imported(made, tmp_path / "gguf")
        return str(caught.value)

    assert name in refusal({key: value for key, value in stored.items() if key != name})
    assert "384 x 256" in refusal({**stored, name: stored[name][:200]})
    assert "q_norm" in refusal({**stored, "model.layers.0.self_attn.q_norm.weight": stored[name]})
