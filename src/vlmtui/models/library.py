"""From what a user calls a model to the files that make it up.

Knows the bundled demo model, the models that are found on this machine, and GGUF files by path. Of
files it reads headers; whether a model can be loaded is for others to say.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from vlmtui import demo
from vlmtui.errors import ModelNotFound
from vlmtui.models import added, catalog, facts, gguf, opened, projectors
from vlmtui.models.discovery import BrokenModel, Discovery, InstalledModel, discover, text
from vlmtui.models.opened import Opened
from vlmtui.models.projectors import Candidate
from vlmtui.settings import load_settings

__all__ = [
    "DEMO",
    "BrokenModel",
    "Discovery",
    "InstalledModel",
    "ModelNotFound",
    "installed",
    "remember",
    "resolve",
    "resolve_installed",
    "survey",
]

DEMO = "demo"
"""The name of the model that comes with vlmtui."""

_MOST_NAMED = 8
"""Candidates named in an error."""


def installed() -> list[InstalledModel]:
    """All models on this machine, the demo model first; each name resolves to its model.

    Blocks: directories are listed, and headers of files that are new are read.

    Raises:
        SettingsError: The settings, which name directories, can't be understood.
        StorageError: The list of added models can't be read.
    """
    return list(survey().models)


def survey() -> Discovery:
    """All models on this machine, the files that can't be used, and what can't be looked into.

    Raises:
        SettingsError: As `installed`.
        StorageError: The list of added models can't be read.
    """
    found = discover(load_settings().model_dirs, added.files(), catalog.load().name_of)
    return Discovery((_known_demo(), *found.models), found.broken, found.unreadable)


def resolve(name: str, mmproj: str | None = None) -> InstalledModel:
    """Find a model by its name or by the path of its GGUF file.

    Names are those of `installed`, their aliases, what one of them alone begins with, and those of
    files that were opened by their path before; whether letters are large or small doesn't matter.
    Without `mmproj`, the tower that lies beside the model and goes with it is taken.

    Args:
        name: "demo", a name, or the path of a GGUF file (`~` is expanded).
        mmproj: Path of the projector's GGUF file.

    Raises:
        ModelNotFound: No such model, several of them, or the projector can't be told.
        BadModelFile: A file of it is no GGUF file.
    """
    if name == DEMO:
        return _demo(_named_projector(mmproj) if mmproj is not None else None)
    path = Path(name).expanduser()
    if path.is_file():
        return _at(_absolute(path), mmproj)
    if not name or path.is_dir() or path.is_absolute() or name.startswith(("~", ".")):
        raise _not_found(name, path, ())
    model = _chosen(name)
    if mmproj is not None:
        tower = _named_projector(mmproj)
        size = facts.read(model.path).size + facts.read(tower).size
        return msgspec.structs.replace(model, mmproj=tower, size_bytes=size, towers=())
    if model.towers:
        raise _ambiguous_projector(model.path, model.towers)
    return model


def remember(model: InstalledModel) -> None:
    """Let a model that was named by its path be found by its name later on."""
    if model.source == "file":
        tower = str(model.mmproj) if model.mmproj is not None else None
        opened.remember(Opened(model.name, str(model.path), tower))


def _chosen(name: str) -> InstalledModel:
    """The model of `installed` that a name means, or one that was opened by its path."""
    try:
        return resolve_installed(name)
    except ModelNotFound:
        before = opened.find(name)
        if before is None:
            raise
        return _at(_absolute(Path(before.path)), before.mmproj)


def resolve_installed(name: str) -> InstalledModel:
    """The model of `installed` that a name means; a path is no name here.

    Raises:
        ModelNotFound: No such model, or several of them.
    """
    found = survey()
    model = _by_name(name, found.models)
    if model is None:
        raise _broken(name, found.broken) or _not_found(name, Path(name), found.models)
    return model


def _demo(mmproj: Path | None = None) -> InstalledModel:
    model, tower = demo.model_path(), mmproj or demo.mmproj_path()
    size = sum(path.stat().st_size for path in (model, tower) if path.exists())
    return InstalledModel(DEMO, model, tower, "demo", size, quantisation="Q8_0")


def _known_demo() -> InstalledModel:
    model = _demo()
    told = facts.read(model.path)
    return msgspec.structs.replace(
        model,
        architecture=told.architecture,
        parameters=told.parameters,
        context=told.context,
        title=told.title,
    )


def _at(path: Path, mmproj: str | None) -> InstalledModel:
    """The model whose file was named by its path."""
    gguf.sniff(path)
    known = facts.FactsCache()
    model = known.of(path)
    tower = _named_projector(mmproj) if mmproj is not None else _projector_beside(path, known)
    size = model.size + (known.of(tower).size if tower is not None else 0)
    known.save()
    return InstalledModel(
        name=text(path.stem),
        path=path,
        mmproj=tower,
        size_bytes=size,
        architecture=model.architecture,
        parameters=model.parameters,
        quantisation=model.quantisation,
        context=model.context,
        title=model.title,
    )


def _projector_beside(model: Path, known: facts.FactsCache) -> Path | None:
    beside = [file for file in sorted(model.parent.glob("*.[gG][gG][uU][fF]")) if file != model]
    towers = [file for file in beside if "mmproj" in file.name.lower()]
    if not towers:
        return None
    found = projectors.choose(
        Candidate(model, known.of(model).width),
        [Candidate(tower, known.of(tower).width) for tower in towers],
        [Candidate(file) for file in beside if file not in towers],
    )
    if len(found) > 1:
        raise _ambiguous_projector(model, found)
    return found[0] if found else None


def _by_name(name: str, models: Sequence[InstalledModel]) -> InstalledModel | None:
    """The one model that goes by a name.

    Raises:
        ModelNotFound: Several do.
    """
    wanted = name.lower()
    for model in models:
        if model.name.lower() == wanted:
            return model
    known = [model for model in models if wanted in _names(model)]
    begun = known or [
        model for model in models if any(each.startswith(wanted) for each in _names(model))
    ]
    if len(begun) > 1:
        raise ModelNotFound(
            f"{name!r} is the beginning of several models: {_listed(m.name for m in begun)}"
            if not known
            else f"{name!r} is said of several models: {_listed(m.name for m in begun)}",
            "Write out the one that you mean.",
        )
    return begun[0] if begun else None


def _names(model: InstalledModel) -> list[str]:
    """All that a model goes by, in small letters."""
    names = [model.name, *model.aliases]
    names += [name.removesuffix(":latest") for name in names if name.endswith(":latest")]
    return [name.lower() for name in names]


def _listed(names: Iterable[str]) -> str:
    every = list(names)
    more = f" and {len(every) - _MOST_NAMED} more" if len(every) > _MOST_NAMED else ""
    return ", ".join(every[:_MOST_NAMED]) + more


def _not_found(name: str, path: Path, models: Sequence[InstalledModel]) -> ModelNotFound:
    if name and path.is_dir():
        return ModelNotFound(
            f"{path} is a directory, not a model", "Name the .gguf file inside it."
        )
    if name.endswith(".gguf") or path.is_absolute() or name.startswith(("~", ".")):
        return ModelNotFound(f"There is no model file {path}", "Check the path.")
    if entry := catalog.load().find(name):
        return _not_here(entry)
    import difflib  # only in the case of an error, and it costs 5 ms

    near = difflib.get_close_matches(name, [model.name for model in models], n=3)
    meant = f"Did you mean {_listed(near)}? " if near else ""
    return ModelNotFound(
        f"There is no model named {name!r}",
        f"{meant}`vlmtui models` lists those that are here; {DEMO!r} always is. "
        "The path of a .gguf file does too.",
    )


def _not_here(entry: catalog.Entry) -> ModelNotFound:
    if entry.imported:
        return ModelNotFound(
            f"{entry.name} is not on this machine, and there is no GGUF of it to fetch",
            f"{entry.note} `vlmtui models info {entry.name}` tells more.",
        )
    about = "about " if entry.size_is_reckoned else ""
    return ModelNotFound(
        f"{entry.name} is not on this machine",
        f"`vlmtui models pull {entry.name}` fetches {about}{entry.download_bytes / 1e9:.1f} GB.",
    )


def _broken(name: str, broken: Sequence[BrokenModel]) -> ModelNotFound | None:
    for model in broken:
        if model.name.lower() == name.lower():
            return ModelNotFound(f"{model.name} can't be used: {model.reason}", model.hint)
    return None


def _ambiguous_projector(model: Path, towers: Iterable[Path]) -> ModelNotFound:
    return ModelNotFound(
        f"Several mmproj files lie beside {model.name}: {_listed(file.name for file in towers)}",
        "Say which one belongs to it with --mmproj.",
    )


def _named_projector(mmproj: str) -> Path:
    path = Path(mmproj).expanduser()
    if not path.is_file():
        raise ModelNotFound(f"There is no mmproj file {path}", "Check the path given to --mmproj.")
    path = _absolute(path)
    gguf.sniff(path)
    return path


def _absolute(path: Path) -> Path:
    """Not resolved: behind a link in a cache lies a file whose name says nothing."""
    return Path(os.path.abspath(path))
