"""Checkpoints with random weights, in the files and names that their makers publish.

Nothing here uses the code under test; `packing` has the layouts of AWQ, `pickled` writes `.pt`.
"""

from __future__ import annotations

import json
import shutil
import string
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.models.convert import packing, pickled

Tensors = dict[str, NDArray[Any]]

_LINEARS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


@dataclass(frozen=True)
class Shape:
    """Of a language model."""

    width: int = 256
    feed_forward: int = 384
    layers: int = 2
    heads: int = 4
    kv_heads: int = 2
    theta: float = 10000.0
    epsilon: float = 1e-5
    context: int = 4096
    tied: bool = False
    group: int = 128
    extra: dict[str, Any] = field(default_factory=dict)

    def config(self, rows: int) -> dict[str, Any]:
        return {
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "hidden_size": self.width,
            "intermediate_size": self.feed_forward,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.kv_heads,
            "rms_norm_eps": self.epsilon,
            "rope_theta": self.theta,
            "max_position_embeddings": self.context,
            "vocab_size": rows,
            "hidden_act": "silu",
            "tie_word_embeddings": self.tied,
            **self.extra,
        }


@dataclass(frozen=True)
class Made:
    """A checkpoint on disk, and the weights that it stands for."""

    folder: Path
    shape: Shape
    language: Tensors
    """By Hugging Face's names, AWQ taken apart again, in float32."""

    rows: int
    tower: Tensors = field(default_factory=dict)
    projector: Tensors = field(default_factory=dict)


def language(shape: Shape, rows: int, sayable: list[int], seed: int = 1) -> Tensors:
    """Weights of a language model whose answers only have sayable tokens."""
    draw = np.random.default_rng(seed)
    head = shape.width // shape.heads
    sizes = {
        "self_attn.q_proj": (shape.heads * head, shape.width),
        "self_attn.k_proj": (shape.kv_heads * head, shape.width),
        "self_attn.v_proj": (shape.kv_heads * head, shape.width),
        "self_attn.o_proj": (shape.width, shape.heads * head),
        "mlp.gate_proj": (shape.feed_forward, shape.width),
        "mlp.up_proj": (shape.feed_forward, shape.width),
        "mlp.down_proj": (shape.width, shape.feed_forward),
    }

    def normal(*size: int, gain: float = 1.0) -> NDArray[np.float32]:
        values = draw.standard_normal(size, np.float32) * np.float32(gain)
        return values.astype(np.float16).astype(np.float32)

    made: Tensors = {"model.embed_tokens.weight": normal(rows, shape.width)}
    for layer in range(shape.layers):
        prefix = f"model.layers.{layer}."
        for name in ("input_layernorm", "post_attention_layernorm"):
            made[f"{prefix}{name}.weight"] = normal(shape.width, gain=0.1) + np.float32(1)
        for name, size in sizes.items():
            # large queries and keys: attention that picks
            gain = 2.0 if name[-6:] in ("q_proj", "k_proj") else 1.0
            made[f"{prefix}{name}.weight"] = normal(*size, gain=gain / np.sqrt(size[1]))
        if shape.extra.get("model_type") == "qwen2":
            for name in ("q_proj", "k_proj", "v_proj"):
                outputs = sizes[f"self_attn.{name}"][0]
                made[f"{prefix}self_attn.{name}.bias"] = normal(outputs, gain=0.5)
    made["model.norm.weight"] = normal(shape.width, gain=0.1) + np.float32(1)
    output = np.zeros((rows, shape.width), np.float32)
    output[sayable] = normal(len(sayable), shape.width, gain=8 / np.sqrt(shape.width))
    made["lm_head.weight"] = output
    if shape.tied:
        del made["lm_head.weight"]
    return {name: value.astype(np.float16).astype(np.float32) for name, value in made.items()}


def packed(tensors: Tensors, layout: str, group: int = 128) -> tuple[Tensors, Tensors]:
    """A language model in AWQ: what is stored, and the weights that this stands for."""
    stored: Tensors = {}
    meant: Tensors = {}
    for name, value in tensors.items():
        if name.split(".")[-2] in _LINEARS and name.endswith(".weight"):
            layer = packing.quantise(value, group)
            base = name.removesuffix("weight")
            parts = packing.PACKED[layout](layer)
            stored |= {f"{base}{part}": content for part, content in parts.items()}
            meant[name] = layer.weights(rounded=True)
        else:
            stored[name] = value.astype(np.float16)
            meant[name] = value
    return stored, meant


def halves(tensors: Mapping[str, NDArray[Any]]) -> Tensors:
    """In float16."""
    return {name: value.astype(np.float16) for name, value in tensors.items()}


# ------------------------------------------------------------------------------------------ files

_DTYPES = {"<f2": "F16", "<f4": "F32", "<i2": "I16", "<i4": "I32", "<i8": "I64"}


def save_safetensors(path: Path, tensors: Mapping[str, NDArray[Any]], bf16: bool = False) -> Path:
    """Write a safetensors file; `bf16` stores float32 values as bfloat16, cut off."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    parts, at = [], 0
    for name, tensor in tensors.items():
        content, dtype = np.ascontiguousarray(tensor).tobytes(), _DTYPES.get(tensor.dtype.str, "")
        if bf16:
            bits = np.ascontiguousarray(tensor, np.float32).view(np.uint32) >> 16
            content, dtype = bits.astype(np.uint16).tobytes(), "BF16"
        header[name] = {
            "dtype": dtype,
            "shape": list(tensor.shape),
            "data_offsets": [at, at + len(content)],
        }
        parts.append(content)
        at += len(content)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(parts))
    return path


def write_json(path: Path, content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


# ------------------------------------------------------------------------------------- tokenizers

WORDS = (" the", " is", " What", " there", "USER", "ASSISTANT", "\n")


@dataclass(frozen=True)
class Vocabulary:
    """How many tokens, and which of them a model may say."""

    rows: int
    sayable: list[int]


def sentencepiece(folder: Path, *, spare: int = 3) -> Vocabulary:
    """A `tokenizer.model` as Llama's: BPE, byte fallback, a space put first."""
    folder.mkdir(parents=True, exist_ok=True)
    pieces: list[tuple[str, float, int]] = [("<unk>", 0, 2), ("<s>", 0, 3), ("</s>", 0, 3)]
    pieces += [(f"<0x{byte:02X}>", 0, 6) for byte in range(256)]
    first = len(pieces)
    letters = "▁" + string.ascii_letters + string.digits
    joined = []
    for word in WORDS:
        spelled = word.replace(" ", "▁")
        new = [spelled[:end] for end in range(2, len(spelled) + 1)]
        joined += [piece for piece in new if piece not in joined]
    texts = [*joined, *letters, *string.punctuation]
    pieces += [(text, -float(rank), 1) for rank, text in enumerate(texts)]
    (folder / "tokenizer.model").write_bytes(sentencepiece_model(pieces))
    write_json(
        folder / "tokenizer_config.json",
        {
            "add_bos_token": True,
            "bos_token": {"__type": "AddedToken", "content": "<s>"},
            "eos_token": "</s>",
            "unk_token": "<unk>",
            "tokenizer_class": "LlamaTokenizer",
        },
    )
    sayable = [
        at for at, (text, _, _) in enumerate(pieces) if at >= first and set(text) <= set(letters)
    ]
    return Vocabulary(len(pieces) + spare, sayable)


def sentencepiece_model(pieces: Sequence[tuple[str, float, int]]) -> bytes:
    """The protocol buffer of a BPE model.

    Args:
        pieces: Text, score and type of each.
    """
    content = b"".join(
        _field(1, _field(1, text.encode()) + b"\x15" + struct.pack("<f", score) + _varint(3, kind))
        for text, score, kind in pieces
    )
    trainer = _varint(3, 2) + b"".join(_varint(key, at) for key, at in ((40, 0), (41, 1), (42, 2)))
    return content + _field(2, trainer) + _field(3, _varint(3, 1))


def _field(number: int, content: bytes) -> bytes:
    return _raw(number << 3 | 2) + _raw(len(content)) + content


def _varint(number: int, value: int) -> bytes:
    return _raw(number << 3) + _raw(value)


def _raw(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


LLAMA_3_SPECIAL = (
    "<|begin_of_text|>",
    "<|end_of_text|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eot_id|>",
)

_LLAMA_3_WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN_WORDS = _LLAMA_3_WORDS.replace("{1,3}", "")


def llama_3(
    folder: Path,
    *,
    pairs: bool = False,
    words: str = _LLAMA_3_WORDS,
    special: Sequence[str] = LLAMA_3_SPECIAL,
    begins: bool = True,
) -> Vocabulary:
    """A `tokenizer.json` as Llama 3's: byte-level BPE, BOS put by the post-processor.

    Args:
        folder: Where to.
        pairs: Merges as pairs, as tokenizers writes them since 0.20.
        words: The expression that cuts words.
        special: The special tokens; the first begins a text, the second ends one.
        begins: Whether the first is put before each text.
    """
    letters = byte_letters()
    tokens = list(letters.values())
    merges = []
    for word in WORDS:
        spelled = "".join(letters[byte] for byte in word.encode())
        for end in range(2, len(spelled) + 1):
            if spelled[:end] not in tokens:
                tokens.append(spelled[:end])
                merges.append([spelled[: end - 1], spelled[end - 1]])
    shown = {letters[ord(character)] for character in string.ascii_letters + string.digits + " "}
    sayable = [at for at, token in enumerate(tokens) if set(token) <= shown]
    added = [
        {"id": len(tokens) + at, "content": text, "special": True}
        for at, text in enumerate(special)
    ]
    split = {"type": "Split", "pattern": {"Regex": words}, "behavior": "Isolated", "invert": False}
    begin = [{"SpecialToken": {"id": special[0], "type_id": 0}}] if begins else []
    content = {
        "version": "1.0",
        "added_tokens": added,
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [split, {"type": "ByteLevel", "add_prefix_space": False}],
        },
        "post_processor": {
            "type": "Sequence",
            "processors": [
                {"type": "ByteLevel"},
                {
                    "type": "TemplateProcessing",
                    "single": [*begin, {"Sequence": {"id": "A", "type_id": 0}}],
                },
            ],
        },
        "model": {
            "type": "BPE",
            "byte_fallback": False,
            "vocab": {token: at for at, token in enumerate(tokens)},
            "merges": merges if pairs else [" ".join(merge) for merge in merges],
        },
    }
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "tokenizer.json", content)
    write_json(
        folder / "tokenizer_config.json",
        {"bos_token": special[0], "eos_token": special[1]},
    )
    return Vocabulary(len(tokens) + len(added), sayable)


def byte_letters() -> dict[int, str]:
    """GPT-2's printable letter for each byte."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(byte) for byte in printable} | {
        byte: chr(256 + at) for at, byte in enumerate(others)
    }


# ------------------------------------------------------------------------------------------ models


def text_model(
    folder: Path,
    *,
    layout: str = "",
    shape: Shape | None = None,
    bf16: bool = False,
    spare: int = 3,
) -> Made:
    """A language model alone, in safetensors; with a layout in AutoAWQ's AWQ."""
    shape = shape or Shape()
    vocabulary = sentencepiece(folder, spare=spare)
    tensors = language(shape, vocabulary.rows, vocabulary.sayable)
    config = shape.config(vocabulary.rows)
    if layout:
        stored, tensors = packed(tensors, layout, shape.group)
        given = {"quant_method": "awq", "bits": 4, "group_size": shape.group, "version": layout}
        config["quantization_config"] = given
    else:
        stored = halves(tensors)
    write_json(folder / "config.json", config)
    if bf16:
        save_safetensors(folder / "model.safetensors", tensors, bf16=True)
    else:
        save_safetensors(folder / "model.safetensors", stored)
    return Made(folder, shape, tensors, vocabulary.rows)


def vila(
    folder: Path,
    *,
    layout: str = "v2",
    llama3: bool = False,
    shape: Shape | None = None,
    tower_layers: int = 3,
    units: int = 96,
) -> Made:
    """VILA1.5's three directories; the tower as wide as the real one, with fewer layers and units.

    Args:
        folder: Where to.
        layout: Of AWQ, a key of `packing.PACKED`; empty for float16.
        llama3: With Llama 3's tokenizer, as the 8B.
        shape: Of the language model.
        tower_layers: Of the tower, the last of which VILA doesn't use.
        units: Of the tower's feed-forward network.
    """
    shape = shape or Shape()
    llm = folder / "llm"
    vocabulary = llama_3(llm) if llama3 else sentencepiece(llm)
    tensors = language(shape, vocabulary.rows, vocabulary.sayable)
    config = shape.config(vocabulary.rows)
    write_json(llm / "config.json", config)
    if layout:
        stored, tensors = packed(tensors, layout, shape.group)
        pickled.save(llm / f"vila-w4-g128-awq{'-v2' if layout == 'v2' else ''}.pt", stored)
        # the repositories have an index of files that aren't there
        index = {"weight_map": dict.fromkeys(stored, "model-00001-of-00002.safetensors")}
        write_json(llm / "model.safetensors.index.json", index)
    else:
        save_safetensors(llm / "model.safetensors", halves(tensors))
    tower = siglip(tower_layers, units)
    projector = downsample(shape.width)
    write_json(folder / "vision_tower" / "config.json", siglip_config(tower_layers, units))
    save_safetensors(
        folder / "vision_tower" / "model.safetensors",
        {f"vision_model.{name}": value.astype(np.float16) for name, value in tower.items()},
    )
    write_json(
        folder / "mm_projector" / "config.json",
        {"mm_projector_type": "mlp_downsample", "model_type": "v2l_projector"},
    )
    save_safetensors(folder / "mm_projector" / "model.safetensors", halves(projector))
    write_json(
        folder / "config.json",
        {
            "architectures": ["LlavaLlamaModel"],
            "model_type": "llava_llama",
            "image_aspect_ratio": "resize",
            "mm_vision_select_layer": -2,
            "mm_vision_select_feature": "cls_patch",
            "mm_use_im_start_end": False,
            "mm_use_im_patch_token": False,
            "llm_cfg": {},
            "mm_projector_cfg": {},
            "vision_tower_cfg": {},
        },
    )
    return Made(folder, shape, tensors, vocabulary.rows, tower, projector)


def unquantised(made: Made, folder: Path) -> Made:
    """A VILA whose language model is in float32, with the weights that `made` stands for."""
    shutil.copytree(made.folder, folder)
    for file in (*(folder / "llm").glob("*.pt"), *(folder / "llm").glob("*.index.json")):
        file.unlink()
    save_safetensors(folder / "llm" / "model.safetensors", made.language)
    return replace(made, folder=folder)


WIDTH, HEADS = 1152, 16
_EPSILON = 1e-6


def siglip_config(layers: int, units: int) -> dict[str, Any]:
    return {
        "model_type": "siglip_vision_model",
        "hidden_size": WIDTH,
        "intermediate_size": units,
        "num_hidden_layers": layers,
        "num_attention_heads": HEADS,
        "image_size": 384,
        "patch_size": 14,
        "hidden_act": "gelu_pytorch_tanh",
        "layer_norm_eps": _EPSILON,
    }


def siglip(layers: int, units: int, seed: int = 2) -> Tensors:
    """A SigLIP tower, its head and last norm included, which VILA doesn't use."""
    draw = np.random.default_rng(seed)

    def normal(*size: int, gain: float = 1.0, middle: float = 0.0) -> NDArray[np.float32]:
        values = draw.standard_normal(size, np.float32) * np.float32(gain) + np.float32(middle)
        return values.astype(np.float16).astype(np.float32)

    made = {
        "embeddings.patch_embedding.weight": normal(WIDTH, 3, 14, 14, gain=1 / 24),
        "embeddings.patch_embedding.bias": normal(WIDTH, gain=0.1),
        "embeddings.position_embedding.weight": normal(729, WIDTH, gain=0.5, middle=0.05),
        "post_layernorm.weight": normal(WIDTH, middle=1),
        "post_layernorm.bias": normal(WIDTH),
        "head.probe": normal(1, 1, WIDTH),
    }
    for layer in range(layers):
        prefix = f"encoder.layers.{layer}."
        for name in ("layer_norm1", "layer_norm2"):
            made[f"{prefix}{name}.weight"] = normal(WIDTH, gain=0.1, middle=1)
            made[f"{prefix}{name}.bias"] = normal(WIDTH, gain=0.1)
        for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
            made[f"{prefix}self_attn.{name}.weight"] = normal(WIDTH, WIDTH, gain=WIDTH**-0.5)
            made[f"{prefix}self_attn.{name}.bias"] = normal(WIDTH, gain=0.1, middle=0.02)
        made[f"{prefix}mlp.fc1.weight"] = normal(units, WIDTH, gain=WIDTH**-0.5)
        made[f"{prefix}mlp.fc1.bias"] = normal(units, gain=0.1)
        made[f"{prefix}mlp.fc2.weight"] = normal(WIDTH, units, gain=units**-0.5)
        made[f"{prefix}mlp.fc2.bias"] = normal(WIDTH, gain=0.1, middle=0.02)
    return made


def downsample(width: int, seed: int = 3) -> Tensors:
    """VILA's projector `mlp_downsample`."""
    draw = np.random.default_rng(seed)

    def normal(*size: int, gain: float = 1.0, middle: float = 0.0) -> NDArray[np.float32]:
        values = draw.standard_normal(size, np.float32) * np.float32(gain) + np.float32(middle)
        return values.astype(np.float16).astype(np.float32)

    return {
        "layers.1.weight": normal(4 * WIDTH, gain=0.1, middle=1),
        "layers.1.bias": normal(4 * WIDTH, gain=0.1),
        "layers.2.weight": normal(width, 4 * WIDTH, gain=(4 * WIDTH) ** -0.5),
        "layers.2.bias": normal(width, gain=0.1),
        "layers.4.weight": normal(width, width, gain=width**-0.5),
        "layers.4.bias": normal(width, gain=0.1),
    }


# ------------------------------------------------------------------------------------------ LLaVA

CLIP_WIDTH, CLIP_HEADS, CLIP_LAYERS, CLIP_UNITS, CLIP_IMAGE = 64, 4, 3, 96, 56


def llava(
    folder: Path,
    *,
    layout: str = "",
    newer: bool = False,
    grid: Sequence[tuple[int, int]] = (),
    mistral: bool = False,
) -> Made:
    """LLaVA-1.5 as transformers saves it; with a grid of tiles LLaVA-1.6.

    Args:
        folder: Where to.
        layout: Of AWQ, as AutoAWQ writes it; empty for float16.
        newer: Under the names of transformers 4.52 and later.
        grid: `image_grid_pinpoints`, height and width of each.
        mistral: Whether its language model is a Mistral.
    """
    shape = Shape(layers=1, extra={"model_type": "mistral"} if mistral else {})
    vocabulary = sentencepiece(folder)
    tensors = language(shape, vocabulary.rows, vocabulary.sayable)
    stored, tensors = packed(tensors, layout) if layout else (halves(tensors), tensors)
    tower, projector = clip(), llava_projector(shape.width, newline=bool(grid))
    outer = "model." if newer else ""
    parts = {
        **{_llava_name(name, newer=newer): value for name, value in stored.items()},
        **{f"{outer}vision_tower.vision_model.{k}": v for k, v in halves(tower).items()},
        **{
            f"{outer}{'' if k == 'image_newline' else 'multi_modal_projector.'}{k}": v
            for k, v in halves(projector).items()
        },
    }
    save_safetensors(folder / "model.safetensors", parts)
    config: dict[str, Any] = {
        "architectures": ["LlavaForConditionalGeneration"],
        "model_type": "llava_next" if grid else "llava",
        "text_config": shape.config(vocabulary.rows),
        "vision_config": {
            "model_type": "clip_vision_model",
            "hidden_size": CLIP_WIDTH,
            "intermediate_size": CLIP_UNITS,
            "num_hidden_layers": CLIP_LAYERS,
            "num_attention_heads": CLIP_HEADS,
            "image_size": CLIP_IMAGE,
            "patch_size": 14,
        },
        "vision_feature_layer": -2,
        "vision_feature_select_strategy": "default",
        "projector_hidden_act": "gelu",
    }
    if grid:
        config["image_grid_pinpoints"] = [list(pair) for pair in grid]
    if layout:
        config["quantization_config"] = {"quant_method": "awq", "bits": 4, "version": layout}
    write_json(folder / "config.json", config)
    return Made(folder, shape, tensors, vocabulary.rows, tower, projector)


def _llava_name(name: str, *, newer: bool) -> str:
    if not newer:
        return f"language_model.{name}"
    return name.replace("model.", "model.language_model.", 1) if "lm_head" not in name else name


def clip(seed: int = 4) -> Tensors:
    """A CLIP tower, the last layer included, which LLaVA doesn't use."""
    draw = np.random.default_rng(seed)

    def normal(*size: int, gain: float = 1.0, middle: float = 0.0) -> NDArray[np.float32]:
        values = draw.standard_normal(size, np.float32) * np.float32(gain) + np.float32(middle)
        return values.astype(np.float16).astype(np.float32)

    width, units = CLIP_WIDTH, CLIP_UNITS
    made = {
        "embeddings.class_embedding": normal(width),
        "embeddings.patch_embedding.weight": normal(width, 3, 14, 14, gain=1 / 24),
        "embeddings.position_embedding.weight": normal(17, width, gain=0.5),
        "post_layernorm.weight": normal(width, middle=1),
        "post_layernorm.bias": normal(width),
    }
    for norm in (
        "pre_layrnorm",
        *(f"encoder.layers.{at}.layer_norm1" for at in range(CLIP_LAYERS)),
    ):
        made[f"{norm}.weight"], made[f"{norm}.bias"] = normal(width, middle=1), normal(width)
    for layer in range(CLIP_LAYERS):
        prefix = f"encoder.layers.{layer}."
        made[f"{prefix}layer_norm2.weight"] = normal(width, middle=1)
        made[f"{prefix}layer_norm2.bias"] = normal(width, gain=0.1)
        for name, rows, columns in (
            *((f"self_attn.{each}_proj", width, width) for each in ("q", "k", "v", "out")),
            ("mlp.fc1", units, width),
            ("mlp.fc2", width, units),
        ):
            made[f"{prefix}{name}.weight"] = normal(rows, columns, gain=columns**-0.5)
            made[f"{prefix}{name}.bias"] = normal(rows, gain=0.1)
    return made


def llava_projector(width: int, *, newline: bool, seed: int = 5) -> Tensors:
    """LLaVA's two layers."""
    draw = np.random.default_rng(seed)

    def normal(*size: int, gain: float = 1.0) -> NDArray[np.float32]:
        values = draw.standard_normal(size, np.float32) * np.float32(gain)
        return values.astype(np.float16).astype(np.float32)

    made = {
        "linear_1.weight": normal(width, CLIP_WIDTH, gain=CLIP_WIDTH**-0.5),
        "linear_1.bias": normal(width, gain=0.1),
        "linear_2.weight": normal(width, width, gain=width**-0.5),
        "linear_2.bias": normal(width, gain=0.1),
    }
    return {**made, "image_newline": normal(width)} if newline else made
