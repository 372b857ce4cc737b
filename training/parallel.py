"""Data-parallel training in single-threaded processes, one for each core.

On a busy machine a process with two OpenMP threads waits at every barrier for the slower one: 28
pictures/s where one thread made 101. Two processes of one thread meet once a step.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import Tensor


def _enter(
    rank: int, world: int, meeting: str, work: Callable[..., None], args: tuple[Any, ...]
) -> None:
    torch.set_num_threads(1)
    if world > 1:
        dist.init_process_group(
            "gloo", init_method=f"file://{meeting}", rank=rank, world_size=world
        )
    work(rank, world, *args)
    if world > 1:
        dist.destroy_process_group()


def run(work: Callable[..., None], args: tuple[Any, ...], world: int) -> None:
    """Run ``work(rank, world, *args)`` in that many processes and wait for them."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory() as folder:
        mp.spawn(_enter, args=(world, str(Path(folder) / "meet"), work, args), nprocs=world)


def average_gradients(parameters: list[torch.nn.Parameter], world: int) -> None:
    """Replace every gradient by its mean over the processes, in one message."""
    if world == 1:
        return
    gradients: list[Tensor] = []
    for parameter in parameters:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
        gradients.append(parameter.grad)
    flat = torch.cat([g.flatten() for g in gradients])
    dist.all_reduce(flat)
    flat /= world
    start = 0
    for gradient in gradients:
        gradient.copy_(flat[start : start + gradient.numel()].view_as(gradient))
        start += gradient.numel()
