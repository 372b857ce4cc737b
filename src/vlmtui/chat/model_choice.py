"""The models that one can choose: here, or to be had, each with whether it fits into memory.

Joins the library and the catalogue (`models`) with what is free (`hardware`). Nothing is loaded or
fetched.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from vlmtui.chat import fit_verdict
from vlmtui.chat.fit_verdict import FitVerdict
from vlmtui.chat.fitting import machine_after_eviction
from vlmtui.errors import VlmtuiError
from vlmtui.models import catalog, endpoints, library, local_servers, search
from vlmtui.models.catalog import Entry
from vlmtui.models.endpoints import ServerModel
from vlmtui.models.fit import Machine
from vlmtui.models.installed import DEMO, BrokenModel, Discovery, InstalledModel
from vlmtui.settings import Settings, server_ports

_SERVED = FitVerdict(served=True)


class Choice(msgspec.Struct, frozen=True):
    """One model."""

    name: str
    installed: InstalledModel | None = None
    """Its files, when they are on this machine."""

    entry: Entry | None = None
    """What the catalogue knows of it."""

    fit_verdict: FitVerdict = FitVerdict()
    """Whether it fits, and how."""

    served: ServerModel | None = None
    """The server that runs it, when one does."""

    found: bool = False
    """That server was found on this machine; it is added when the model is taken."""

    @property
    def here(self) -> bool:
        """It can be used now: its files are on this machine, or a server runs it."""
        return self.installed is not None or self.served is not None

    @property
    def size_bytes(self) -> int:
        """Bytes of its files; for one that isn't here perhaps reckoned."""
        if self.installed is not None:
            return self.installed.size_bytes
        return self.entry.download_bytes if self.entry is not None else 0

    @property
    def reckoned(self) -> bool:
        """The size is an estimate."""
        return self.installed is None and self.entry is not None and self.entry.size_is_reckoned

    @property
    def need_bytes(self) -> int:
        """Memory that it takes, 0 when that can't be told."""
        fit = self.fit_verdict.fit
        return sum(fit.need.total) if fit is not None else 0

    @property
    def sees(self) -> bool:
        """It takes pictures."""
        return self.installed is None or self.installed.vision


class Choices(msgspec.Struct, frozen=True):
    """All there is to choose from."""

    here: tuple[Choice, ...]
    """Models that can be used now: the demo model, those on this machine by name, and those of
    servers."""

    elsewhere: tuple[Choice, ...]
    """Models of the catalogue that aren't here, those that need least first."""

    found: Discovery
    machine: Machine
    problem: VlmtuiError | None = None
    """What is wrong with the user's catalogue."""

    @property
    def broken(self) -> tuple[BrokenModel, ...]:
        return self.found.broken


def choices(settings: Settings, machine: Machine | None = None) -> Choices:
    """Look for all models, and reckon what each takes. Blocks: reads headers.

    Without a `machine`, the memory of this one counts.

    Raises:
        VlmtuiError: The settings or the list of added models can't be read.
    """
    now = machine or machine_after_eviction()
    known = catalog.load()
    found = search.survey()
    here = [of_installed(model, known, settings, now) for model in found.models]
    names = {choice.entry.name for choice in here if choice.entry is not None}
    away = [
        Choice(entry.name, entry=entry, fit_verdict=fit_verdict.of_entry(entry, settings, now))
        for entry in known.entries
        if entry.name not in names
    ]
    return Choices(
        (
            *here[:1],
            *sorted(here[1:], key=lambda choice: choice.name.lower()),
            *(Choice(m.name, served=m, fit_verdict=_SERVED) for m in endpoints.models()),
            *(
                Choice(m.name, served=m, fit_verdict=_SERVED, found=True)
                for server in local_servers.look(server_ports(settings))
                for m in server.models
            ),
        ),
        tuple(sorted(away, key=lambda choice: choice.need_bytes)),
        found,
        now,
        known.problem,
    )


def find(name: str, settings: Settings, machine: Machine | None = None) -> Choice:
    """The model of this machine, of a server or of the catalogue that a name means, or a path.

    Raises:
        ModelNotFound: There is none.
        VlmtuiError: As `choices`.
    """
    found = choices(settings, machine)
    for choice in (*found.here, *found.elsewhere):
        if choice.name.lower() == name.lower():
            return choice
    model = library.resolve(name)
    for choice in found.here:
        if choice.name == model.name and choice.installed == model:
            return choice
    return of_installed(model, catalog.load(), settings, found.machine)


def fitting(found: Iterable[Choice]) -> list[Choice]:
    """Those that could be taken where another one is too big, the one that needs most first."""
    usable = [
        choice for choice in found if choice.fit_verdict.word == "fits" and choice.name != DEMO
    ]
    return sorted(usable, key=lambda choice: -choice.need_bytes)


def of_installed(
    model: InstalledModel, known: catalog.Catalog, settings: Settings, machine: Machine
) -> Choice:
    """A model of this machine as a choice; reads its headers."""
    expected = fit_verdict.of_model(model, settings, machine)
    return Choice(model.name, model, entry=known.find(model.name), fit_verdict=expected)
