"""What a user means by the thing to be pulled. Asks nobody."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from urllib.parse import urlsplit

import msgspec

from vlmtui.errors import NothingToPull
from vlmtui.models import catalog
from vlmtui.models.catalog import Entry
from vlmtui.models.convert.importing import Head
from vlmtui.models.download import hub
from vlmtui.net import addresses

NO_TOWER = "none"
"""In place of a vision tower: fetch none."""

_HUB = re.compile(
    r"(?P<prefix>hf:(?://)?)?(?P<repository>[\w.-]+/[\w.-]+)(?:@(?P<revision>[^:\s]+))?"
    r"(?::(?P<pattern>.+))?"
)


class ImportWish(msgspec.Struct, frozen=True):
    """That a repository's files are a checkpoint, to be imported."""

    name: str = ""
    """What the model will be called; empty for the name of its repository."""

    head: Head = "f16"


class HubTarget(msgspec.Struct, frozen=True):
    """Files of a repository."""

    wanted: str
    repository: str
    revision: str = "main"
    model: tuple[str, ...] = ()
    """Patterns, the first that fits counts; empty for any."""

    mmproj: tuple[str, ...] = ()
    """The same for the tower; empty for any, `NO_TOWER` for none."""

    entry: Entry | None = None
    imports: ImportWish | None = None
    """Its files are a checkpoint; None for GGUF files."""


class UrlTarget(msgspec.Struct, frozen=True):
    """Files at addresses."""

    wanted: str
    model: str
    mmproj: str = ""


class Bundled(msgspec.Struct, frozen=True):
    """What comes with vlmtui."""

    entry: Entry


Target = HubTarget | UrlTarget | Bundled


def understand(
    wanted: str, model: str = "", mmproj: str = "", imports: ImportWish | None = None
) -> Target:
    """Tell what is meant.

    Args:
        wanted: Name of the catalogue, `NAME[:PATTERN]`; `hf:owner/repo[@REVISION][:PATTERN]`, where
            `hf:` may be left out; or an address.
        model: File or pattern of the language model, in place of what `wanted` says.
        mmproj: The same for the vision tower; "none" for none. With an address, one too.
        imports: What is meant is a checkpoint; one of the catalogue needs no such wish.

    Raises:
        NothingToPull: It means nothing.
    """
    if "://" in wanted and not wanted.startswith("hf:"):
        return _address(wanted, model, mmproj)
    name, _, pattern = wanted.partition(":")
    entry = catalog.load().find(name)
    if entry is not None:
        return _of_catalogue(wanted, entry, model or pattern, mmproj, imports)
    match = _HUB.fullmatch(wanted)
    if match is None:
        raise _unknown(wanted)
    return HubTarget(
        wanted,
        match["repository"],
        match["revision"] or "main",
        _patterns(model or match["pattern"] or ""),
        _patterns(mmproj),
        imports=imports and _named(imports, match["repository"]),
    )


def _named(imports: ImportWish, name: str) -> ImportWish:
    return ImportWish(imports.name or name.rpartition("/")[2], imports.head)


def _of_catalogue(
    wanted: str, entry: Entry, model: str, mmproj: str, imports: ImportWish | None
) -> Target:
    if entry.bundled or entry.repository is None:
        return Bundled(entry)
    if entry.imported or imports is not None:
        named = _named(imports or ImportWish(), entry.name)
        return HubTarget(wanted, entry.repository, entry=entry, imports=named)
    return HubTarget(
        wanted,
        entry.repository,
        model=_patterns(model) or tuple(entry.model),
        mmproj=_patterns(mmproj) or tuple(entry.mmproj) or (NO_TOWER,),
        entry=entry,
    )


def _address(wanted: str, model: str, mmproj: str) -> Target:
    if urlsplit(wanted).scheme.lower() not in ("http", "https"):
        raise NothingToPull(
            f"{addresses.shown(wanted)} is not a web address", "Give one that begins with https:."
        )
    at_hub = hub.address(wanted)
    if at_hub is None:
        if mmproj == NO_TOWER:
            mmproj = ""
        if mmproj and "://" not in mmproj:
            raise NothingToPull(
                f"{mmproj} is not an address", "Beside an address, give the address of the tower."
            )
        return UrlTarget(wanted, wanted, mmproj)
    repository, revision, file = at_hub
    if file:
        tower = _patterns(mmproj) or (NO_TOWER,)
        return HubTarget(wanted, repository, revision, (file,), tower)
    return HubTarget(wanted, repository, revision, _patterns(model), _patterns(mmproj))


def _patterns(given: str) -> tuple[str, ...]:
    """A pattern as one may say it: a file, `*` and `?`, or a part of a name such as Q4_K_M."""
    if not given:
        return ()
    if given.lower().endswith(".gguf") or any(sign in given for sign in "*?[") or given == NO_TOWER:
        return (given,)
    return (f"*{given}*.gguf",)


def _unknown(wanted: str) -> NothingToPull:
    if wanted.startswith("hf:"):
        return NothingToPull(
            f"{wanted} names no repository", "They are named hf:OWNER/REPOSITORY, with both parts."
        )
    names = [entry.name for entry in catalog.load().entries]
    near = near_names(wanted, names)
    meant = f"Did you mean {', '.join(near)}? " if near else ""
    return NothingToPull(
        f"The catalogue has no model named {wanted!r}",
        f"{meant}`vlmtui models` lists them; other models are named hf:OWNER/REPOSITORY, or by "
        "their address.",
    )


def near_names(name: str, names: Sequence[str]) -> list[str]:
    """The names most alike, small or large letters aside."""
    lower = {each.lower(): each for each in names}
    found = difflib.get_close_matches(name.lower(), lower, n=3, cutoff=0.5)
    return [lower[each] for each in found]
