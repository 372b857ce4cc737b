"""Which files of a repository make up the model that is meant. Knows names and sizes only."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

import msgspec

from vlmtui.errors import AmbiguousFiles, NothingToPull
from vlmtui.models import catalog
from vlmtui.models.download import checkpoint_files
from vlmtui.models.download.events import Role
from vlmtui.models.download.hub import Listed, Repository
from vlmtui.models.download.target import NO_TOWER, HubTarget, near_names
from vlmtui.printable import listed

_PART = re.compile(r"-(\d{5})-of-(\d{5})(?=\.gguf$)", re.IGNORECASE)
_MOST_NAMED = 12
"""Of names that a file system takes, whatever stands before and behind them."""


class _Candidate(msgspec.Struct, frozen=True):
    name: str
    """Of its first part."""

    parts: tuple[Listed, ...]

    @property
    def size(self) -> int | None:
        sizes = [part.size for part in self.parts]
        return None if None in sizes else sum(size or 0 for size in sizes)


def choose(target: HubTarget, repository: Repository) -> list[tuple[Role, Listed]]:
    """The files to fetch: the model, all parts of it, and its tower where it has one.

    Raises:
        NothingToPull: The repository has no such file.
        AmbiguousFiles: It has several.
    """
    if target.imports is not None:
        return [("checkpoint", file) for file in checkpoint_files.choose(repository)]
    files = [file for file in repository.files if _is_gguf(file.name)]
    if not files:
        raise NothingToPull(
            f"{repository.name} has no GGUF file"
            + (" that can be fetched" if repository.files else ""),
            "Look for a repository with GGUF in its name: the model's page lists them under "
            f"quantizations. Or `vlmtui models import hf:{repository.name}` makes one, if it is "
            "a checkpoint of a kind that can be imported.",
        )
    model = _one("model", target.model, files, repository)
    chosen: list[tuple[Role, Listed]]
    if _is_tower(model.name):
        return [("mmproj", part) for part in model.parts]
    chosen = [("model", part) for part in model.parts]
    towers = [file for file in files if _is_tower(file.name)]
    if target.mmproj == (NO_TOWER,) or (not towers and not target.mmproj):
        return chosen
    tower = _one("mmproj", target.mmproj, towers or files, repository)
    return chosen + [("mmproj", part) for part in tower.parts]


def _one(
    role: Role, patterns: Sequence[str], files: Sequence[Listed], repository: Repository
) -> _Candidate:
    names = [file.name for file in files]
    if patterns:
        found = matching(names, patterns)
    else:
        found = [name for name in names if _is_tower(name) == (role == "mmproj")] or names
    candidates = _candidates(found, files)
    if len(candidates) == 1:
        _whole(candidates[0], repository)
        return candidates[0]
    what = "model" if role == "model" else "vision tower (mmproj)"
    if not candidates:
        near = near_names(patterns[0], names) if patterns else []
        meant = f"Did you mean {', '.join(near)}? " if near else ""
        raise NothingToPull(
            f"{repository.name} has no {what} like {' or '.join(patterns)}",
            f"{meant}It has {listed(names, _MOST_NAMED)}.",
        )
    how = f"hf:{repository.name}:PATTERN" if role == "model" else "--mmproj PATTERN (or none)"
    raise AmbiguousFiles(
        f"{repository.name} has {len(candidates)} files that may be the {what}",
        f"Say which: {how}.",
        role,
        tuple((candidate.name, candidate.size) for candidate in candidates),
    )


def matching(names: Sequence[str], patterns: Sequence[str]) -> list[str]:
    """The names that the first pattern that fits any of them fits.

    A pattern with a directory in it means the whole name, any other goes by `catalog.fits`, or
    means towers where there is nothing else. More than one name means that somebody has to choose,
    unless they are the parts of one split model.
    """
    for pattern in patterns:
        if found := _fitting(pattern, names):
            return found
    return []


def _fitting(pattern: str, names: Sequence[str]) -> list[str]:
    if pattern in names:
        return _with_parts(pattern, names)
    wanted = pattern.lower()
    if "/" in pattern:
        return [name for name in names if fnmatchcase(name.lower(), wanted)]
    found = [name for name in names if catalog.fits(name, pattern)]
    if not found and all(_is_tower(name) for name in names):
        return [name for name in names if fnmatchcase(_file(name), wanted)]
    return found


def _with_parts(name: str, names: Sequence[str]) -> list[str]:
    """A file, and where it is a part of a model the others too."""
    if not _PART.search(name):
        return [name]
    return [other for other in names if _PART.sub("", other) == _PART.sub("", name)]


def _candidates(names: Sequence[str], files: Sequence[Listed]) -> list[_Candidate]:
    known = {file.name: file for file in files}
    groups: dict[str, list[Listed]] = {}
    for name in sorted(names):
        groups.setdefault(_PART.sub("", name), []).append(known[name])
    return [_Candidate(parts[0].name, tuple(parts)) for parts in groups.values()]


def _whole(candidate: _Candidate, repository: Repository) -> None:
    first = _PART.search(candidate.name)
    count = int(first[2]) if first else 1
    if len(candidate.parts) != count:
        raise NothingToPull(
            f"{repository.name} has {len(candidate.parts)} of the {count} parts of "
            f"{_PART.sub('', candidate.name)}",
            "Its owner has not uploaded all of them; choose another file.",
        )


def _is_gguf(name: str) -> bool:
    """A GGUF file, with a name that leads nowhere else."""
    return name.lower().endswith(".gguf") and not checkpoint_files.is_odd(name)


def _is_tower(name: str) -> bool:
    return "mmproj" in _file(name)


def _file(name: str) -> str:
    return name.rpartition("/")[2].lower()
