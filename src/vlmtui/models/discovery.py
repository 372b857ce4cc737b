"""The models on this machine: found where they lie, each with its vision tower and a name.

Headers are read, weights never. A file that can't be used is told with the reason, and stops
nothing else from being found.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import msgspec

from vlmtui.models import projectors
from vlmtui.models.facts import Facts, FactsCache
from vlmtui.models.installed import BrokenModel, Discovery, InstalledModel, StoredFile
from vlmtui.models.projectors import Candidate
from vlmtui.models.stores import stock

_PART = re.compile(r"-00001-of-\d{5}$")
_NAMELESS = re.compile(r"(ggml[-_.])?model(?P<rest>[-_.].*)?", re.IGNORECASE)
"""File names that say nothing: ggml-model-Q4_K_M.gguf."""

_GGUF = re.compile(r"[-_.]gguf$", re.IGNORECASE)


Naming = Callable[[StoredFile], str]
"""A better name for a file than its own; empty where there is none."""


def discover(
    directories: Sequence[str] = (),
    added: Sequence[StoredFile] = (),
    naming: Naming = lambda file: "",
    opened: Sequence[StoredFile] = (),
) -> Discovery:
    """Find the models of this machine. Reads headers that it doesn't know yet; blocks.

    Directories are looked at besides the usual places. Files that were added go before what is
    found; of those that were opened by their path, only such count that nothing else has.
    """
    found = stock(directories)
    cache = FactsCache()
    survey = _Survey([*added, *found.files, *opened], cache, naming)
    models = survey.models()
    cache.save(forget=True)
    return Discovery(tuple(models), tuple(survey.broken), tuple(found.unreadable))


class _Survey:
    """Sorts files into models, towers and broken ones."""

    def __init__(self, files: Sequence[StoredFile], cache: FactsCache, naming: Naming) -> None:
        self.broken: list[BrokenModel] = []
        self._cache = cache
        self._naming = naming
        self._models: list[tuple[StoredFile, Facts]] = []
        self._groups: dict[str, _Group] = {}
        for file in files:
            facts = cache.of(file.path)
            group = self._groups.setdefault(file.group, _Group())
            if facts.kind == "model":
                self._models.append((file, facts))
                group.models.append(Candidate(file.path, facts.width))
            elif facts.kind == "tower":
                group.towers.append(Candidate(file.path, facts.width))
            elif facts.kind == "broken" and file.source != "file":
                self._report(file, file.path, facts.reason, facts.hint)

    def models(self) -> list[InstalledModel]:
        """The models, each pair of files once, under names of their own."""
        names = _Names()
        unique: dict[tuple[str, str], InstalledModel] = {}
        known: set[str] = set()
        for file, facts in self._models:
            if file.source == "file" and _identity(file.path) in known:
                continue
            known.add(_identity(file.path))
            model = self._model(file, facts)
            files = (_identity(model.path), _identity(model.mmproj) if model.mmproj else "")
            if same := unique.get(files):
                unique[files] = msgspec.structs.replace(
                    same, aliases=(*same.aliases, model.name, *model.aliases)
                )
            else:
                unique[files] = msgspec.structs.replace(model, name=names.take(model, file))
        return list(unique.values())

    def _model(self, file: StoredFile, facts: Facts) -> InstalledModel:
        mmproj, towers = self._tower(file, facts)
        own = plain_name(file)
        return described(
            absolute(file.path),
            absolute(mmproj) if mmproj is not None else None,
            self._cache.of,
            name=self._naming(file) or own,
            source=file.source,
            repository=file.repository,
            aliases=tuple(dict.fromkeys((own, text(_stem(file.path))))),
            towers=tuple(map(absolute, towers)),
        )

    def _tower(self, file: StoredFile, facts: Facts) -> tuple[Path | None, list[Path]]:
        """The model's tower, or those that may be it."""
        if file.mmproj is not None:
            tower = self._cache.of(file.mmproj)
            if tower.kind == "tower":
                return file.mmproj, []
            reason = tower.reason or f"{file.mmproj} is not a vision tower (mmproj)"
            self._report(file, file.mmproj, reason, tower.hint)
            return None, []
        group = self._groups[file.group]
        model = Candidate(file.path, facts.width)
        others = [other for other in group.models if other.path != file.path]
        choice = projectors.choose(model, group.towers, others)
        return (choice[0], []) if len(choice) == 1 else (None, choice)

    def _report(self, file: StoredFile, path: Path, reason: str, hint: str) -> None:
        size = self._cache.of(path).size
        self.broken.append(BrokenModel(plain_name(file), path, file.source, reason, hint, size))


def described(
    path: Path, mmproj: Path | None, facts_of: Callable[[Path], Facts], **more: Any
) -> InstalledModel:
    """A model by the facts of its files, and what else is known of it."""
    facts = facts_of(path)
    return InstalledModel(
        path=path,
        mmproj=mmproj,
        size_bytes=facts.size + (facts_of(mmproj).size if mmproj is not None else 0),
        architecture=facts.architecture,
        parameters=facts.parameters,
        quantisation=facts.quantisation,
        context=facts.context,
        title=facts.title,
        **more,
    )


class _Group:
    def __init__(self) -> None:
        self.models: list[Candidate] = []
        self.towers: list[Candidate] = []


class _Names:
    """Gives each model a name that no other has."""

    def __init__(self) -> None:
        self._taken: set[str] = {"demo"}

    def take(self, model: InstalledModel, file: StoredFile) -> str:
        """The model's own name, or where that is taken, the name with where it lies."""
        for name in self._proposals(model, file):
            if name.lower() not in self._taken:
                self._taken.add(name.lower())
                return name
        raise AssertionError("the proposals never end")

    def _proposals(self, model: InstalledModel, file: StoredFile) -> Iterator[str]:
        yield model.name
        if model.source != "file":
            yield f"{model.name}@{model.source}"
        yield f"{model.name}@{text(model.path.parent.name)}"
        for number in count(2):
            yield f"{model.name}@{number}"


def plain_name(file: StoredFile) -> str:
    """What a file is called: by its store, by its own name, or by its repository or directory."""
    name = text(file.name or _stem(file.path))
    nameless = _NAMELESS.fullmatch(name)
    if nameless is None or file.source in ("added", "file", "ollama"):
        return name
    within = file.repository.rpartition("/")[2] or text(file.path.parent.name)
    return _GGUF.sub("", within) + (nameless["rest"] or "")


def text(name: str) -> str:
    """A file's name as text; bytes of it that are none become U+FFFD."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _stem(path: Path) -> str:
    return _PART.sub("", path.stem)


def absolute(path: Path) -> Path:
    """Not resolved: behind a link in a cache lies a file whose name says nothing."""
    return Path(os.path.abspath(path))


def _identity(path: Path) -> str:
    return os.path.realpath(path)
