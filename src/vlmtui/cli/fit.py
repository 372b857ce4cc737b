"""What `vlmtui models fit` prints: memory by part, the verdict, and what fits instead."""

from __future__ import annotations

import os
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from vlmtui.chat import pulling
from vlmtui.chat.fitting import Prospect, machine_after_eviction, shortage
from vlmtui.chat.model_choice import choices, fitting
from vlmtui.chat.requests import loading
from vlmtui.cli.json_output import print_json
from vlmtui.engine.client import EngineClient
from vlmtui.engine.engine_requests import Files, KvType, Load
from vlmtui.engine.logs import log_or_temporary
from vlmtui.errors import AmbiguousFiles, ModelNotFound
from vlmtui.models import catalog, gguf, library
from vlmtui.models.download import hub
from vlmtui.models.download import hub_access as access
from vlmtui.models.fit import Alternative, Fit, Machine, Smaller, alternatives, judge
from vlmtui.models.installed import InstalledModel
from vlmtui.printable import line
from vlmtui.settings import Settings, load_settings

DOES_NOT_FIT = 3
"""Exit code."""

_PARTS = {
    "weights": "weights",
    "kv": "KV cache",
    "compute": "buffers",
    "mmproj": "vision tower",
    "images": "encoding a picture",
    "process": "process",
}


def report(model: str, mmproj: str | None, ctx: int, kv: KvType, *, as_json: bool) -> int:
    """Print whether a model fits; returns the exit code.

    Raises:
        VlmtuiError: It can't be told, or the files are bad.
    """
    settings = load_settings()
    machine = machine_after_eviction()
    found = None if _is_url(model) else _here(model, mmproj)
    with ExitStack() as cleanup:
        if found is None:
            prospect = _remote(model, mmproj, ctx, kv, settings.gpu_layers)
            needs = partial(prospect.estimated, machine=machine)
        else:
            load = msgspec.structs.replace(loading(settings, found), ctx=ctx, kv=kv)
            prospect = Prospect.of(load)
            engine = EngineClient(log_or_temporary(cleanup))
            cleanup.callback(engine.close)
            needs = partial(prospect.simulated, machine=machine, engine=engine)
        fit = judge(prospect.wanted, needs(prospect.wanted), machine)
        others = []
        if fit.verdict == "no":
            options = msgspec.structs.replace(
                prospect.options(machine), models=_smaller(settings, machine, prospect.load.name)
            )
            others = alternatives(needs, prospect.wanted, machine, options)
    name = prospect.load.name
    if as_json:
        print_json(_as_json(name, fit, machine, others, simulated=found is not None))
    else:
        print(_as_text(name, fit, machine, others))
    return DOES_NOT_FIT if fit.verdict == "no" else 0


def _smaller(settings: Settings, machine: Machine, name: str) -> tuple[Smaller, ...]:
    """Other models, here and to be had, that fit."""
    found = choices(settings, machine)
    usable = fitting((*found.here, *found.elsewhere))
    return tuple(Smaller(each.name, each.need_bytes) for each in usable if each.name != name)


def _here(model: str, mmproj: str | None) -> InstalledModel | None:
    """The model on this machine; None for one that is to be had elsewhere."""
    try:
        return library.resolve(model, mmproj)
    except ModelNotFound:
        if Path(os.path.expanduser(model)).exists() or model.startswith(("/", ".", "~")):
            raise
        if catalog.load().find(model.partition(":")[0]) is None and not model.startswith("hf:"):
            raise
        return None


def _remote(model: str, mmproj: str | None, ctx: int, kv: KvType, gpu_layers: int) -> Prospect:
    """A model at an address, or to be pulled by its name; its projector may be there or here."""
    if not _is_url(model) or hub.address(model) is not None:
        try:
            plan = pulling.plan_of(model, mmproj or "")
        except AmbiguousFiles as error:
            names = ", ".join(name for name, _ in error.candidates)
            raise ModelNotFound(f"{error.message}: {names}", error.hint) from None
        if plan is not None and plan.of("checkpoint"):
            raise ModelNotFound(
                f"{model} is a checkpoint, and becomes a model when it is imported",
                f"`vlmtui models info {model}` estimates what it will take, if the catalogue has "
                "it; after the import it is known exactly.",
            )
        if plan is None or not plan.of("model"):
            raise ModelNotFound(
                f"No header of {model} could be fetched", "`vlmtui models` lists the models."
            )
        return pulling.prospect_of(plan, ctx, kv, gpu_layers)
    if access.offline():
        raise access.no_network()
    tower = None
    if mmproj is not None:
        remote = _is_url(mmproj)
        tower = (
            gguf.from_url(mmproj, access.secret(mmproj)) if remote else gguf.from_path(Path(mmproj))
        )
    header = gguf.from_url(model, access.secret(model))
    name = header.text("general.name") or header.name
    load = Load(Files(model, mmproj), name, ctx=ctx, kv=kv, gpu_layers=gpu_layers)
    return Prospect(load, header, tower)


def _is_url(text: str) -> bool:
    return text.lower().startswith(("http://", "https://"))


def _as_text(name: str, fit: Fit, machine: Machine, others: list[Alternative]) -> str:
    rows = [f"{line(name)}: a context of {fit.setup.ctx:,} tokens, KV cache in {fit.setup.kv}"]
    gpu = fit.need.total.gpu > 0
    for field, words in _PARTS.items():
        host, on_gpu = getattr(fit.need, field)
        rows.append(f"  {words:<20}{_megabytes(host)}" + (_megabytes(on_gpu) if gpu else ""))
    total = fit.need.total
    rows.append(
        f"  {'together':<20}{_megabytes(total.host)}" + (_megabytes(total.gpu) if gpu else "")
    )
    shared = "shared with the GPU" if machine.shared else ""
    free = f"  {'free':<20}{_megabytes(machine.free)}"
    rows.append(free + (_megabytes(machine.gpu_free) if machine.gpu_total else f"  {shared}"))
    if gpu and not machine.shared:
        rows.insert(1, f"  {'':<20}{'main':>9}{'GPU':>12}")
    rows.append("")
    if fit.verdict == "yes":
        rows.append(f"Yes, it fits: {fit.left / 1e9:.2f} GB stay free.")
    elif fit.verdict == "tight":
        rows.append(f"Tight: only {fit.left / 1e9:.2f} GB stay free. Close other programs.")
    else:
        rows.append(f"No: {line(shortage(name, fit))}.")
        if others:
            rows.append("What would fit instead, closest first:")
            rows.extend(f"  - {line(other.words)}{_memory(other)}" for other in others)
        else:
            rows.append("Nothing close to it fits: use a smaller model.")
    return "\n".join(row.rstrip() for row in rows)


def _memory(other: Alternative) -> str:
    if other.fit is None:
        return ""
    tight = ", tight" if other.fit.verdict == "tight" else ""
    return f" ({sum(other.fit.need.total) / 1e9:.2f} GB{tight})"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:>9,.0f} MB"


def _as_json(
    name: str, fit: Fit, machine: Machine, others: list[Alternative], *, simulated: bool
) -> dict[str, Any]:
    """Sizes in bytes."""
    return {
        "model": name,
        "verdict": fit.verdict,
        "source": "simulated load" if simulated else "header",
        "left": fit.left,
        "machine": msgspec.to_builtins(machine),
        **_fit_as_json(fit),
        "alternatives": [
            {
                "kind": other.kind,
                "words": other.words,
                **(_fit_as_json(other.fit) if other.fit is not None else {}),
            }
            for other in others
        ],
    }


def _fit_as_json(fit: Fit) -> dict[str, Any]:
    need = {
        field: {"host": value[0], "gpu": value[1]}
        for field in (*_PARTS, "total")
        if (value := getattr(fit.need, field)) is not None
    }
    setup = {name: getattr(fit.setup, name) for name in fit.setup.__struct_fields__}
    return {"setup": setup, "need": need}
