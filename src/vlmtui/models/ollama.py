"""Models in an Ollama store: `manifests/HOST/OWNER/NAME/TAG` name files in `blobs`.

A manifest is JSON with layers; one is the model, one its projector, the others (template, licence,
parameters) are not used here. Nothing in the store is ever changed.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import msgspec

from vlmtui import kept
from vlmtui.models.installed import StoredFile

_MODEL = "application/vnd.ollama.image.model"
_PROJECTOR = "application/vnd.ollama.image.projector"
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")

_DEPTH = 4

SYSTEM_STORE = Path("/usr/share/ollama/.ollama/models")
"""That of the system's service."""


class _Layer(msgspec.Struct):
    digest: str
    kind: str = msgspec.field(name="mediaType")


class _Manifest(msgspec.Struct):
    layers: list[_Layer]


def stores() -> list[Path]:
    """Where Ollama keeps models."""
    if place := os.environ.get("OLLAMA_MODELS"):
        return [Path(os.path.expanduser(place))]
    return [Path(os.path.expanduser("~/.ollama/models")), SYSTEM_STORE]


def read(store: Path) -> tuple[list[StoredFile], list[Path]]:
    """The models of a store, and what in it can't be read. Missing blobs are left to the reader.

    Of two tags with the same files, `latest` comes last.
    """
    models: list[StoredFile] = []
    unreadable: list[Path] = []
    root = store / "manifests"
    try:
        root.stat()
    except (FileNotFoundError, NotADirectoryError):
        return [], []
    except OSError:
        return [], [store]
    for folder, folders, files in os.walk(
        root, onerror=lambda error: unreadable.append(Path(error.filename))
    ):
        if len(Path(folder).relative_to(root).parts) > _DEPTH:
            folders.clear()
        folders.sort()
        for file in sorted(files, key=lambda tag: (tag == "latest", tag)):
            path = Path(folder, file)
            model = _model(store, path, path.relative_to(root).parts, unreadable)
            if model is not None:
                models.append(model)
    return models, unreadable


def _model(
    store: Path, path: Path, parts: tuple[str, ...], unreadable: list[Path]
) -> StoredFile | None:
    if len(parts) != _DEPTH:
        return None
    manifest = kept.load(path, _Manifest)
    if manifest is None:
        unreadable.append(path)
        return None
    blobs = {layer.kind: _blob(store, layer.digest) for layer in reversed(manifest.layers)}
    model = blobs.get(_MODEL)
    if model is None:
        return None  # a model that runs elsewhere, or an adapter alone
    name = _name(*parts)
    return StoredFile(model, "ollama", f"ollama:{name}", "", name, blobs.get(_PROJECTOR))


def _name(host: str, owner: str, name: str, tag: str) -> str:
    """What `ollama run` takes: with owner and host where they aren't the usual ones."""
    if host != "registry.ollama.ai":
        return f"{host}/{owner}/{name}:{tag}"
    return f"{name}:{tag}" if owner == "library" else f"{owner}/{name}:{tag}"


def _blob(store: Path, digest: str) -> Path | None:
    parsed = _DIGEST.fullmatch(digest)
    if parsed is None:
        return None
    path = store / "blobs" / f"sha256-{parsed[1]}"
    older = store / "blobs" / f"sha256:{parsed[1]}"
    return older if older.exists() and not path.exists() else path
