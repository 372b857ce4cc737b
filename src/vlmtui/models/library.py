"""From what a user calls a model to the files that make it up.

Knows the bundled demo model and GGUF files by path. Of a file it reads the first bytes, to say what
it is when it is no GGUF file; whether it can be loaded is for others to say.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from vlmtui import demo
from vlmtui.errors import ModelNotFound
from vlmtui.models import gguf

DEMO = "demo"
"""The name of the model that comes with vlmtui."""


class InstalledModel(msgspec.Struct, frozen=True):
    """A model whose files are on this machine."""

    name: str
    path: Path
    """Absolute path of the language model."""

    mmproj: Path | None
    """Absolute path of the vision tower and projector; None for a text-only model."""


def resolve(name: str, mmproj: str | None = None) -> InstalledModel:
    """Find a model by its name or by the path of its GGUF file.

    Without `mmproj`, the one GGUF with "mmproj" in its name beside the model is taken.

    Args:
        name: "demo", or the path of a GGUF file (`~` is expanded).
        mmproj: Path of the projector's GGUF file.

    Raises:
        ModelNotFound: No such model, or the projector can't be told.
        BadModelFile: A file of it is no GGUF file.
    """
    if name == DEMO:
        projector = demo.mmproj_path() if mmproj is None else _named_projector(mmproj)
        return InstalledModel(DEMO, demo.model_path(), projector)
    path = Path(name).expanduser()
    if not path.is_file():
        raise _not_found(name, path)
    path = path.resolve()
    gguf.sniff(path)
    beside = _projector_beside(path) if mmproj is None else _named_projector(mmproj)
    return InstalledModel(path.stem, path, beside)


def _not_found(name: str, path: Path) -> ModelNotFound:
    if path.is_dir():
        return ModelNotFound(
            f"{path} is a directory, not a model", "Name the .gguf file inside it."
        )
    if "/" in name or name.endswith(".gguf"):
        return ModelNotFound(f"There is no model file {path}", "Check the path.")
    return ModelNotFound(
        f"There is no model named {name!r}",
        f"Use {DEMO!r}, or the path of a .gguf file with its mmproj file beside it.",
    )


def _named_projector(mmproj: str) -> Path:
    path = Path(mmproj).expanduser()
    if not path.is_file():
        raise ModelNotFound(f"There is no mmproj file {path}", "Check the path given to --mmproj.")
    path = path.resolve()
    gguf.sniff(path)
    return path


def _projector_beside(model: Path) -> Path | None:
    candidates = [
        file
        for file in sorted(model.parent.glob("*.gguf"))
        if "mmproj" in file.name.lower() and file != model
    ]
    if len(candidates) <= 1:
        return candidates[0] if candidates else None
    # several models in one folder: the projector that shares the longest beginning of the name
    own = [file for file in candidates if _common_prefix(file.name, model.name) >= 4]
    best = sorted(own, key=lambda file: -_common_prefix(file.name, model.name))
    if best and (
        len(best) == 1
        or _common_prefix(best[0].name, model.name) > _common_prefix(best[1].name, model.name)
    ):
        return best[0]
    names = ", ".join(file.name for file in candidates)
    raise ModelNotFound(
        f"Several mmproj files lie beside {model.name}: {names}",
        "Say which one belongs to it with --mmproj.",
    )


def _common_prefix(left: str, right: str) -> int:
    length = 0
    for a, b in zip(left.lower(), right.lower(), strict=False):
        if a != b:
            break
        length += 1
    return length
