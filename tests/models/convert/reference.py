"""The models' own arithmetic in NumPy, after Hugging Face's and VILA's code.

Knows nothing of GGUF, llama.cpp or the code under test.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.models.convert.checkpoints import (
    CLIP_HEADS,
    CLIP_LAYERS,
    CLIP_WIDTH,
    HEADS,
    WIDTH,
    Made,
    Shape,
)

Floats = NDArray[np.float32]
Tensors = Mapping[str, NDArray[Any]]

_erf = np.vectorize(math.erf, otypes=[np.float32])


def pixels(path: object) -> Floats:
    """VILA's picture: squashed to 384x384 (PIL's bicubic), from -1 to 1. [3, 384, 384]."""
    image = Image.open(path).convert("RGB").resize((384, 384))
    return ((np.asarray(image, np.float32) / 255 - 0.5) / 0.5).transpose(2, 0, 1)


def siglip_features(tower: Tensors, layers: int, picture: Floats) -> Floats:
    """hidden_states[-2] of SigLIP, all patches: [729, 1152]."""
    patches = picture[:, :378, :378].reshape(3, 27, 14, 27, 14).transpose(1, 3, 0, 2, 4)
    kernels = tower["embeddings.patch_embedding.weight"].reshape(WIDTH, -1)
    hidden = patches.reshape(729, -1) @ kernels.T + tower["embeddings.patch_embedding.bias"]
    hidden = hidden + tower["embeddings.position_embedding.weight"]
    for layer in range(layers - 1):
        prefix = f"encoder.layers.{layer}."
        normed = _layer_norm(hidden, tower, f"{prefix}layer_norm1")
        hidden = hidden + _attention(normed, tower, f"{prefix}self_attn.")
        normed = _layer_norm(hidden, tower, f"{prefix}layer_norm2")
        units = _gelu_tanh(_linear(normed, tower, f"{prefix}mlp.fc1"))
        hidden = hidden + _linear(units, tower, f"{prefix}mlp.fc2")
    return hidden.astype(np.float32)


def downsampled(features: Floats) -> Floats:
    """VILA1.5's `DownSampleBlock`, line by line: [196, 4608], columns first."""
    x = features.reshape(1, 27, 27, WIDTH)
    x = np.concatenate((x, np.zeros((1, 1, 27, WIDTH), np.float32)), axis=1)
    x = np.concatenate((x, np.zeros((1, 28, 1, WIDTH), np.float32)), axis=2)
    x = x.reshape(1, 28, 14, 2 * WIDTH)
    x = x.transpose(0, 2, 1, 3)
    return x.reshape(1, 14, 14, 4 * WIDTH).reshape(196, 4 * WIDTH)


def vila_tokens(made: Made, layers: int, picture: Floats) -> Floats:
    """What VILA puts in place of a picture: [196, width]."""
    x = downsampled(siglip_features(made.tower, layers, picture))
    projector = made.projector
    x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    x = x * projector["layers.1.weight"] + projector["layers.1.bias"]
    x = _linear(x, projector, "layers.2")
    x = 0.5 * x * (1 + _erf(x / math.sqrt(2)))
    return _linear(x, projector, "layers.4").astype(np.float32)


Turns = tuple[NDArray[Any], NDArray[Any]]
"""Cosines and sines of RoPE: [positions, 1, head]."""


def logits(
    made: Made, rows: Sequence[int | Floats], stretched: float = 1.0, turns: Turns | None = None
) -> Floats:
    """A Llama's logits at each position.

    Args:
        made: The model.
        rows: Tokens, and pictures as [count, width].
        stretched: Linear scaling of RoPE.
        turns: RoPE's, where it isn't that of positions one after the other.
    """
    tensors, shape = made.language, made.shape
    table = tensors["model.embed_tokens.weight"]
    hidden = np.concatenate(
        [table[row][None] if isinstance(row, int) else row for row in rows]
    ).astype(np.float64)
    turns = turns or _turns(len(hidden), shape, stretched)
    for layer in range(shape.layers):
        prefix = f"model.layers.{layer}."
        normed = _rms_norm(hidden, tensors[f"{prefix}input_layernorm.weight"], shape.epsilon)
        hidden = hidden + _causal(normed, tensors, f"{prefix}self_attn.", shape, turns)
        weight = tensors[f"{prefix}post_attention_layernorm.weight"]
        normed = _rms_norm(hidden, weight, shape.epsilon)
        gate = normed @ tensors[f"{prefix}mlp.gate_proj.weight"].T
        units = gate / (1 + np.exp(-gate)) * (normed @ tensors[f"{prefix}mlp.up_proj.weight"].T)
        hidden = hidden + units @ tensors[f"{prefix}mlp.down_proj.weight"].T
    hidden = _rms_norm(hidden, tensors["model.norm.weight"], shape.epsilon)
    output = table if shape.tied else tensors["lm_head.weight"]
    return (hidden @ output.T).astype(np.float32)


def _turns(count: int, shape: Shape, stretched: float) -> Turns:
    half = shape.width // shape.heads // 2
    angles = np.arange(count)[:, None] / stretched * shape.theta ** (-np.arange(half) / half)
    both = np.concatenate((angles, angles), axis=1)
    return np.cos(both)[:, None], np.sin(both)[:, None]


def _causal(
    x: NDArray[Any],
    tensors: Tensors,
    prefix: str,
    shape: Shape,
    turns: Turns,
) -> NDArray[Any]:
    count, head = len(x), shape.width // shape.heads

    def heads(name: str) -> NDArray[Any]:
        made = x @ tensors[f"{prefix}{name}_proj.weight"].T
        made = (made + tensors.get(f"{prefix}{name}_proj.bias", 0)).reshape(count, -1, head)
        if name != "v":  # Hugging Face's `rotate_half`
            turned = np.concatenate((-made[..., head // 2 :], made[..., : head // 2]), axis=-1)
            made = made * turns[0] + turned * turns[1]
        return made

    share = shape.heads // shape.kv_heads
    query, key, value = heads("q"), *(np.repeat(heads(name), share, axis=1) for name in "kv")
    scores = np.einsum("qhd,khd->hqk", query, key) / math.sqrt(head)
    scores[:, np.triu(np.ones((count, count), bool), 1)] = -np.inf
    weights = _softmax(scores)
    mixed = np.einsum("hqk,khd->qhd", weights, value).reshape(count, -1)
    return mixed @ tensors[f"{prefix}o_proj.weight"].T


def _attention(x: NDArray[Any], tensors: Tensors, prefix: str, heads: int = HEADS) -> NDArray[Any]:
    count, width = x.shape
    head = width // heads
    query, key, value = (
        _linear(x, tensors, f"{prefix}{name}_proj").reshape(count, heads, head).transpose(1, 0, 2)
        for name in "qkv"
    )
    weights = _softmax(query @ key.transpose(0, 2, 1) / np.float32(math.sqrt(head)))
    mixed = (weights @ value).transpose(1, 0, 2).reshape(count, width)
    return _linear(mixed, tensors, f"{prefix}out_proj")


def _softmax(scores: NDArray[Any]) -> NDArray[Any]:
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True)


def _linear(x: NDArray[Any], tensors: Tensors, name: str) -> NDArray[Any]:
    return x @ tensors[f"{name}.weight"].T + tensors[f"{name}.bias"]


def _layer_norm(
    x: NDArray[Any], tensors: Tensors, name: str, epsilon: float = 1e-6
) -> NDArray[Any]:
    normed = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + epsilon)
    return normed * tensors[f"{name}.weight"] + tensors[f"{name}.bias"]


def _rms_norm(x: NDArray[Any], weight: NDArray[Any], epsilon: float) -> NDArray[Any]:
    return x / np.sqrt((x**2).mean(-1, keepdims=True) + epsilon) * weight


def _gelu_tanh(x: NDArray[Any]) -> NDArray[Any]:
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def llava_tokens(made: Made, path: object, *, corner: bool = True) -> Floats:
    """What LLaVA-1.5 puts in place of a picture of its tower's size: CLIP's patches, projected.

    Args:
        made: The model.
        path: Of the picture.
        corner: Whether the patch in the last corner is as it is, and not of the padding's colour.
    """
    mean = np.array([0.48145466, 0.4578275, 0.40821073], np.float32)
    std = np.array([0.26862954, 0.26130258, 0.27577711], np.float32)
    image = np.array(Image.open(path).convert("RGB"), np.float32)
    if not corner:
        image[-14:, -14:] = (122, 116, 104)
    picture = ((image / 255 - mean) / std).transpose(2, 0, 1)
    side = len(image) // 14
    patches = picture.reshape(3, side, 14, side, 14).transpose(1, 3, 0, 2, 4).reshape(side**2, -1)
    tower, width = made.tower, CLIP_WIDTH
    hidden = patches @ tower["embeddings.patch_embedding.weight"].reshape(width, -1).T
    hidden = np.concatenate((tower["embeddings.class_embedding"][None], hidden))
    hidden = hidden + tower["embeddings.position_embedding.weight"]
    hidden = _layer_norm(hidden, tower, "pre_layrnorm", 1e-5)
    for layer in range(CLIP_LAYERS - 1):
        prefix = f"encoder.layers.{layer}."
        normed = _layer_norm(hidden, tower, f"{prefix}layer_norm1", 1e-5)
        hidden = hidden + _attention(normed, tower, f"{prefix}self_attn.", CLIP_HEADS)
        normed = _layer_norm(hidden, tower, f"{prefix}layer_norm2", 1e-5)
        units = _linear(normed, tower, f"{prefix}mlp.fc1")
        units = units / (1 + np.exp(-1.702 * units))  # quick_gelu
        hidden = hidden + _linear(units, tower, f"{prefix}mlp.fc2")
    x = _linear(hidden[1:], made.projector, "linear_1")
    x = 0.5 * x * (1 + _erf(x / math.sqrt(2)))
    return _linear(x, made.projector, "linear_2").astype(np.float32)
