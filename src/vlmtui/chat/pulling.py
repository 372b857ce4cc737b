"""Whether a model will fit into memory, before it is downloaded.

Joins what a download would fetch (`models.download`), of which only headers are read, a few
megabytes over the network, with what is free (`hardware`).
"""

from __future__ import annotations

import msgspec

from vlmtui.chat import fit_verdict
from vlmtui.chat.fit_verdict import FitVerdict
from vlmtui.chat.fitting import Prospect
from vlmtui.engine.engine_requests import Files, KvType, Load
from vlmtui.errors import AmbiguousFiles, BadModelFile, FetchFailed, VlmtuiError
from vlmtui.models import catalog, gguf
from vlmtui.models.download import hub_access as access
from vlmtui.models.download.events import Plan, RemoteFile, Resolved
from vlmtui.models.download.pull import Pull
from vlmtui.models.download.target import NO_TOWER
from vlmtui.models.fit import Machine
from vlmtui.models.gguf.header import Header
from vlmtui.models.memory import Bytes, Need, Setup
from vlmtui.settings import Settings


def expected(plan: Plan, settings: Settings, machine: Machine) -> FitVerdict:
    """Read the headers of a plan's files, and compare what they need with what is free. Blocks."""
    if plan.of("checkpoint"):
        return _of_checkpoint(plan, settings, machine)
    if not plan.of("model"):
        return FitVerdict(words="a vision tower alone, for an installed model")
    try:
        prospect = prospect_of(plan, settings.ctx, settings.kv, settings.gpu_layers)
    except (BadModelFile, FetchFailed) as error:
        return fit_verdict.of_problem(error)
    return fit_verdict.of_prospect(prospect, machine)


def _of_checkpoint(plan: Plan, settings: Settings, machine: Machine) -> FitVerdict:
    """Roughly: what is made of a checkpoint doesn't exist yet."""
    known = catalog.load()
    entry = next((each for each in known.entries if each.repository == plan.repository), None)
    if entry is None:
        return FitVerdict(words="whether it fits is known once it is imported")
    return fit_verdict.of_entry(entry, settings, machine)


def among(
    wanted: str,
    error: AmbiguousFiles,
    settings: Settings,
    machine: Machine,
    *,
    model: str = "",
    mmproj: str = "",
) -> list[FitVerdict]:
    """Whether a model would fit with each of the files that an error of `Pull` names. Blocks.

    Towers have small headers, so each is read. Models of one repository mostly differ in their
    quantisation: the header of one is read, and the sizes of the others stand for their weights.
    """
    if error.role == "mmproj":
        return [_with(wanted, name, model, settings, machine) for name, _ in error.candidates]
    sized = [(name, size) for name, size in error.candidates if size]
    if not sized:
        return [FitVerdict() for _ in error.candidates]
    name, known = min(sized, key=lambda file: file[1])
    try:
        plan, tower = _some_plan(wanted, mmproj, name)
        prospect = prospect_of(plan, settings.ctx, settings.kv, settings.gpu_layers)
    except VlmtuiError as problem:
        return [fit_verdict.of_problem(problem) for _ in error.candidates]

    def look(name: str, size: int | None) -> FitVerdict:
        if not size:
            return FitVerdict()

        def needs(setup: Setup) -> Need:
            need = prospect.estimated(setup, machine)
            weights = Bytes(*(part * size // known for part in need.weights))
            return msgspec.structs.replace(
                need, weights=weights, mmproj=need.mmproj.plus(Bytes(tower))
            )

        return fit_verdict.of_fit(name, prospect.expected(machine, needs), prospect.wanted)

    return [look(*file) for file in error.candidates]


def _with(wanted: str, mmproj: str, model: str, settings: Settings, machine: Machine) -> FitVerdict:
    try:
        plan = plan_of(wanted, mmproj, model)
    except VlmtuiError as problem:
        return fit_verdict.of_problem(problem)
    return expected(plan, settings, machine) if plan is not None else FitVerdict()


def _some_plan(wanted: str, mmproj: str, model: str) -> tuple[Plan, int]:
    """A plan for one of several models, and the size of a tower that isn't in it."""
    tower = 0
    try:
        plan = plan_of(wanted, mmproj, model)
    except AmbiguousFiles as error:
        tower = min((size for _, size in error.candidates if size), default=0)
        plan = plan_of(wanted, NO_TOWER, model)
    assert plan is not None, "it named the files"
    return plan, tower


def prospect_of(plan: Plan, ctx: int, kv: KvType, gpu_layers: int) -> Prospect:
    """What can be known of a load of a plan's model, from headers. Blocks.

    Raises:
        BadModelFile: llama.cpp would refuse it.
        FetchFailed: A header can't be had.
    """
    models, towers = plan.of("model"), plan.of("mmproj")
    tower = _header(towers) if towers else None
    name = towers[0].name if towers else None
    load = Load(Files(models[0].name, name), plan.name, ctx=ctx, kv=kv, gpu_layers=gpu_layers)
    return Prospect(load, _header(models), tower)


def plan_of(wanted: str, mmproj: str = "", model: str = "") -> Plan | None:
    """What a pull would fetch; None for what comes with vlmtui. Blocks; raises as `Pull.run`."""
    for event in Pull(wanted, model=model, mmproj=mmproj).run():
        if isinstance(event, Resolved):
            return event.plan
    return None


def _header(parts: tuple[RemoteFile, ...]) -> Header:
    first = parts[0]
    if all(part.path.exists() for part in parts):
        return gguf.from_path(first.path)
    return gguf.from_url(first.url, access.secret(first.url))
