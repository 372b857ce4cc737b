"""Qwen2.5-VL's and Qwen2-VL's arithmetic in NumPy, from the formulas of the models' own code.

Written without anything of the code under test. What can go wrong unseen is an argument here: with
another value the reference computes what a wrong import would.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.models.convert import reference
from tests.models.convert.checkpoints import Made
from tests.models.convert.qwen_checkpoint import FULL, HEADS, LAYERS, MEAN, PATCH, SECTIONS, STD
from tests.models.convert.reference import Floats, Tensors

Grid = tuple[int, int]
"""Rows and columns of a picture's tokens."""


def _pixels(path: object) -> Floats:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"), np.float32)


def grid(path: object) -> Grid:
    """Of a picture whose sides are multiples of 28."""
    height, width, _ = _pixels(path).shape
    return height // (2 * PATCH), width // (2 * PATCH)


def picture_tokens(
    made: Made,
    path: object,
    *,
    full: Sequence[int] = FULL,
    window: int = 4,
    turned: bool = False,
    merged: bool = True,
    restored: bool = True,
) -> Floats:
    """What stands in place of a picture: [tokens, width].

    Args:
        made: The model.
        path: The picture; its sides are multiples of 28.
        full: Layers without windows.
        window: Tokens on a window's side; 0 for no windows.
        turned: RoPE by column and row, in place of row and column.
        merged: 2x2 patches become a token, in place of four that follow each other in a row.
        restored: Tokens stand in the order of rows, in place of one window after the other.
    """
    rows, columns = grid(path)
    picture = ((_pixels(path) / 255 - MEAN) / STD).astype(np.float32)
    order = _order(rows, columns, merged=merged)
    squares = picture.reshape(2 * rows, PATCH, 2 * columns, PATCH, 3).transpose(0, 2, 4, 1, 3)
    patches = squares[order[:, 0], order[:, 1]].reshape(len(order), -1)
    kernels, tower = made.tower["patch_embed.proj.weight"], made.tower
    hidden = sum(patches @ kernels[:, :, frame].reshape(len(kernels), -1).T for frame in (0, 1))
    turns = _turns(order[:, ::-1] if turned else order, hidden.shape[1] // HEADS)
    cells = order // (2 * window) if window else np.zeros_like(order)
    apart = (cells[:, None] != cells[None]).any(axis=2)
    windows = "merger.ln_q.bias" not in tower
    for layer in range(LAYERS):
        prefix = f"blocks.{layer}."
        hidden_from = np.zeros_like(apart) if layer in full or not windows else apart
        normed = _norm(hidden, tower, f"{prefix}norm1")
        hidden = hidden + _attention(normed, tower, f"{prefix}attn.", turns, hidden_from)
        normed = _norm(hidden, tower, f"{prefix}norm2")
        hidden = hidden + _feed_forward(normed, tower, f"{prefix}mlp.")
    joined = _norm(hidden, tower, "merger.ln_q").reshape(len(hidden) // 4, -1)
    x = _linear(joined, tower, "merger.mlp.0")
    x = 0.5 * x * (1 + _erf(x / math.sqrt(2)))
    tokens = _linear(x, tower, "merger.mlp.2").astype(np.float32)
    if restored:
        return tokens
    corners = order[::4] // (2 * window)
    return tokens[np.lexsort((corners[:, 1], corners[:, 0]))]


_erf = np.vectorize(math.erf, otypes=[np.float32])


def _order(rows: int, columns: int, *, merged: bool) -> NDArray[np.int64]:
    """Row and column of each patch, in the order in which the tower gets them."""
    down, across = np.mgrid[: 2 * rows, : 2 * columns]
    both = np.stack((down, across), axis=-1)
    if merged:
        both = both.reshape(rows, 2, columns, 2, 2).swapaxes(1, 2)
    return both.reshape(-1, 2)


def _turns(places: NDArray[np.int64], head: int) -> tuple[Floats, Floats]:
    """Cosines and sines over a head: a quarter by row, a quarter by column, and both again."""
    speeds = 10000.0 ** (-np.arange(0, head // 2, 2) / (head // 2))
    angles = np.concatenate((places[:, :1] * speeds, places[:, 1:] * speeds), axis=1)
    both = np.concatenate((angles, angles), axis=1, dtype=np.float32)[:, None]
    return np.cos(both), np.sin(both)


def _attention(
    x: Floats, tower: Tensors, prefix: str, turns: tuple[Floats, Floats], apart: NDArray[np.bool_]
) -> Floats:
    count, width = x.shape
    head = width // HEADS
    parts = _linear(x, tower, f"{prefix}qkv").reshape(count, 3, HEADS, head)

    def turned(part: int) -> Floats:
        own = parts[:, part]
        half = np.concatenate((-own[..., head // 2 :], own[..., : head // 2]), axis=-1)
        return own * turns[0] + half * turns[1]

    scores = np.einsum("qhd,khd->hqk", turned(0), turned(1)) / math.sqrt(head)
    scores[:, apart] = -np.inf
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    mixed = np.einsum("hqk,khd->qhd", weights, parts[:, 2]).reshape(count, width)
    return _linear(mixed, tower, f"{prefix}proj")


def _feed_forward(x: Floats, tower: Tensors, prefix: str) -> Floats:
    if f"{prefix}fc1.weight" in tower:
        units = _linear(x, tower, f"{prefix}fc1")
        return _linear(units / (1 + np.exp(-1.702 * units)), tower, f"{prefix}fc2")
    gate = _linear(x, tower, f"{prefix}gate_proj")
    units = gate / (1 + np.exp(-gate)) * _linear(x, tower, f"{prefix}up_proj")
    return _linear(units, tower, f"{prefix}down_proj")


def _norm(x: Floats, tower: Tensors, name: str) -> Floats:
    bias = tower.get(f"{name}.bias")
    if bias is not None:
        x = x - x.mean(-1, keepdims=True)
    normed = x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-6) * tower[f"{name}.weight"]
    return normed if bias is None else normed + bias


def _linear(x: Floats, tower: Tensors, name: str) -> Floats:
    return x @ tower[f"{name}.weight"].T + tower[f"{name}.bias"]


# ----------------------------------------------------------------------------- the language model


def logits(
    made: Made,
    rows: Sequence[int | Floats],
    grids: Sequence[Grid] = (),
    sections: Sequence[int] = SECTIONS,
) -> Floats:
    """The logits at each position; `grids` are those of the pictures among the rows."""
    places = np.concatenate(list(_places(rows, grids)), axis=1)
    head = made.shape.width // made.shape.heads
    speeds = made.shape.theta ** (-np.arange(head // 2) / (head // 2))
    angles = places[np.repeat((0, 1, 2), sections)].T * speeds
    both = np.concatenate((angles, angles), axis=1)[:, None]
    return reference.logits(made, rows, turns=(np.cos(both), np.sin(both)))


def _places(rows: Sequence[int | Floats], grids: Sequence[Grid]) -> list[NDArray[np.int64]]:
    """Time, row and column of each token, the text's all the same: `get_rope_index`."""
    found, at, waiting = [], 0, list(grids)
    for row in rows:
        if isinstance(row, int):
            found.append(np.full((3, 1), at))
            at += 1
            continue
        down, across = waiting.pop(0)
        places = np.mgrid[:1, :down, :across].reshape(3, -1)
        found.append(places + at)
        at += max(down, across)
    return found
