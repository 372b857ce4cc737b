"""Model files of real shapes without weights: headers in front of holes.

A hole reads as zeros and takes no disk, but in memory it is as large as weights are: so any model's
memory can be measured here, and simulated loads of models that nobody could download. They compute
what a trained model computes, and say nothing.
"""

from __future__ import annotations

import itertools
import math
import string
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Quant
from gguf import GGUFWriter

from bench import qwen35
from bench.qwen35 import Hybrid

_LFM2_ATTENTION = (2, 5, 8, 10, 12, 14)
"""Layers of LFM2 that attend; the others are short convolutions."""


@dataclass(frozen=True)
class Tower:
    """A vision tower's shape."""

    projector: str
    layers: int
    width: int
    heads: int
    ffn: int
    image: int
    patch: int = 14
    scale: int = 2
    """Patches of a token's side, where the projector joins some."""


@dataclass(frozen=True)
class Shape:
    """A model's shape."""

    architecture: str
    layers: int
    width: int
    heads: int
    kv_heads: int
    ffn: int
    vocab: int
    tower: Tower
    quant: Quant = Quant.Q8_0
    head: int = 0
    """Width of a head; 0 is width / heads."""

    context: int = 32768
    window: int = 0
    """Sliding window of the layers that have one."""

    tied: bool = False
    """The output layer is the token embeddings."""


@dataclass(frozen=True)
class Files:
    """The pair of files."""

    model: Path
    mmproj: Path


CLIP_L = Tower("mlp", 24, 1024, 16, 4096, 336)
CLIP_SMALL = Tower("mlp", 4, 256, 4, 1024, 224)
QWEN2_VIT = Tower("qwen2vl_merger", 32, 1280, 16, 5120, 560)
QWEN25_VIT = Tower("qwen2.5vl_merger", 32, 1280, 16, 3420, 560)
QWEN25_SMALL = Tower("qwen2.5vl_merger", 8, 320, 5, 860, 560)
SIGLIP = Tower("gemma3", 27, 1152, 16, 4304, 896, scale=4)
IDEFICS = Tower("idefics3", 12, 768, 12, 3072, 384, 16, scale=3)

SHAPES = {
    # measured: 0.1 to 1 GB
    "llama-0.1": Shape("llama", 12, 768, 12, 12, 2048, 32000, CLIP_SMALL),
    "llama-0.3-clip-l": Shape("llama", 16, 1024, 16, 16, 2816, 32000, CLIP_L),
    "llama-1.0": Shape("llama", 22, 2048, 32, 32, 5632, 32000, CLIP_SMALL, Quant.Q4_K),
    "gqa-0.2": Shape("qwen2", 12, 768, 12, 2, 3072, 151936, CLIP_SMALL),
    "gqa-0.5-tied": Shape("qwen2", 24, 896, 14, 2, 4864, 151936, CLIP_SMALL, tied=True),
    "mqa-0.3": Shape("llama", 16, 1024, 16, 1, 4096, 32000, CLIP_SMALL, head=128),
    "mrope-0.2": Shape("qwen2vl", 12, 768, 6, 2, 3072, 32000, QWEN25_SMALL),
    "mrope-0.9-qwen2-vit": Shape("qwen2vl", 14, 1536, 12, 2, 4608, 32000, QWEN2_VIT, Quant.Q4_K),
    "swa-0.4": Shape("gemma3", 18, 1024, 8, 2, 4096, 32000, CLIP_SMALL, head=128, window=512),
    "q4_0-0.6": Shape("llama", 20, 1536, 24, 8, 6144, 32000, CLIP_SMALL, Quant.Q4_0),
    "q4_0-0.1": Shape("llama", 8, 1024, 16, 16, 4096, 8192, CLIP_SMALL, Quant.Q4_0),
    # only planned
    "llava-7b": Shape("llama", 32, 4096, 32, 32, 11008, 32000, CLIP_L, Quant.Q4_K, context=4096),
    "qwen2.5-vl-3b": Shape("qwen2vl", 36, 2048, 16, 2, 11008, 151936, QWEN25_VIT, Quant.Q4_K),
    "qwen2.5-vl-7b": Shape("qwen2vl", 28, 3584, 28, 4, 18944, 152064, QWEN25_VIT, Quant.Q4_K),
    "gemma-3-4b": Shape(
        "gemma3", 34, 2560, 8, 4, 10240, 262208, SIGLIP, Quant.Q4_K, head=256, window=1024
    ),
    "lfm2-1.2b": Shape("lfm2", 16, 2048, 32, 8, 8192, 65536, CLIP_SMALL, Quant.Q4_K, tied=True),
    "smolvlm2-2.2b": Shape("llama", 24, 2048, 32, 32, 8192, 49280, IDEFICS),
}


HYBRIDS = {
    "qwen3.5-0.8b": Hybrid(24, 1024, 8, 2, 256, 3584, 248320, 16, 16, 12, 768, 12, 3072),
    "qwen3.5-4b": Hybrid(32, 2560, 16, 4, 256, 9216, 248320, 16, 32, 24, 1024, 16, 4096),
}
"""Only planned."""


def write(name: str, folder: Path) -> Files:
    """Write the pair of a shape, a key of `SHAPES` or `HYBRIDS`."""
    folder.mkdir(parents=True, exist_ok=True)
    files = Files(folder / f"{name}.gguf", folder / f"{name}-mmproj.gguf")
    if name in HYBRIDS:
        for path, kind, add in (
            (files.model, "qwen35", qwen35.add_model),
            (files.mmproj, "clip", qwen35.add_tower),
        ):
            holes = _Holes(path, kind)
            add(holes.file, holes, HYBRIDS[name])
            holes.write()
        return files
    shape = SHAPES[name]
    _write_model(files.model, shape)
    _write_tower(files.mmproj, shape.tower, shape.width)
    return files


class _Holes:
    """A file whose tensors are announced and not written."""

    def __init__(self, path: Path, architecture: str) -> None:
        self.file = GGUFWriter(path, architecture)
        self._path = path
        self._size = 0

    def matrix(self, name: str, *shape: int, quant: Quant = Quant.F16) -> None:
        in_bytes = gguf.quant_shape_to_byte_shape(shape, quant)
        size = math.prod(in_bytes)
        self.file.add_tensor_info(name, in_bytes, np.dtype(np.uint8), size, raw_dtype=quant)
        self._size += -(-size // 32) * 32

    def vector(self, name: str, size: int, _value: float = 0.0) -> None:
        self.matrix(name, size, quant=Quant.F32)

    def linear(self, name: str, rows: int, columns: int) -> None:
        self.matrix(f"{name}.weight", rows, columns)
        self.vector(f"{name}.bias", rows)

    def norm(self, name: str, size: int) -> None:
        self.vector(f"{name}.weight", size)
        self.vector(f"{name}.bias", size)

    def write(self) -> None:
        self.file.write_header_to_file()
        self.file.write_kv_data_to_file()
        self.file.write_ti_data_to_file()
        self.file.close()
        header = -(-self._path.stat().st_size // 32) * 32
        with self._path.open("r+b") as file:
            file.truncate(header + self._size)


def _write_model(path: Path, shape: Shape) -> None:
    holes = _Holes(path, shape.architecture)
    file = holes.file
    head = shape.head or shape.width // shape.heads
    file.add_context_length(shape.context)
    file.add_embedding_length(shape.width)
    file.add_block_count(shape.layers)
    file.add_feed_forward_length(shape.ffn)
    file.add_head_count(shape.heads)
    if shape.architecture == "lfm2":
        attends = [block in _LFM2_ATTENTION for block in range(shape.layers)]
        file.add_head_count_kv([shape.kv_heads if each else 0 for each in attends])
        file.add_shortconv_l_cache(3)
    else:
        file.add_head_count_kv(shape.kv_heads)
    file.add_key_length(head)
    file.add_value_length(head)
    file.add_layer_norm_rms_eps(1e-5)
    file.add_rope_dimension_count(head)
    file.add_vocab_size(shape.vocab)
    if shape.architecture == "qwen2vl":
        file.add_rope_dimension_sections([head // 8, 3 * head // 16, 3 * head // 16, 0])
    if shape.window:
        file.add_sliding_window(shape.window)
    if shape.vocab > 100_000:
        _add_bpe(file, shape.vocab)
    else:
        _add_sentencepiece(file, shape.vocab)
    quant = shape.quant
    holes.matrix("token_embd.weight", shape.vocab, shape.width, quant=quant)
    # LFM2's first files had a wrong name, which has stayed
    norm = "token_embd_norm" if shape.architecture == "lfm2" else "output_norm"
    holes.vector(f"{norm}.weight", shape.width)
    if not (shape.tied or shape.window):
        holes.matrix("output.weight", shape.vocab, shape.width, quant=Quant.Q8_0)
    for block in range(shape.layers):
        _add_block(holes, f"blk.{block}.", shape, head)
    holes.write()


def _add_block(holes: _Holes, prefix: str, shape: Shape, head: int) -> None:
    gemma = shape.architecture == "gemma3"
    lfm2 = shape.architecture == "lfm2"
    if lfm2 and int(prefix.split(".")[1]) not in _LFM2_ATTENTION:
        holes.matrix(f"{prefix}shortconv.conv.weight", shape.width, 3, quant=Quant.F32)
        for name, rows in (("in", 3 * shape.width), ("out", shape.width)):
            holes.matrix(f"{prefix}shortconv.{name}_proj.weight", rows, shape.width)
        _add_feed_forward(holes, prefix, shape)
        return
    widths = {"q": shape.heads, "k": shape.kv_heads, "v": shape.kv_heads}
    for name, heads in widths.items():
        holes.matrix(f"{prefix}attn_{name}.weight", heads * head, shape.width, quant=shape.quant)
        if shape.architecture.startswith("qwen2"):
            holes.vector(f"{prefix}attn_{name}.bias", heads * head)
        if (gemma or lfm2) and name != "v":
            holes.vector(f"{prefix}attn_{name}_norm.weight", head)
    holes.matrix(f"{prefix}attn_output.weight", shape.width, shape.heads * head, quant=shape.quant)
    _add_feed_forward(holes, prefix, shape)


def _add_feed_forward(holes: _Holes, prefix: str, shape: Shape) -> None:
    for name in ("ffn_gate", "ffn_up"):
        holes.matrix(f"{prefix}{name}.weight", shape.ffn, shape.width, quant=shape.quant)
    holes.matrix(f"{prefix}ffn_down.weight", shape.width, shape.ffn, quant=shape.quant)
    norms = ["attn_norm", "ffn_norm"]
    gemma = shape.architecture == "gemma3"
    for name in norms + (["post_attention_norm", "post_ffw_norm"] if gemma else []):
        holes.vector(f"{prefix}{name}.weight", shape.width)


def _write_tower(path: Path, tower: Tower, width: int) -> None:
    holes = _Holes(path, "clip")
    file = holes.file
    file.add_type("mmproj")
    file.add_bool("clip.has_vision_encoder", True)
    file.add_string("clip.projector_type", tower.projector)
    qwen = tower.projector.startswith("qwen2")
    gated = tower.projector == "qwen2.5vl_merger"
    file.add_bool("clip.use_silu" if gated else "clip.use_gelu", True)
    for key, value in (
        ("image_size", tower.image),
        ("patch_size", tower.patch),
        ("embedding_length", tower.width),
        ("feed_forward_length", tower.ffn),
        ("projection_dim", width),
        ("block_count", tower.layers),
        ("attention.head_count", tower.heads),
    ):
        file.add_uint32(f"clip.vision.{key}", value)
    file.add_float32("clip.vision.attention.layer_norm_epsilon", 1e-5)
    file.add_array("clip.vision.image_mean", [0.5, 0.5, 0.5])
    file.add_array("clip.vision.image_std", [0.5, 0.5, 0.5])
    for frame in range(2 if qwen else 1):
        suffix = f".{frame}" if frame else ""
        holes.matrix(f"v.patch_embd.weight{suffix}", tower.width, 3, tower.patch, tower.patch)
    patches = (tower.image // tower.patch) ** 2
    if tower.projector == "mlp":
        holes.vector("v.class_embd", tower.width)
        holes.norm("v.pre_ln", tower.width)
        patches += 1
    elif not qwen:
        holes.vector("v.patch_embd.bias", tower.width)
    if not qwen:
        holes.matrix("v.position_embd.weight", patches, tower.width, quant=Quant.F32)
    holes.norm("v.post_ln", tower.width)
    for block in range(tower.layers):
        prefix = f"v.blk.{block}."
        holes.norm(f"{prefix}ln1", tower.width)
        holes.norm(f"{prefix}ln2", tower.width)
        for name in ("attn_q", "attn_k", "attn_v", "attn_out"):
            holes.linear(f"{prefix}{name}", tower.width, tower.width)
        for name in ("ffn_up", "ffn_gate") if gated else ("ffn_up",):
            holes.linear(f"{prefix}{name}", tower.ffn, tower.width)
        holes.linear(f"{prefix}ffn_down", tower.width, tower.ffn)
    _add_projector(holes, tower, width)
    holes.write()


def _add_projector(holes: _Holes, tower: Tower, width: int) -> None:
    joined = tower.width * tower.scale**2
    match tower.projector:
        case "mlp":
            holes.linear("mm.0", width, tower.width)
            holes.linear("mm.2", width, width)
        case "gemma3":
            holes.file.add_uint32("clip.vision.projector.scale_factor", tower.scale)
            holes.vector("mm.soft_emb_norm.weight", tower.width)
            holes.matrix("mm.input_projection.weight", tower.width, width)
        case "idefics3":
            holes.file.add_uint32("clip.vision.projector.scale_factor", tower.scale)
            holes.file.add_uint32("clip.vision.preproc_image_size", tower.image * 4)
            holes.matrix("mm.model.fc.weight", width, joined)
        case _:
            if tower.projector == "qwen2.5vl_merger":
                holes.file.add_uint32("clip.vision.n_wa_pattern", 8)
            holes.linear("mm.0", joined, joined)
            holes.linear("mm.2", width, joined)


def _add_sentencepiece(file: GGUFWriter, vocab: int) -> None:
    fixed = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    kinds = [2, 3, 3] + [6] * 256
    words = ("▁" + "".join(letters) for letters in _words())
    tokens = [*fixed, *itertools.islice(words, vocab - len(fixed))]
    file.add_tokenizer_model("llama")
    file.add_tokenizer_pre("default")
    file.add_token_list(tokens)
    file.add_token_scores([-float(rank) for rank in range(vocab)])
    file.add_token_types(kinds + [1] * (vocab - len(kinds)))
    _end_tokens(file)


def _add_bpe(file: GGUFWriter, vocab: int) -> None:
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    letters = [chr(byte) for byte in printable] + [chr(256 + at) for at in range(len(others))]
    fixed = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *letters]
    words = ["".join(word) for word in itertools.islice(_words(2), vocab - len(fixed))]
    file.add_tokenizer_model("gpt2")
    file.add_tokenizer_pre("qwen2")
    file.add_token_list([*fixed, *words])
    file.add_token_types([3] * 3 + [1] * (vocab - 3))
    file.add_token_merges([f"{word[:-1]} {word[-1]}" for word in words])
    _end_tokens(file)


def _end_tokens(file: GGUFWriter) -> None:
    file.add_bos_token_id(1)
    file.add_eos_token_id(2)
    file.add_add_bos_token(True)


def _words(shortest: int = 1) -> itertools.chain[tuple[str, ...]]:
    return itertools.chain.from_iterable(
        itertools.product(string.ascii_lowercase, repeat=length)
        for length in itertools.count(shortest)
    )
