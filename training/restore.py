"""The shipped GGUF files back to weights that training can go on from: the inverse of ``export``.

What only training uses isn't in the files: the dense heads begin anew and first learn alone, on a
tower that stands still, so that their first errors don't reach it.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from gguf import GGUFReader, TokenType
from gguf.quants import dequantize
from sentencepiece import sentencepiece_model_pb2 as spm
from torch import Tensor

from training.dense import dense_labels, dense_loss
from training.export import MMPROJ_NAME, MODEL_NAME
from training.model import Config, DemoModel, normalise
from training.pool import Shard, load_shards


def _tensors(path: Path) -> dict[str, Tensor]:
    return {
        tensor.name: torch.from_numpy(dequantize(tensor.data, tensor.tensor_type).copy())
        for tensor in GGUFReader(path).tensors
    }


def _halved(weight: Tensor, heads: int) -> Tensor:
    """Rows of a query or key matrix as ``model.rotate`` has them; inverse of ``export._paired``."""
    rows, width = weight.shape
    return weight.view(heads, rows // heads // 2, 2, width).transpose(1, 2).reshape(rows, width)


def _tower(files: dict[str, Tensor], model: DemoModel) -> dict[str, Tensor]:
    state = {
        "tower.patch.weight": files["v.patch_embd.weight"].reshape(model.config.vision_width, -1),
        "tower.position": files["v.position_embd.weight"],
    }
    names = {"tower.pre": "v.pre_ln", "tower.post": "v.post_ln"}
    names |= {"projector.first": "mm.0", "projector.second": "mm.2"}
    parts = {"ln1": "ln1", "ln2": "ln2", "out": "attn_out", "up": "ffn_up", "down": "ffn_down"}
    for i in range(model.config.vision_layers):
        names |= {f"tower.blocks.{i}.{ours}": f"v.blk.{i}.{its}" for ours, its in parts.items()}
        for end in ("weight", "bias"):
            state[f"tower.blocks.{i}.qkv.{end}"] = torch.cat(
                [files[f"v.blk.{i}.attn_{part}.{end}"] for part in "qkv"]
            )
    for ours, its in names.items():
        state |= {f"{ours}.{end}": files[f"{its}.{end}"] for end in ("weight", "bias")}
    return state


def _llama(files: dict[str, Tensor], model: DemoModel) -> dict[str, Tensor]:
    state = {
        "llama.embed.weight": files["token_embd.weight"],
        "llama.norm.weight": files["output_norm.weight"],
    }
    heads = model.config.heads
    for i in range(model.config.layers):
        ours, its = f"llama.blocks.{i}", {
            part: files[f"blk.{i}.{part}.weight"]
            for part in ("attn_norm", "ffn_norm", "attn_q", "attn_k", "attn_v", "attn_output",
                         "ffn_gate", "ffn_up", "ffn_down")
        }  # fmt: skip
        state |= {
            f"{ours}.norm1.weight": its["attn_norm"],
            f"{ours}.norm2.weight": its["ffn_norm"],
            f"{ours}.qkv.weight": torch.cat(
                (_halved(its["attn_q"], heads), _halved(its["attn_k"], heads), its["attn_v"])
            ),
            f"{ours}.out.weight": its["attn_output"],
            f"{ours}.gate_up.weight": torch.cat((its["ffn_gate"], its["ffn_up"])),
            f"{ours}.down.weight": its["ffn_down"],
        }
    return state


def restore(folder: Path) -> DemoModel:
    """The model of two GGUF files, its dense heads and its sense of order untrained."""
    model = DemoModel(Config())
    state = _tower(_tensors(folder / MMPROJ_NAME), model)
    state |= _llama(_tensors(folder / MODEL_NAME), model)
    missing, unknown = model.load_state_dict(state, strict=False)
    assert not unknown
    assert all(name.startswith(("dense.", "order.")) for name in missing), missing
    return model


def tokenizer(path: Path) -> bytes:
    """The SentencePiece model of a GGUF file, which has the pieces of it."""
    reader = GGUFReader(path)
    model = spm.ModelProto()
    trainer = model.trainer_spec
    trainer.model_type, trainer.byte_fallback, trainer.pad_id = spm.TrainerSpec.BPE, True, -1
    model.normalizer_spec.name = "identity"
    model.normalizer_spec.add_dummy_prefix = True
    model.normalizer_spec.remove_extra_whitespaces = False
    columns = (
        reader.fields[f"tokenizer.ggml.{key}"].contents()
        for key in ("tokens", "scores", "token_type")
    )
    for text, score, kind in zip(*columns, strict=True):
        piece = model.pieces.add()
        piece.piece, piece.score = text, score
        # llama.cpp took over SentencePiece's names
        piece.type = getattr(spm.ModelProto.SentencePiece, TokenType(kind).name)
    trainer.vocab_size = len(model.pieces)
    encoded: bytes = model.SerializeToString()
    return encoded


def teach_heads(model: DemoModel, shards: list[Shard], steps: int, rate: float = 3e-3) -> None:
    """Train the dense heads alone."""
    rng = np.random.default_rng(0)
    optimizer = torch.optim.AdamW(model.dense.parameters(), lr=rate, weight_decay=0)
    began = time.time()
    for step in range(1, steps + 1):
        shard = shards[rng.integers(len(shards))]
        rows = np.sort(rng.choice(len(shard.shapes), 96, replace=False))
        with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
            features = model.tower(normalise(torch.from_numpy(shard.images[rows])))
        loss = dense_loss(*model.dense(features.float()), dense_labels(shard, rows))
        optimizer.zero_grad()
        loss.backward()
        for group in optimizer.param_groups:
            group["lr"] = rate * (1 - step / (steps + 1))
        optimizer.step()
        if step % 25 == 0:
            print(f"heads {step} loss {loss.item():.3f} {time.time() - began:.0f}s", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pool", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("folder", type=Path, help="of the GGUF files")
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--seed", type=int, default=20261123)
    a = parser.parse_args()
    torch.manual_seed(a.seed)
    restored = restore(a.folder)
    teach_heads(restored, load_shards(a.pool)[1:], a.steps)
    torch.save(restored.state_dict(), a.out / "tower.pt")
    (a.out / "tokenizer.model").write_bytes(tokenizer(a.folder / MODEL_NAME))
