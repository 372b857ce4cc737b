"""The demo model's own weights, in the layouts of others: imported back, it sees as well."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from gguf import GGUFReader
from gguf.quants import dequantize

from tests.models.convert import checkpoints, pickled
from tests.models.convert.checkpoints import Made, Shape, write_json
from tests.models.convert.conftest import imported
from training import evaluate
from vlmtui import demo
from vlmtui.engine.client import EngineClient
from vlmtui.engine.engine_requests import Files, Load

_GROUP = 64
"""Its rows have 192 numbers, which groups of 128 don't divide."""

_QUESTIONS = 120


def checkpoint(folder: Path, layout: str) -> Made:
    """The demo's language model as Hugging Face's code and AWQ would have it."""
    reader = GGUFReader(demo.model_path())

    def value(key: str) -> object:
        return reader.fields[key].contents()

    tensors = {each.name: dequantize(each.data, each.tensor_type) for each in reader.tensors}
    heads = int(value("llama.attention.head_count"))
    shape = Shape(
        width=int(value("llama.embedding_length")),
        feed_forward=int(value("llama.feed_forward_length")),
        layers=int(value("llama.block_count")),
        heads=heads,
        kv_heads=int(value("llama.attention.head_count_kv")),
        theta=float(value("llama.rope.freq_base")),
        epsilon=float(value("llama.attention.layer_norm_rms_epsilon")),
        context=int(value("llama.context_length")),
        tied=True,
        group=_GROUP,
    )
    stored, meant = checkpoints.packed(dict(_named(tensors, shape)), layout, _GROUP)
    config = shape.config(len(tensors["token_embd.weight"]))
    config["quantization_config"] = {"quant_method": "awq", "bits": 4, "group_size": _GROUP}
    write_json(folder / "config.json", config)
    if layout == "v2":
        pickled.save(folder / "demo-w4-g64-awq-v2.pt", stored)
    else:
        checkpoints.save_safetensors(folder / "model.safetensors", stored)
    prefix = "tokenizer.ggml."
    pieces = zip(
        *(value(f"{prefix}{key}") for key in ("tokens", "scores", "token_type")),
        strict=True,
    )
    (folder / "tokenizer.model").write_bytes(checkpoints.sentencepiece_model(list(pieces)))
    tokens = value(f"{prefix}tokens")
    special = {name: int(value(f"{prefix}{name}_token_id")) for name in ("bos", "eos")}
    write_json(
        folder / "tokenizer_config.json",
        {
            "add_bos_token": bool(value(f"{prefix}add_bos_token")),
            "add_prefix_space": bool(value(f"{prefix}add_space_prefix")),
            "chat_template": value("tokenizer.chat_template"),
            **{f"{name}_token": tokens[number] for name, number in special.items()},
        },
    )
    return Made(folder, shape, meant, len(tensors["token_embd.weight"]))


def _named(tensors: dict[str, np.ndarray], shape: Shape) -> Iterator[tuple[str, np.ndarray]]:
    """Under Hugging Face's names, heads in their halves again."""
    yield "model.embed_tokens.weight", tensors["token_embd.weight"]
    yield "model.norm.weight", tensors["output_norm.weight"]
    names = {
        "attn_norm": "input_layernorm",
        "ffn_norm": "post_attention_layernorm",
        "attn_q": "self_attn.q_proj",
        "attn_k": "self_attn.k_proj",
        "attn_v": "self_attn.v_proj",
        "attn_output": "self_attn.o_proj",
        "ffn_gate": "mlp.gate_proj",
        "ffn_up": "mlp.up_proj",
        "ffn_down": "mlp.down_proj",
    }
    for layer in range(shape.layers):
        for ours, theirs in names.items():
            value = tensors[f"blk.{layer}.{ours}.weight"]
            if ours in ("attn_q", "attn_k"):
                heads = shape.heads if ours == "attn_q" else shape.kv_heads
                pairs = value.reshape(heads, -1, 2, value.shape[1])
                value = pairs.swapaxes(1, 2).reshape(value.shape)
            yield f"model.layers.{layer}.{theirs}.weight", value.astype(np.float32)


def marks(model: Path, log: Path) -> float:
    """Share of right answers."""
    with closing(EngineClient(log)) as engine:
        files = Files(str(model), str(demo.mmproj_path()))
        for _ in engine.load(Load(files)):
            pass
        found, _ = evaluate.sit(engine, "own", _QUESTIONS, 7)
    right = [mark for topic in found.values() for mark in topic]
    assert len(right) > 100
    return sum(right) / len(right)


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> float:
    """The marks of the demo model as it is."""
    return marks(demo.model_path(), tmp_path_factory.mktemp("before") / "engine.log")


@pytest.mark.slow
@pytest.mark.trained
@pytest.mark.parametrize("layout", ["v2", "gemm"])
def test_it_sees_as_well_as_before(layout: str, before: float, tmp_path: Path) -> None:
    files = imported(checkpoint(tmp_path / "checkpoint", layout), tmp_path / "gguf")
    assert marks(files.model, tmp_path / "engine.log") >= before - 0.02
