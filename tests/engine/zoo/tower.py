"""Vision towers and projectors with random weights, in the tensors that libmtmd loads.

All towers are the same small ViT; what differs is the projector and how a picture is cut.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.engine.zoo.weights import Weights

WIDTH, HEADS, LAYERS, FFN = 32, 2, 2, 48
_PREFIX = "clip.vision."


@dataclass(frozen=True)
class Tower:
    """A tower's shape."""

    projector: str
    """`clip.projector_type`."""

    image: int
    """Side of what the tower sees at once, in pixels; a multiple of `patch`."""

    patch: int
    add_projector: Callable[[Weights, int], None]
    """Adds the projector's tensors and metadata, given the language model's width."""

    positions: int | None = None
    """Rows of the position embeddings; None is one a patch, and one for the class embedding."""

    class_embedding: bool = False
    pre_norm: bool = False
    post_norm: bool = True
    patch_bias: bool = True
    frames: int = 1
    """Patch embeddings, one a frame: Qwen-VL's tower takes two frames at once."""

    patch_embedding: bool = True
    """It is a convolution over pixels; False: what the projector adds."""

    blocks: int = LAYERS
    fused: bool = False
    """Query, key and value are one tensor."""

    gated: bool = False
    """The feed-forward network has a gate."""


def write(path: Path, seed: str, tower: Tower, language_width: int) -> None:
    """Write an mmproj file."""
    weights = Weights(path, "clip", seed)
    file = weights.file
    file.add_type("mmproj")
    file.add_bool("clip.has_vision_encoder", True)
    file.add_string("clip.projector_type", tower.projector)
    file.add_bool("clip.use_silu" if tower.gated else "clip.use_gelu", True)
    for key, value in (
        ("image_size", tower.image),
        ("patch_size", tower.patch),
        ("embedding_length", WIDTH),
        ("feed_forward_length", FFN),
        ("projection_dim", language_width),
        ("block_count", tower.blocks),
        ("attention.head_count", HEADS),
    ):
        file.add_uint32(_PREFIX + key, value)
    file.add_float32(_PREFIX + "attention.layer_norm_epsilon", 1e-5)
    file.add_array(_PREFIX + "image_mean", [0.5, 0.5, 0.5])
    file.add_array(_PREFIX + "image_std", [0.5, 0.5, 0.5])
    _add_input(weights, tower)
    for block in range(tower.blocks):
        _add_block(weights, f"v.blk.{block}.", tower)
    tower.add_projector(weights, language_width)
    weights.write()


def _add_input(weights: Weights, tower: Tower) -> None:
    for frame in range(tower.frames if tower.patch_embedding else 0):
        suffix = f".{frame}" if frame else ""
        weights.matrix(f"v.patch_embd.weight{suffix}", WIDTH, 3, tower.patch, tower.patch)
    if tower.patch_bias and tower.patch_embedding:
        weights.vector("v.patch_embd.bias", WIDTH)
    if tower.class_embedding:
        weights.vector("v.class_embd", WIDTH, 0.5)
    rows = tower.positions
    if rows is None:
        rows = (tower.image // tower.patch) ** 2 + tower.class_embedding
    if rows:
        weights.table("v.position_embd.weight", rows, WIDTH, gain=0.3)
    if tower.pre_norm:
        weights.norm("v.pre_ln", WIDTH)
    if tower.post_norm:
        weights.norm("v.post_ln", WIDTH)


def _add_block(weights: Weights, prefix: str, tower: Tower) -> None:
    weights.norm(f"{prefix}ln1", WIDTH)
    weights.norm(f"{prefix}ln2", WIDTH)
    if tower.fused:
        weights.linear(f"{prefix}attn_qkv", 3 * WIDTH, WIDTH)
    else:
        for name in "qkv":
            weights.linear(f"{prefix}attn_{name}", WIDTH, WIDTH)
    weights.linear(f"{prefix}attn_out", WIDTH, WIDTH)
    weights.linear(f"{prefix}ffn_up", FFN, WIDTH)
    if tower.gated:
        weights.linear(f"{prefix}ffn_gate", FFN, WIDTH)
    weights.linear(f"{prefix}ffn_down", WIDTH, FFN)


# ------------------------------------------------------------------------------------- projectors


def llava_next(weights: Weights, width: int) -> None:
    """LLaVA-1.6: two layers over each patch, of an overview and up to four tiles."""
    file = weights.file
    file.add_array(_PREFIX + "image_grid_pinpoints", [56, 112, 112, 56, 112, 112])
    file.add_string(_PREFIX + "mm_patch_merge_type", "spatial_unpad")
    weights.linear("mm.0", width, WIDTH)
    weights.linear("mm.2", width, width)
    weights.vector("v.image_newline", width)


def qwen25_vl(weights: Weights, width: int) -> None:
    """Qwen2.5-VL: 2x2 patches become a token; every other layer attends within windows."""
    weights.file.add_uint32(_PREFIX + "n_wa_pattern", 2)
    _merger(weights, width)


def qwen3_vl(weights: Weights, width: int) -> None:
    """Qwen3-VL: 2x2 patches become a token; the first layer's output goes beside the last's."""
    weights.file.add_array(_PREFIX + "is_deepstack_layers", [True, False])
    weights.norm("v.deepstack.0.norm", 4 * WIDTH)
    weights.linear("v.deepstack.0.fc1", 4 * WIDTH, 4 * WIDTH)
    weights.linear("v.deepstack.0.fc2", width, 4 * WIDTH)
    _merger(weights, width)


def qwen35(weights: Weights, width: int) -> None:
    """Qwen3.5: Qwen3-VL's, without what goes beside the last layer's output."""
    weights.file.add_array(_PREFIX + "is_deepstack_layers", [False, False])
    _merger(weights, width)


def _merger(weights: Weights, width: int) -> None:
    weights.linear("mm.0", 4 * WIDTH, 4 * WIDTH)
    weights.linear("mm.2", width, 4 * WIDTH)


MINICPM_POSITIONS = 70 * 70
"""libmtmd spreads the patches of any picture over this many rows."""

_MINICPM_QUERIES = 16


def minicpm_v(weights: Weights, width: int) -> None:
    """MiniCPM-V 2.6: a resampler, in which a few queries attend to the patches of a slice."""
    weights.file.add_int32("clip.minicpmv_version", 3)
    weights.file.add_uint32("clip.minicpmv_query_num", _MINICPM_QUERIES)
    weights.table("resampler.pos_embed_k", 1, width)
    weights.table("resampler.query", _MINICPM_QUERIES, width)
    weights.matrix("resampler.proj.weight", width, width)
    weights.matrix("resampler.kv.weight", width, WIDTH)
    for name in ("q", "k", "v", "out"):
        weights.linear(f"resampler.attn.{name}", width, width)
    for name in ("q", "kv", "post"):
        weights.norm(f"resampler.ln_{name}", width)


def gemma3(weights: Weights, width: int) -> None:
    """Gemma 3: patches are averaged and normed. Its language model looks both ways in a picture."""
    weights.file.add_uint32(_PREFIX + "projector.scale_factor", 2)
    weights.vector("mm.soft_emb_norm.weight", WIDTH, 1.0)
    weights.matrix("mm.input_projection.weight", WIDTH, width)


def internvl(weights: Weights, width: int) -> None:
    """InternVL 2.5 and 3: pixel shuffle, then a norm and two layers; tiles, then an overview."""
    weights.file.add_uint32(_PREFIX + "projector.scale_factor", 2)
    weights.file.add_uint32(_PREFIX + "preproc_min_tiles", 1)
    weights.file.add_uint32(_PREFIX + "preproc_max_tiles", 4)
    weights.norm("mm.model.mlp.0", 4 * WIDTH)
    weights.linear("mm.model.mlp.1", width, 4 * WIDTH)
    weights.linear("mm.model.mlp.3", width, width)


def idefics3(weights: Weights, width: int) -> None:
    """SmolVLM: pixel shuffle and one layer; rows of tiles with text between, then an overview."""
    weights.file.add_uint32(_PREFIX + "projector.scale_factor", 2)
    weights.file.add_uint32(_PREFIX + "preproc_image_size", 112)
    weights.matrix("mm.model.fc.weight", width, 4 * WIDTH)


def lfm2(weights: Weights, width: int) -> None:
    """LFM2-VL: pixel unshuffle, a norm and two layers."""
    weights.file.add_uint32(_PREFIX + "projector.scale_factor", 2)
    weights.norm("mm.input_norm", 4 * WIDTH)
    weights.linear("mm.1", width, 4 * WIDTH)
    weights.linear("mm.2", width, width)
