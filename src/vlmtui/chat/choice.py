"""The models that one can choose: here, or to be had, each with whether it fits into memory.

Joins the library and the catalogue (`models`) with what is free (`hardware`). Nothing is loaded or
fetched.
"""

from __future__ import annotations

import msgspec

from vlmtui.chat.fitting import Prospect, this_machine
from vlmtui.engine.base import Load
from vlmtui.errors import BadModelFile, VlmtuiError
from vlmtui.models import catalog, library
from vlmtui.models.catalog import Entry
from vlmtui.models.fit import Fit, Machine, judge
from vlmtui.models.library import BrokenModel, Discovery, InstalledModel
from vlmtui.models.memory import DEFAULT_CTX, Bytes, Need, Setup
from vlmtui.settings import Settings


class Choice(msgspec.Struct, frozen=True):
    """One model."""

    name: str
    installed: InstalledModel | None = None
    """Its files, when they are on this machine."""

    entry: Entry | None = None
    """What the catalogue knows of it."""

    fit: Fit | None = None
    """Whether it fits as the settings would load it; None when that can't be told."""

    problem: VlmtuiError | None = None
    """Why it can't be used."""

    @property
    def size_bytes(self) -> int:
        """Bytes of its files; for one that isn't here perhaps reckoned."""
        if self.installed is not None:
            return self.installed.size_bytes
        return self.entry.download_bytes if self.entry is not None else 0

    @property
    def reckoned(self) -> bool:
        """The size is no figure that was seen."""
        return self.installed is None and self.entry is not None and self.entry.size_is_reckoned

    @property
    def need_bytes(self) -> int:
        """Memory that it takes, 0 when that can't be told."""
        return sum(self.fit.need.total) if self.fit is not None else 0

    @property
    def sees(self) -> bool:
        """It takes pictures."""
        return self.installed is None or self.installed.vision


class Choices(msgspec.Struct, frozen=True):
    """All there is to choose from."""

    here: tuple[Choice, ...]
    """Models on this machine, the demo model first, the others by name."""

    elsewhere: tuple[Choice, ...]
    """Models of the catalogue that aren't here, those that need least first."""

    found: Discovery
    machine: Machine
    problem: VlmtuiError | None = None
    """What is wrong with the user's catalogue."""

    @property
    def broken(self) -> tuple[BrokenModel, ...]:
        """Files that can't be used."""
        return self.found.broken


def choices(settings: Settings, machine: Machine | None = None) -> Choices:
    """Look for all models, and reckon what each takes. Blocks: reads headers.

    Args:
        settings: They say how models are loaded.
        machine: The memory there is; None asks this machine.

    Raises:
        VlmtuiError: The settings or the list of added models can't be read.
    """
    now = machine or this_machine()
    known = catalog.load()
    found = library.survey()
    here = [_here(model, known, settings, now) for model in found.models]
    names = {choice.entry.name for choice in here if choice.entry is not None}
    away = [_elsewhere(entry, settings, now) for entry in known.entries if entry.name not in names]
    return Choices(
        (*here[:1], *sorted(here[1:], key=lambda choice: choice.name.lower())),
        tuple(sorted(away, key=lambda choice: choice.need_bytes)),
        found,
        now,
        known.problem,
    )


def _here(
    model: InstalledModel, known: catalog.Catalog, settings: Settings, machine: Machine
) -> Choice:
    entry = known.find(model.name)
    load = Load(
        str(model.path),
        str(model.mmproj) if model.mmproj is not None else None,
        model.name,
        ctx=settings.ctx,
        kv=settings.kv,
        gpu_layers=settings.gpu_layers,
    )
    try:
        prospect = Prospect.of(load)
    except BadModelFile as error:
        return Choice(model.name, model, entry, problem=error)
    setup = prospect.wanted
    fit = judge(setup, prospect.estimated(setup, machine), machine)
    return Choice(model.name, model, entry, fit)


def _elsewhere(entry: Entry, settings: Settings, machine: Machine) -> Choice:
    ctx = settings.ctx or min(entry.context or DEFAULT_CTX, DEFAULT_CTX)
    need = entry.need(ctx, settings.kv)
    if machine.gpu_total and not machine.shared and settings.gpu_layers:
        need = _on_gpu(need)
    return Choice(entry.name, None, entry, judge(Setup(ctx=ctx, kv=settings.kv), need, machine))


def _on_gpu(need: Need) -> Need:
    """The need of a model that goes to the GPU as a whole."""
    parts = {
        part: Bytes(gpu=sum(getattr(need, part)))
        for part in ("weights", "kv", "compute", "mmproj", "images")
    }
    return msgspec.structs.replace(need, **parts)
