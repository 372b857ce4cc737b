"""Will it fit? Byte counts against byte counts, and the nearest thing that fits when it doesn't.

What a load needs comes from a function of its setup: `memory.estimate` of the headers for a model
that isn't here, the engine's simulated load for one that is. What there is comes as a `Machine`.
This module looks at neither files nor hardware, and knows no engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

import msgspec

from vlmtui.models.memory import Bytes, Need, Setup, rounded_ctx

Verdict = Literal["yes", "tight", "no"]

LEAST_USEFUL_CTX = 1024
"""Tokens: a picture of LLaVA-1.5 takes 576 and an answer a few hundred."""

_CONTEXTS = (16384, 8192, 4096, 3072, 2048, 1536, LEAST_USEFUL_CTX)
_MARGIN_SHARE = 0.05
_MARGIN_LEAST = 256_000_000
_MARGIN_MOST = 1_500_000_000

Needs = Callable[[Setup], Need]


class Machine(msgspec.Struct, frozen=True):
    """Memory that there is, in bytes."""

    free: int
    """What main memory could give to a process now, without swapping; the memory of a model that
    will be replaced counts as free."""

    total: int
    gpu_free: int = 0
    gpu_total: int = 0
    """Memory of the GPU's own; 0 without one, and where it shares main memory."""

    shared: bool = False
    """The GPU takes main memory, as on a Jetson."""

    def with_more(self, more: Bytes) -> Machine:
        gpu = min(self.gpu_free + more.gpu, self.gpu_total)
        host = more.host + (more.gpu if self.shared else 0)
        return msgspec.structs.replace(self, free=min(self.free + host, self.total), gpu_free=gpu)


class Fit(msgspec.Struct, frozen=True):
    """Whether a load fits."""

    verdict: Verdict
    """yes: with something left for others; tight: only just; no."""

    setup: Setup
    need: Need
    left: int
    """Bytes that stay free where it is tightest; negative when it doesn't fit."""

    on_gpu: bool = False
    """That place is the GPU's own memory."""


class Smaller(msgspec.Struct, frozen=True):
    """Another model that may be had."""

    name: str
    bytes: int
    """What it needs with its usual setup."""


class Options(msgspec.Struct, frozen=True):
    """What may be changed about a load."""

    kv: tuple[str, ...] = ("f16",)
    """Types that the KV cache can be kept in."""

    layers: int = 0
    """Repeating layers of the model."""

    mmproj: bool = False
    """There is a vision tower."""

    gpu: bool = False
    """llama.cpp puts layers on a GPU."""

    other: Bytes = Bytes()
    """Memory of a loaded model that could be unloaded, and isn't counted as free."""

    models: tuple[Smaller, ...] = ()
    """Models to propose instead."""


Kind = Literal["context", "kv", "mmproj", "layers", "several", "unload", "model"]


class Alternative(msgspec.Struct, frozen=True):
    """Something that fits when the wish doesn't."""

    kind: Kind
    words: str
    """What to do, for a person."""

    fit: Fit | None = None
    """How it fits; None for another model."""


def judge(setup: Setup, need: Need, machine: Machine) -> Fit:
    """Compare a need with what there is."""
    host, gpu = need.total
    if machine.shared or not machine.gpu_total:
        host, gpu = host + gpu, 0
    left, total, on_gpu = machine.free - host, machine.total, False
    if gpu and machine.gpu_free - gpu < left:
        left, total, on_gpu = machine.gpu_free - gpu, machine.gpu_total, True
    margin = min(max(_MARGIN_LEAST, round(total * _MARGIN_SHARE)), _MARGIN_MOST)
    verdict: Verdict = "no" if left < 0 else "tight" if left < margin else "yes"
    return Fit(verdict, setup, need, left, on_gpu)


def choose(needs: Needs, wanted: Setup, machine: Machine, options: Options) -> Fit:
    """How to load: as wanted where that fits, else the nearest setup that does.

    Returns:
        A fit whose verdict is "no" only when nothing fits; then it is the wanted one.
    """
    fit = judge(wanted, needs(wanted), machine)
    if fit.verdict != "no":
        return fit
    for _, setup in _ladder(wanted, machine, options):
        other = judge(setup, needs(setup), machine)
        if other.verdict != "no":
            return other
    return fit


def alternatives(
    needs: Needs, wanted: Setup, machine: Machine, options: Options
) -> list[Alternative]:
    """What fits instead, the nearest to the wish first; one proposal of each kind."""
    found: list[Alternative] = []
    kinds: set[Kind] = set()
    for kind, setup in _ladder(wanted, machine, options):
        if kind in kinds or (kind == "several" and found):
            continue
        fit = judge(setup, needs(setup), machine)
        if fit.verdict != "no":
            kinds.add(kind)
            found.append(Alternative(kind, describe(setup, wanted), fit))
    if options.other != Bytes():
        fit = judge(wanted, needs(wanted), machine.with_more(options.other))
        if fit.verdict != "no":
            found.append(Alternative("unload", "unload the other model first", fit))
    room = machine.free + (0 if machine.shared else machine.gpu_free)
    fitting = [model for model in options.models if model.bytes <= room]
    if fitting:
        best = max(fitting, key=lambda model: model.bytes)
        found.append(Alternative("model", f"use a smaller model: {best.name}"))
    return found


def step_down(setup: Setup, options: Options) -> Setup | None:
    """The next smaller setup, when one that should have fitted ran out of memory; None below it."""
    if options.gpu and options.mmproj and setup.mmproj_gpu:
        return msgspec.structs.replace(setup, mmproj_gpu=False)
    if setup.ctx > LEAST_USEFUL_CTX:
        half = max(LEAST_USEFUL_CTX, rounded_ctx(setup.ctx // 2))
        return msgspec.structs.replace(setup, ctx=half)
    if setup.kv == "f16" and "q8_0" in options.kv:
        return msgspec.structs.replace(setup, kv="q8_0")
    return None


def changed(setup: Setup, wanted: Setup) -> dict[str, int | str]:
    """What a setup changes, by the field's name."""
    values = msgspec.structs.asdict(setup)
    return {key: value for key, value in values.items() if value != getattr(wanted, key)}


def describe(setup: Setup, wanted: Setup) -> str:
    """What a setup changes, for a person: "a context of 2,048 tokens, the KV cache in q8_0"."""
    changes = []
    if setup.ctx != wanted.ctx:
        changes.append(f"a context of {setup.ctx:,} tokens")
    if setup.kv != wanted.kv:
        changes.append(f"the KV cache in {setup.kv}")
    if setup.mmproj_gpu != wanted.mmproj_gpu:
        changes.append("the vision tower on the CPU")
    if setup.gpu_layers != wanted.gpu_layers:
        changes.append(f"{setup.gpu_layers} layers on the GPU")
    return ", ".join(changes)


def _ladder(wanted: Setup, machine: Machine, options: Options) -> Iterator[tuple[Kind, Setup]]:
    """Setups that need less, from the least loss to the greatest."""

    def change(**changes: object) -> Setup:
        return msgspec.structs.replace(wanted, **changes)

    contexts = [ctx for ctx in _CONTEXTS if ctx < wanted.ctx]
    quantised = [kv for kv in ("q8_0", "q4_0") if kv in options.kv and wanted.kv == "f16"]
    # where the GPU shares main memory, moving things off it makes no room
    discrete = options.gpu and not machine.shared and machine.gpu_total > 0
    off_gpu = discrete and options.mmproj and wanted.mmproj_gpu
    for ctx in contexts:
        yield "context", change(ctx=ctx)
    for kv in quantised:
        yield "kv", change(kv=kv)
    if off_gpu:
        yield "mmproj", change(mmproj_gpu=False)
    if discrete:
        most = options.layers if wanted.gpu_layers < 0 else wanted.gpu_layers - 1
        for layers in range(most, -1, -max(1, options.layers // 16)):
            yield "layers", change(gpu_layers=layers)
    for ctx in contexts:
        for kv in quantised:
            yield "several", change(ctx=ctx, kv=kv)
            if off_gpu:
                yield "several", change(ctx=ctx, kv=kv, mmproj_gpu=False)
