"""The tower's own lessons: at each patch, which shape and colour lies there.

Learning to see from answers alone takes several times as many scenes; these dense labels give the
tower 81 answers a picture. The heads are dropped at export.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from training.pool import Shard
from training.render import GRID

UNKNOWN = -100
"""Label of what has no right answer; torch's cross entropy leaves it out."""

Labels = tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]


def dense_labels(shard: Shard, rows: np.ndarray) -> Labels:
    """Labels of some pictures of a shard, B of them.

    Returns:
        Kind (0 is background), colour, cell, log of the size (NaN off the shapes) and whether the
        patch is the middle one of its shape, each [B, GRID * GRID], and the number of shapes minus
        one, or ``UNKNOWN`` for a picture without a scene, [B].
    """
    known = shard.shapes[rows][:, 0, 0] >= 0
    objects = shard.objects[rows].reshape(len(rows), -1).astype(np.int64)
    shapes = shard.shapes[rows]
    table = np.zeros((len(rows), 5, 4), np.float32)
    table[:, 1:] = shapes + np.array([1, 1, 0, 0], np.float32)
    table[:, 0, 3] = np.nan
    at = np.take_along_axis(table, objects[..., None], 1)
    middle = np.zeros(objects.shape, np.float32)
    y, x = np.divmod(np.arange(GRID * GRID), GRID)
    for index in range(1, 5):
        mine = objects == index
        total = np.maximum(mine.sum(1), 1)[:, None]
        cy, cx = (mine * y).sum(1, keepdims=True) / total, (mine * x).sum(1, keepdims=True) / total
        away = np.where(mine, (y - cy) ** 2 + (x - cx) ** 2, np.inf)
        nearest = away.argmin(1)
        middle[np.arange(len(rows)), nearest] += mine.any(1)
    with np.errstate(invalid="ignore"):
        size = np.log(at[..., 3])
    return (
        torch.from_numpy(at[..., 0].astype(np.int64)),
        torch.from_numpy(at[..., 1].astype(np.int64)),
        torch.from_numpy(shard.cells[rows].reshape(len(rows), -1).astype(np.int64)),
        torch.from_numpy(size),
        torch.from_numpy(middle.clip(0, 1)),
        torch.from_numpy(np.where(known, (shapes[..., 0] >= 0).sum(1) - 1, UNKNOWN)),
    )


def dense_loss(patch: Tensor, count: Tensor, labels: Labels) -> Tensor:
    """Sum of the dense losses.

    Args:
        patch: [B, N, 26] from ``Dense``: 5 kinds, 9 colours, 10 cells, size, middle.
        count: [B, 4].
        labels: From ``dense_labels``.
    """
    kind, color, cell, size, middle, number = labels
    patch = patch.float()
    on = kind.flatten() > 0
    # background patches are nine in ten; at full weight they drown the shapes for the first epoch
    weight = torch.where(on, 1.0, 0.15)
    weight = weight / weight.sum()
    flat = patch.reshape(-1, patch.shape[-1])
    loss = (F.cross_entropy(flat[:, :5], kind.flatten(), reduction="none") * weight).sum()
    loss = loss + (F.cross_entropy(flat[:, 5:14], color.flatten(), reduction="none") * weight).sum()
    loss = loss + 0.3 * F.cross_entropy(flat[:, 14:24], cell.flatten())
    loss = loss + (flat[:, 24][on] - size.flatten()[on]).square().mean()
    loss = loss + 2 * F.binary_cross_entropy_with_logits(flat[:, 25], middle.flatten())
    return loss + 0.3 * F.cross_entropy(count.float(), number)
