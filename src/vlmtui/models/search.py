"""Looking for a model that isn't the demo model: by name in all stores, or at a path.

Apart from `library`, which hands on to it, because the chat with the demo model starts without it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

import msgspec

from vlmtui import demo
from vlmtui.errors import ModelNotFound
from vlmtui.models import added, catalog, facts, gguf, opened, projectors
from vlmtui.models.discovery import absolute, described, discover, text
from vlmtui.models.installed import DEMO, BrokenModel, Discovery, InstalledModel
from vlmtui.models.projectors import Candidate
from vlmtui.printable import listed
from vlmtui.settings import load_settings

_MOST_NAMED = 8
"""Candidates named in an error."""


def survey() -> Discovery:
    """All models on this machine, the files that can't be used, and what can't be looked into.

    The demo model comes first; each name resolves to its model. Blocks: directories are listed, and
    headers of files that are new are read.

    Raises:
        SettingsError: The settings, which name directories, can't be understood.
        StorageError: The list of added models can't be read.
    """
    named = catalog.load().name_of
    found = discover(load_settings().model_dirs, added.files(), named, opened.files())
    return Discovery((_demo(), *found.models), found.broken, found.unreadable)


def resolve(name: str, mmproj: str | None) -> InstalledModel:
    """See `library.resolve`."""
    path = Path(os.path.expanduser(name))
    if name == DEMO:
        tower = demo.mmproj_path() if mmproj is None else _named_projector(mmproj)
        return msgspec.structs.replace(_demo(), mmproj=tower)
    if path.is_file():
        return _at(absolute(path), mmproj)
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
    """See `library.remember`."""
    tower = str(model.mmproj) if model.mmproj is not None else None
    opened.remember(added.Added(model.name, str(model.path), tower))


def _chosen(name: str) -> InstalledModel:
    """The model of `survey` that a name means, or one that was opened by its path."""
    try:
        return by_name(name)
    except ModelNotFound:
        before = opened.find(name)
        if before is None:
            raise
        return _at(absolute(Path(before.path)), before.mmproj)


def by_name(name: str) -> InstalledModel:
    """The model of `survey` that a name means; a path is no name here.

    Raises:
        ModelNotFound: No such model, or several of them.
    """
    found = survey()
    model = _by_name(name, found.models)
    if model is None:
        raise _broken(name, found.broken) or _not_found(name, Path(name), found.models)
    return model


@cache
def _demo() -> InstalledModel:
    files = demo.model_path(), demo.mmproj_path()
    return described(*files, facts.read, name=DEMO, source="demo")


def _at(path: Path, mmproj: str | None) -> InstalledModel:
    gguf.sniff(path)
    known = facts.FactsCache()
    tower = _named_projector(mmproj) if mmproj is not None else _projector_beside(path, known)
    model = described(path, tower, known.of, name=text(path.stem))
    known.save()
    return model


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
        names = listed([model.name for model in begun], _MOST_NAMED)
        means = "means" if known else "is the beginning of"
        raise ModelNotFound(f"{name!r} {means} several models: {names}", "Type the full name.")
    return begun[0] if begun else None


def _names(model: InstalledModel) -> list[str]:
    names = [model.name, *model.aliases]
    names += [name.removesuffix(":latest") for name in names if name.endswith(":latest")]
    return [name.lower() for name in names]


def _not_found(name: str, path: Path, models: Sequence[InstalledModel]) -> ModelNotFound:
    if name and path.is_dir():
        return ModelNotFound(
            f"{path} is a directory, not a model", "Name the .gguf file inside it."
        )
    if "://" in name:
        from vlmtui.net import addresses

        return ModelNotFound(
            f"{addresses.shown(name)} is an address, not a model of this machine",
            "`vlmtui models add --endpoint ADDRESS` adds a server's models, "
            "`vlmtui models pull ADDRESS` downloads a file.",
        )
    if name.endswith(".gguf") or path.is_absolute() or name.startswith(("~", ".")):
        return _no_file("model", path, "Check the path.")
    if entry := catalog.load().find(name):
        return _not_here(entry)
    import difflib  # only in the case of an error, and it costs 5 ms

    near = difflib.get_close_matches(name, [model.name for model in models], n=3)
    meant = f"Did you mean {listed(near, _MOST_NAMED)}? " if near else ""
    return ModelNotFound(
        f"There is no model named {name!r}",
        f"{meant}`vlmtui models` lists the installed ones; {DEMO!r} is always there. "
        "The path of a .gguf file will do as well.",
    )


def _no_file(what: str, path: Path, hint: str) -> ModelNotFound:
    if path.exists():
        return ModelNotFound(f"{path} is not a regular file", hint)
    if path.is_symlink():
        return ModelNotFound(f"{path} is a link that leads to no file", "Create the link again.")
    return ModelNotFound(f"There is no {what} file {path}", hint)


def _not_here(entry: catalog.Entry) -> ModelNotFound:
    about = "about " if entry.size_is_reckoned else ""
    return ModelNotFound(
        f"{entry.name} is not installed",
        f"`vlmtui models pull {entry.name}` downloads {about}{entry.download_bytes / 1e9:.1f} GB.",
    )


def _broken(name: str, broken: Sequence[BrokenModel]) -> ModelNotFound | None:
    for model in broken:
        if model.name.lower() == name.lower():
            return ModelNotFound(f"{model.name} can't be used: {model.reason}", model.hint)
    return None


def _ambiguous_projector(model: Path, towers: Iterable[Path]) -> ModelNotFound:
    names = listed([tower.name for tower in towers], _MOST_NAMED)
    return ModelNotFound(
        f"Several mmproj files lie beside {model.name}: {names}",
        "Say which one belongs to it with --mmproj.",
    )


def _named_projector(mmproj: str) -> Path:
    path = Path(os.path.expanduser(mmproj))
    if not path.is_file():
        raise _no_file("mmproj", path, "Check the path given to --mmproj.")
    path = absolute(path)
    gguf.sniff(path)
    return path
