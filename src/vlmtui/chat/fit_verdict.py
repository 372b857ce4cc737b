"""What would become of loading a model: the one place that says whether it fits this machine.

Lists, the catalogue and downloads all ask here. A context that the settings leave open gives way
where memory is short, as it does when the model is loaded; one in numbers doesn't. From headers and
numbers alone: nothing is loaded.
"""

from __future__ import annotations

import msgspec

from vlmtui.chat.fitting import Prospect, has_gpu, shortage
from vlmtui.chat.requests import loading
from vlmtui.errors import InputError, VlmtuiError
from vlmtui.models.catalog import Entry
from vlmtui.models.fit import Fit, Machine, Options, choose, describe, judge
from vlmtui.models.installed import InstalledModel
from vlmtui.models.memory import DEFAULT_CTX, KV_BYTES, Bytes, Need, Setup, rounded_ctx
from vlmtui.settings import Settings

WORDS = ("fits", "server", "tight", "smaller", "too big", "damaged", "?")
"""What lists say of a model, the best first; "server": it needs no memory here; "smaller": with
something given way."""


class FitVerdict(msgspec.Struct, frozen=True):
    """What is to be expected of a model."""

    fit: Fit | None = None
    """How it would be loaded; None where that can't be told."""

    wanted: Setup | None = None
    """How the settings want it loaded."""

    words: str = ""
    """For a person, one sentence without a final full stop."""

    served: bool = False
    """A server runs it."""

    problem: VlmtuiError | None = None
    """Why it can't be told; an `InputError` means that it can't be loaded at all."""

    @property
    def word(self) -> str:
        """One of `WORDS`."""
        if self.served:
            return "server"
        if self.fit is None:
            return "damaged" if isinstance(self.problem, InputError) else "?"
        if self.fit.verdict == "no":
            return "too big"
        if self.changes:
            return "smaller"
        return "tight" if self.fit.verdict == "tight" else "fits"

    @property
    def changes(self) -> str:
        """What gives way for it to fit: "a context of 2048 tokens"; empty for nothing."""
        if self.fit is None or self.wanted is None:
            return ""
        return describe(self.fit.setup, self.wanted)

    @property
    def warns(self) -> bool:
        """It is of no use here: one should ask before downloading it."""
        if self.fit is not None:
            return self.fit.verdict == "no"
        return isinstance(self.problem, InputError)


def of_model(model: InstalledModel, settings: Settings, machine: Machine) -> FitVerdict:
    """Of a model on this machine; reads the headers of its files."""
    try:
        return of_prospect(Prospect.of(loading(settings, model)), machine)
    except VlmtuiError as error:
        return of_problem(error)


def of_prospect(prospect: Prospect, machine: Machine) -> FitVerdict:
    """Of files whose headers are known."""
    fit = prospect.expected(machine)
    return of_fit(prospect.load.name, fit, prospect.wanted)


def of_entry(entry: Entry, settings: Settings, machine: Machine) -> FitVerdict:
    """Of a model of the catalogue, roughly: nobody has looked into its files."""
    ctx = rounded_ctx(settings.ctx or min(entry.context or DEFAULT_CTX, DEFAULT_CTX))
    wanted = Setup(ctx=ctx, kv=settings.kv, gpu_layers=settings.gpu_layers)
    gpu = has_gpu(machine) and settings.gpu_layers != 0

    def needs(setup: Setup) -> Need:
        need = entry.need(setup.ctx, setup.kv)
        return _placed(need, setup) if gpu and not machine.shared else need

    if settings.ctx:
        return of_fit(entry.name, judge(wanted, needs(wanted), machine), wanted)
    options = Options(tuple(KV_BYTES), mmproj=bool(entry.mmproj), gpu=gpu)
    return of_fit(entry.name, choose(needs, wanted, machine, options), wanted)


def of_fit(name: str, fit: Fit, wanted: Setup) -> FitVerdict:
    """Of a model that has been reckoned with."""
    if fit.verdict == "no":
        words = f"it does not fit into memory: {shortage(name, fit)}"
        return FitVerdict(fit, wanted, words)
    changes = describe(fit.setup, wanted)
    how = f" with {changes}" if changes else ""
    tight = "tightly, " if fit.verdict == "tight" else ""
    need, left = sum(fit.need.total) / 1e9, fit.left / 1e9
    words = f"it fits into memory{how}: {tight}{need:.2f} GB, {left:.2f} GB stay free"
    return FitVerdict(fit, wanted, words)


def of_problem(error: VlmtuiError) -> FitVerdict:
    """Of a model that can't be reckoned with."""
    return FitVerdict(problem=error, words=error.message)


def _placed(need: Need, setup: Setup) -> Need:
    """The need of a model of which all layers go to a GPU with memory of its own, or none."""
    if not setup.gpu_layers:
        return need
    parts = ["weights", "kv", "compute", *(("mmproj", "images") if setup.mmproj_gpu else ())]
    return msgspec.structs.replace(
        need, **{part: Bytes(gpu=sum(getattr(need, part))) for part in parts}
    )
