"""A trained checkpoint to the pair of GGUF files that ships with the package.

The language model becomes llama.cpp's ``llama`` in Q8_0, the tower and its projector a CLIP ``mlp``
mmproj in F16: the shape of LLaVA-1.5.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType as Quant
from gguf import GGUFWriter
from torch import Tensor

from training.model import Config, DemoModel
from training.render import PATCH, SIDE
from training.tokenizer import CHAT_TEMPLATE, Tokenizer

MODEL_NAME = "demo-q8_0.gguf"
MMPROJ_NAME = "demo-mmproj-f16.gguf"
ABOUT = (
    "Tiny vision-language model of vlmtui that knows drawn circles, squares, triangles and stars."
)


def _array(tensor: Tensor) -> np.ndarray:
    array: np.ndarray = tensor.detach().float().cpu().contiguous().numpy()
    return array


def _paired(weight: Tensor, heads: int) -> Tensor:
    """Rows of a query or key matrix for llama.cpp: pairs (i, i + D/2) become (2i, 2i + 1)."""
    rows, width = weight.shape
    return weight.view(heads, 2, rows // heads // 2, width).transpose(1, 2).reshape(rows, width)


def _add_tokenizer(writer: GGUFWriter, tokenizer: Tokenizer) -> None:
    pieces = tokenizer.pieces
    tokens, scores, types = [], [], []
    for token in range(pieces.vocab_size()):
        tokens.append(pieces.id_to_piece(token).encode())
        scores.append(pieces.get_score(token))
        kind = gguf.TokenType.NORMAL
        if pieces.is_unknown(token):
            kind = gguf.TokenType.UNKNOWN
        elif pieces.is_control(token):
            kind = gguf.TokenType.CONTROL
        elif pieces.is_byte(token):
            kind = gguf.TokenType.BYTE
        types.append(int(kind))
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    writer.add_token_scores(scores)
    writer.add_token_types(types)
    writer.add_bos_token_id(tokenizer.bos)
    writer.add_eos_token_id(tokenizer.eos)
    writer.add_unk_token_id(0)
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(True)
    writer.add_chat_template(CHAT_TEMPLATE)


def _add_common(writer: GGUFWriter, name: str, kind: str) -> None:
    writer.add_type(kind)
    writer.add_name(name)
    writer.add_basename("vlmtui-demo")
    writer.add_author("The vlmtui authors")
    writer.add_description(ABOUT)
    writer.add_license("apache-2.0")
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)


def _finish(writer: GGUFWriter, path: Path) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_language_model(model: DemoModel, tokenizer: Tokenizer, path: Path) -> None:
    """Write the llama half, matrices in Q8_0 and norms in F32."""
    c = model.config
    writer = GGUFWriter(path, "llama")
    _add_common(writer, "vlmtui demo", "model")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_context_length(c.context)
    writer.add_embedding_length(c.width)
    writer.add_block_count(c.layers)
    writer.add_feed_forward_length(c.ffn)
    writer.add_head_count(c.heads)
    writer.add_head_count_kv(c.heads)
    writer.add_layer_norm_rms_eps(c.eps)
    writer.add_rope_dimension_count(c.width // c.heads)
    writer.add_rope_freq_base(c.rope_base)
    writer.add_vocab_size(c.vocab)
    _add_tokenizer(writer, tokenizer)

    def matrix(name: str, tensor: Tensor) -> None:
        packed = gguf.quants.quantize(_array(tensor), Quant.Q8_0)
        writer.add_tensor(f"{name}.weight", packed, raw_dtype=Quant.Q8_0)

    def vector(name: str, tensor: Tensor) -> None:
        writer.add_tensor(f"{name}.weight", _array(tensor))

    matrix("token_embd", model.llama.embed.weight)
    vector("output_norm", model.llama.norm.weight)
    for i, block in enumerate(model.llama.blocks):
        q, k, v = block.qkv.weight.chunk(3)
        gate, up = block.gate_up.weight.chunk(2)
        vector(f"blk.{i}.attn_norm", block.norm1.weight)
        vector(f"blk.{i}.ffn_norm", block.norm2.weight)
        for name, tensor in (
            ("attn_q", _paired(q, c.heads)),
            ("attn_k", _paired(k, c.heads)),
            ("attn_v", v),
            ("attn_output", block.out.weight),
            ("ffn_gate", gate),
            ("ffn_up", up),
            ("ffn_down", block.down.weight),
        ):
            matrix(f"blk.{i}.{name}", tensor)
    _finish(writer, path)


def write_mmproj(model: DemoModel, path: Path) -> None:
    """Write tower and projector, matrices in F16, the rest in F32."""
    c = model.config
    writer = GGUFWriter(path, "clip")
    _add_common(writer, "vlmtui demo mmproj", "mmproj")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_clip_has_vision_encoder(True)
    writer.add_clip_projector_type("mlp")
    writer.add_vision_image_size(SIDE)
    writer.add_vision_patch_size(PATCH)
    writer.add_vision_embedding_length(c.vision_width)
    writer.add_vision_feed_forward_length(c.vision_ffn)
    writer.add_vision_projection_dim(c.width)
    writer.add_vision_block_count(c.vision_layers)
    writer.add_vision_head_count(c.vision_heads)
    writer.add_vision_attention_layernorm_eps(c.eps)
    writer.add_vision_image_mean([0.5, 0.5, 0.5])
    writer.add_vision_image_std([0.5, 0.5, 0.5])
    writer.add_vision_use_gelu(True)
    # without this the graph stops one layer early, as LLaVA does, and the last would be dead weight
    writer.add_array("clip.vision.feature_layer", [c.vision_layers])

    def add(name: str, layer: torch.nn.Module) -> None:
        weight = _array(layer.weight)  # type: ignore[arg-type]
        writer.add_tensor(
            f"{name}.weight", weight.astype(np.float16) if weight.ndim > 1 else weight
        )
        if layer.bias is not None:
            writer.add_tensor(f"{name}.bias", _array(layer.bias))  # type: ignore[arg-type]

    tower = model.tower
    patch = _array(tower.patch.weight).reshape(c.vision_width, 3, PATCH, PATCH)
    writer.add_tensor("v.patch_embd.weight", patch.astype(np.float16))
    writer.add_tensor("v.position_embd.weight", _array(tower.position))
    add("v.pre_ln", tower.pre)
    add("v.post_ln", tower.post)
    for i, block in enumerate(tower.blocks):
        weights, biases = block.qkv.weight.chunk(3), block.qkv.bias.chunk(3)
        for name, weight, bias in zip(("attn_q", "attn_k", "attn_v"), weights, biases, strict=True):
            writer.add_tensor(f"v.blk.{i}.{name}.weight", _array(weight).astype(np.float16))
            writer.add_tensor(f"v.blk.{i}.{name}.bias", _array(bias))
        for name, layer in (
            ("attn_out", block.out),
            ("ln1", block.ln1),
            ("ln2", block.ln2),
            ("ffn_up", block.up),
            ("ffn_down", block.down),
        ):
            add(f"v.blk.{i}.{name}", layer)
    add("mm.0", model.projector.first)
    add("mm.2", model.projector.second)
    _finish(writer, path)


def export(model: DemoModel, tokenizer: Tokenizer, folder: Path) -> None:
    """Write both files; each appears whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in (MODEL_NAME, MMPROJ_NAME):
        partial = folder / f".{name}.partial"
        if name == MODEL_NAME:
            write_language_model(model, tokenizer, partial)
        else:
            write_mmproj(model, partial)
        partial.replace(folder / name)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("tokenizer", type=Path)
    parser.add_argument("folder", type=Path)
    args = parser.parse_args()
    trained = DemoModel(Config())
    state = torch.load(args.checkpoint, map_location="cpu", weights_only=True)
    trained.load_state_dict(state.get("ema", state))
    export(trained, Tokenizer(args.tokenizer), args.folder)
