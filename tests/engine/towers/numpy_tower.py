"""What a tower's graph must compute, written down once more in NumPy and float64."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vlmtui.engine.towers.tower_weights import TowerWeights

Floats = NDArray[np.float64]


def forward(tower: TowerWeights, picture: NDArray[np.uint8]) -> Floats:
    """Embeddings [tokens, width] of a picture [side, side, 3]."""

    def weight(name: str) -> Floats:
        return tower.tensor(name).astype(np.float64)

    def linear(rows: Floats, name: str) -> Floats:
        return rows @ weight(f"{name}.weight").T + weight(f"{name}.bias")

    def norm(rows: Floats, name: str, epsilon: float) -> Floats:
        middle = rows - rows.mean(-1, keepdims=True)
        scaled = middle / np.sqrt((middle**2).mean(-1, keepdims=True) + epsilon)
        return scaled * weight(f"{name}.weight") + weight(f"{name}.bias")

    def meta(name: str, **default: Any) -> Any:
        return tower.meta(f"clip.vision.{name}", **default)

    patch, heads = int(meta("patch_size")), int(meta("attention.head_count"))
    epsilon = float(meta("attention.layer_norm_epsilon"))
    kernel = weight("v.patch_embd.weight")
    pixels = (picture / 255 - np.array(meta("image_mean"))) / np.array(meta("image_std"))
    grid = picture.shape[0] // patch
    cut = pixels.reshape(grid, patch, grid, patch, 3).transpose(0, 2, 4, 1, 3)
    rows = cut.reshape(grid * grid, -1) @ kernel.reshape(len(kernel), -1).T
    if "v.patch_embd.bias" in tower:
        rows = rows + weight("v.patch_embd.bias")
    has_class = "v.class_embd" in tower
    if has_class:
        rows = np.vstack([rows, weight("v.class_embd").reshape(1, -1)])
    rows = rows + weight("v.position_embd.weight")
    if "v.pre_ln.weight" in tower:
        rows = norm(rows, "v.pre_ln", epsilon)
    layers = int(meta("block_count"))
    if tower.projector == "mlp":
        layers = int((meta("feature_layer", default=None) or [layers - 1])[0])
    for at in range(layers):
        name = f"v.blk.{at}"
        normed = norm(rows, f"{name}.ln1", epsilon)
        query, key, value = (
            linear(normed, f"{name}.attn_{part}").reshape(len(rows), heads, -1).swapaxes(0, 1)
            for part in "qkv"
        )
        scores = query @ key.swapaxes(1, 2) / np.sqrt(query.shape[-1])
        shares = np.exp(scores - scores.max(-1, keepdims=True))
        seen = (shares / shares.sum(-1, keepdims=True)) @ value
        joined = seen.swapaxes(0, 1).reshape(len(rows), -1)
        rows = rows + linear(joined, f"{name}.attn_out")
        normed = norm(rows, f"{name}.ln2", epsilon)
        up, down = f"{name}.ffn_up", f"{name}.ffn_down"
        if tower.tensor(f"{up}.weight").shape[0] == rows.shape[1]:
            up, down = down, up
        units = linear(normed, up)
        if tower.meta("clip.use_gelu", default=False):
            units = gelu(units)
        else:
            units = units / (1 + np.exp(-1.702 * units))
        rows = rows + linear(units, down)
    if "v.post_ln.weight" in tower:
        rows = norm(rows, "v.post_ln", epsilon)
    if tower.projector == "mlp":
        rows = rows[1:] if has_class else rows
        return linear(gelu(linear(rows, "mm.0")), "mm.2")
    half = grid // 2
    blocks = rows.reshape(half, 2, half, 2, -1).swapaxes(1, 2).reshape(half * half, -1)
    return linear(gelu(linear(norm(blocks, "mm.input_norm", 1e-5), "mm.1")), "mm.2")


def gelu(x: Floats) -> Floats:
    result: Floats = x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    return result


def apart(found: NDArray[Any], expected: NDArray[Any]) -> float:
    """Root mean square of the difference, over that of what was expected."""
    return float(np.sqrt(((found - expected) ** 2).mean() / (expected**2).mean()))
