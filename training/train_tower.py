"""First phase: the tower alone learns to see, from dense labels."""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from training.dense import dense_labels, dense_loss
from training.model import Config, DemoModel, Dense, Tower, normalise
from training.optimizer import Optimizer
from training.parallel import average_gradients, run
from training.pool import Shard, load_shards


def jitter(images: Tensor) -> Tensor:
    """Normalised pictures [B, S, S, 3] with a little gain, tint and noise, other in each epoch."""
    b = images.shape[0]
    gain = 1 + 0.08 * torch.randn(b, 1, 1, 1)
    tint = 0.03 * torch.randn(b, 1, 1, 3)
    noise = torch.rand(b, 1, 1, 1).pow(4) * 0.08
    return (images * gain + tint + noise * torch.randn_like(images)).clamp(-1, 1)


def rate(step: int, steps: int, peak: float, warmup: int = 60, floor: float = 0.03) -> float:
    """Learning rate: linear warm-up, then half a cosine down to ``floor * peak``."""
    if step < warmup:
        return peak * (step + 1) / warmup
    share = min(1.0, (step - warmup) / max(1, steps - warmup))
    return peak * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * share)))


@torch.no_grad()
def measure(tower: Tower, dense: Dense, shard: Shard, count: int = 1000) -> dict[str, float]:
    """Share of right labels on the first pictures of a shard that was kept out of training."""
    right: dict[str, list[float]] = {
        "kind": [],
        "color": [],
        "cell": [],
        "background": [],
        "count": [],
    }
    for start in range(0, count, 100):
        rows = np.arange(start, start + 100)
        kind, color, cell, _, middle, number = dense_labels(shard, rows)
        with torch.autocast("cpu", torch.bfloat16):
            patch, total = dense(tower(normalise(torch.from_numpy(shard.images[rows]))))
        on = middle > 0
        right["kind"].append((patch[..., :5].argmax(-1) == kind)[on].float().mean().item())
        right["color"].append((patch[..., 5:14].argmax(-1) == color)[on].float().mean().item())
        right["cell"].append((patch[..., 14:24].argmax(-1) == cell)[on].float().mean().item())
        right["background"].append(
            (patch[..., :5].argmax(-1) == 0)[kind == 0].float().mean().item()
        )
        right["count"].append((total.argmax(-1) == number).float().mean().item())
    return {name: sum(values) / len(values) for name, values in right.items()}


def train_tower(
    rank: int,
    world: int,
    pool: Path,
    out: Path,
    steps: int,
    batch: int,
    peak: float,
    seed: int,
    start_from: Path | None = None,
) -> None:
    """Train tower and dense heads; the first shard of the pool is kept out to measure.

    Args:
        rank: Number of this process.
        world: How many processes train together, each on its own batches.
        pool: Folder of shards; those that appear while training goes on are used too.
        out: Where ``tower.pt`` goes.
        steps: Optimiser steps.
        batch: Pictures a step and process.
        peak: Highest learning rate.
        seed: Equal in all processes.
        start_from: Weights to begin with.
    """
    torch.manual_seed(seed)
    model = DemoModel(Config())
    torch.manual_seed(seed + 1 + rank)
    rng = np.random.default_rng((seed, rank))
    if start_from:
        model.load_state_dict(torch.load(start_from, weights_only=True))
    tower, dense = model.tower, model.dense
    parts = torch.nn.ModuleList([tower, dense])
    optimizer = Optimizer(parts)
    parameters = list(parts.parameters())
    held_out = load_shards(pool)[0]
    began, step = time.time(), 0
    while step < steps:
        shards = load_shards(pool)[1:]
        for number in rng.permutation(len(shards)):
            shard = shards[number]
            order = rng.permutation(len(shard.shapes))
            for start in range(0, len(order) - batch + 1, batch):
                if step == steps:
                    break
                rows = np.sort(order[start : start + batch])
                lr = rate(step, steps, peak)
                pixels = jitter(normalise(torch.from_numpy(shard.images[rows])))
                with torch.autocast("cpu", torch.bfloat16):
                    patch, count = dense(tower(pixels))
                loss = dense_loss(patch, count, dense_labels(shard, rows))
                optimizer.zero_grad()
                loss.backward()
                average_gradients(parameters, world)
                torch.nn.utils.clip_grad_norm_(parameters, 1.0)
                optimizer.step(lr)
                step += 1
                if rank == 0 and step % 25 == 0:
                    pace = step * batch * world / (time.time() - began)
                    print(
                        f"tower {step} loss {loss.item():.3f} lr {lr:.2e} {pace:.0f}/s", flush=True
                    )
                if rank == 0 and step % 150 == 0:
                    scores = " ".join(
                        f"{k} {v:.3f}" for k, v in measure(tower, dense, held_out).items()
                    )
                    print(f"tower {step} {time.time() - began:.0f}s {scores}", flush=True)
                    torch.save(model.state_dict(), out / "tower.tmp")
                    (out / "tower.tmp").replace(out / "tower.pt")
    if rank == 0:
        print("tower", measure(tower, dense, held_out), flush=True)
        torch.save(model.state_dict(), out / "tower.pt")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pool", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=900)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=1.2e-3)
    parser.add_argument("--seed", type=int, default=20261123)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--from", type=Path, dest="start_from")
    a = parser.parse_args()
    run(train_tower, (a.pool, a.out, a.steps, a.batch, a.rate, a.seed, a.start_from), a.processes)
