"""Second phase: tower, projector and language model learn together from conversations."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from training.batches import Batch, Batches
from training.dense import Labels, dense_loss
from training.export import export
from training.model import IMAGE_TOKENS, Config, DemoModel, normalise
from training.optimizer import Optimizer
from training.parallel import average_gradients, run
from training.pool import load_shards
from training.tokenizer import IGNORED, Tokenizer
from training.train_tower import jitter

LENGTHS = ((1.0, 250),) * 11 + ((0.45, 480),)
"""Share of ``--talks`` in a batch, and the greatest length of each in tokens; they take turns."""


def rate(step: int, steps: int, peak: float, warmup: int = 150, cooldown: float = 0.28) -> float:
    """Learning rate: linear warm-up, a plateau, then linearly to nearly nothing.

    The plateau lets a run be prolonged: only the cool-down depends on ``steps``
    (arXiv 2405.18392 finds it as good as a cosine).
    """
    left = (steps - step) / (cooldown * steps)
    return peak * max(0.01, min(1.0, (step + 1) / warmup, left))


def losses(
    model: DemoModel, batch: Batch, extra: tuple[Tensor, Labels]
) -> tuple[Tensor, Tensor, Tensor]:
    """Loss of the answers, share of answer tokens that came out right, and the dense loss."""
    labels = [torch.cat(pair) for pair in zip(batch.dense, extra[1], strict=True)]
    with torch.autocast("cpu", torch.bfloat16):
        pixels = jitter(normalise(torch.cat((batch.images, extra[0]))))
        features = model.tower(pixels)
        states, order = model(features[: len(batch.images)], batch.ids, batch.positions)
        patch, count = model.dense(features)
        said = batch.labels != IGNORED
        logits = (states[said] @ model.llama.embed.weight.T).float()
    target = batch.labels[said]
    right = (logits.argmax(-1) == target).float().mean()
    seen = dense_loss(
        patch, count, (labels[0], labels[1], labels[2], labels[3], labels[4], labels[5])
    )
    # which picture a patch belongs to; left to the answers, that took longer than all the rest
    image = batch.ids < 0
    seen = seen + 0.5 * F.cross_entropy(
        order.float(), ((image.cumsum(1) - 1) // IMAGE_TOKENS)[image]
    )
    return F.cross_entropy(logits, target), right, seen


def update_average(average: dict[str, Tensor], model: DemoModel, step: int) -> None:
    """Exponential moving average of the weights, which is what gets exported."""
    keep = min(0.99, (step + 1) / (step + 20))
    for name, value in model.state_dict().items():
        average[name].lerp_(value, 1 - keep)


def save(path: Path, **content: Any) -> None:
    """Write a checkpoint whole or not at all."""
    partial = path.with_suffix(".tmp")
    torch.save(content, partial)
    partial.replace(path)


def train(rank: int, world: int, a: argparse.Namespace) -> None:
    """Train from ``tower.pt`` or, with ``--resume``, from ``model.pt``."""
    torch.manual_seed(a.seed)
    config = Config()
    model = DemoModel(config)
    optimizer = Optimizer(model)
    tokenizer = Tokenizer(a.out / "tokenizer.model")
    step = 0
    if a.resume:
        saved = torch.load(a.out / "model.pt", weights_only=True)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        average, step = saved["ema"], saved["step"]
    else:
        model.load_state_dict(torch.load(a.out / "tower.pt", weights_only=True))
        average = {name: value.clone() for name, value in model.state_dict().items()}
    torch.manual_seed(a.seed + 1 + rank + 1000 * step)
    shards = load_shards(a.pool)[1:]
    batches = Batches(shards, tokenizer, f"{a.seed}/{rank}/{step}", config.context)
    parameters = list(model.parameters())
    exported = DemoModel(config)
    began, first = time.time(), step
    seen = 0
    while step < a.steps:
        share, longest = LENGTHS[(step * 5) % len(LENGTHS)]
        count = round(share * a.talks)
        batch = batches.next(count, longest)
        extra = batches.more_pictures(a.pictures)
        lr = rate(step, a.steps, a.rate)
        answers, right, dense = losses(model, batch, extra)
        optimizer.zero_grad()
        (answers + a.dense * dense).backward()
        average_gradients(parameters, world)
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step(lr)
        step, seen = step + 1, seen + count * world
        if rank:
            continue
        update_average(average, model, step)
        if step % 10 == 0:
            pace = seen / (time.time() - began)
            marks = f"loss {answers.item():.3f} right {right.item():.3f} dense {dense.item():.3f}"
            spent = f"{pace:.0f} talks/s {time.time() - began:.0f}s"
            print(f"{step} {marks} lr {lr:.2e} {spent}", flush=True)
        if step % a.save == 0 or step == a.steps or step == first + a.first:
            save(
                a.out / "model.pt",
                model=model.state_dict(),
                ema=average,
                optimizer=optimizer.state_dict(),
                step=step,
            )
            exported.load_state_dict(average)
            export(exported, tokenizer, a.export)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pool", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("export", type=Path, help="folder of the GGUF files")
    parser.add_argument("--steps", type=int, default=2400)
    parser.add_argument("--talks", type=int, default=20, help="conversations a step and process")
    parser.add_argument(
        "--pictures", type=int, default=48, help="more pictures for the tower alone"
    )
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--dense", type=float, default=1.0, help="weight of the dense loss")
    parser.add_argument("--seed", type=int, default=20261123)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--save", type=int, default=100, help="steps between exports")
    parser.add_argument("--first", type=int, default=20, help="steps to the first export")
    parser.add_argument("--resume", action="store_true")
    arguments = parser.parse_args()
    run(train, (arguments,), arguments.processes)
