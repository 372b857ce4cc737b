"""Whether a model will fit into memory, before it is downloaded.

Joins what a download would fetch (`models.download`), of which only headers are read, a few
megabytes over the network, with what is free (`hardware`).
"""

from __future__ import annotations

import msgspec

from vlmtui.chat.fitting import Prospect, shortage, this_machine
from vlmtui.engine.base import KvType, Load
from vlmtui.errors import BadModelFile, FetchFailed, NothingToPull, VlmtuiError
from vlmtui.models import gguf
from vlmtui.models.download import Plan, Pull, RemoteFile, Resolved, hub
from vlmtui.models.fit import Fit, Machine, choose, describe
from vlmtui.models.gguf import Header
from vlmtui.models.memory import Need, Setup


class Outlook(msgspec.Struct, frozen=True):
    """What is to be expected of a model."""

    fit: Fit | None = None
    """How it would be loaded; None where that can't be told."""

    words: str = ""
    """For a person, one sentence without a final full stop."""

    problem: VlmtuiError | None = None
    """Why it can't be told; a `BadModelFile` can't be loaded at all."""

    @property
    def warns(self) -> bool:
        """Downloading it may be for nothing: one should ask first."""
        if self.fit is not None:
            return self.fit.verdict == "no"
        return isinstance(self.problem, BadModelFile)


def outlook(plan: Plan, machine: Machine | None = None) -> Outlook:
    """Read the headers of a plan's files, and compare what they need with what is free. Blocks.

    Args:
        plan: What would be fetched.
        machine: The memory there is; this machine's where it isn't given.
    """
    if not plan.of("model"):
        return Outlook(words="a vision tower alone, for a model that is here")
    machine = machine or this_machine()
    try:
        prospect = prospect_of(plan)
    except (BadModelFile, FetchFailed) as error:
        return Outlook(problem=error, words=error.message)

    def needs(setup: Setup) -> Need:
        return prospect.estimated(setup, machine)

    # as it will be loaded: the automatic context gives way where memory is short
    fit = choose(needs, prospect.wanted, machine, prospect.options(machine))
    return Outlook(fit, _words(plan.name, fit, prospect.wanted))


def prospect_of(plan: Plan, ctx: int = 0, kv: KvType = "f16") -> Prospect:
    """What can be known of a load of a plan's model, from headers. Blocks.

    Raises:
        BadModelFile: llama.cpp would refuse it.
        FetchFailed: A header can't be had.
    """
    models, towers = plan.of("model"), plan.of("mmproj")
    tower = _header(towers) if towers else None
    name = towers[0].name if towers else None
    return Prospect(Load(models[0].name, name, plan.name, ctx=ctx, kv=kv), _header(models), tower)


def plan_of(wanted: str, mmproj: str = "") -> Plan | None:
    """What a pull would fetch; None for what is no name of something to be had. Blocks.

    Args:
        wanted: As of `Pull`.
        mmproj: As of `Pull`.

    Raises:
        PullError: The server can't be asked, or leaves a choice.
    """
    try:
        pull = Pull(wanted, mmproj=mmproj)
    except NothingToPull:
        return None
    for event in pull.run():
        if isinstance(event, Resolved):
            return event.plan
    return None


def _words(name: str, fit: Fit, wanted: Setup) -> str:
    if fit.verdict == "no":
        return f"it does not fit into memory: {shortage(name, fit)}"
    changes = describe(fit.setup, wanted)
    how = f" with {changes}" if changes else ""
    need = sum(fit.need.total) / 1e9
    room = "" if fit.verdict == "yes" else "tightly, "
    return f"it fits into memory{how}: {room}{need:.2f} GB, {fit.left / 1e9:.2f} GB stay free"


def _header(parts: tuple[RemoteFile, ...]) -> Header:
    first = parts[0]
    if all(part.path.exists() for part in parts):
        return gguf.from_path(first.path)
    secret = {
        name: value for name, value in hub.headers(first.url).items() if name == "Authorization"
    }
    return gguf.from_url(first.url, secret)
