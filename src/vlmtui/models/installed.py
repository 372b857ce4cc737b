"""What is on this machine, as values: models, and files that can't be used."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

Source = Literal[
    "demo", "added", "own", "directory", "huggingface", "lm-studio", "llama.cpp", "ollama", "file"
]
"""Who keeps a model: it comes with vlmtui; `models add` told of it; our own directory; one of
`model_dirs` in the settings; another program; nobody, it was named by its path."""


DEMO = "demo"
"""The name of the model that comes with vlmtui."""


class StoredFile(msgspec.Struct, frozen=True):
    """A GGUF file in a store; of a split model, the first part."""

    path: Path
    source: Source
    group: str
    """Files with the same group were published together or lie together."""

    repository: str = ""
    """"owner/name" on Hugging Face, where the store tells."""

    name: str = ""
    """What the store calls the model; empty where it knows only files."""

    mmproj: Path | None = None
    """The projector that the store itself names."""


class InstalledModel(msgspec.Struct, frozen=True):
    """A model whose files are on this machine."""

    name: str
    """What it is called here; `library.resolve` finds it by this name."""

    path: Path
    """Absolute path of the language model; of a split one, its first part."""

    mmproj: Path | None
    """Absolute path of the vision tower and projector; None for a text-only model."""

    source: Source = "file"
    size_bytes: int = 0
    """Of all its files, the tower included."""

    architecture: str = ""
    """As llama.cpp names it: "qwen2vl"."""

    parameters: int = 0
    """Of the language model."""

    quantisation: str = ""
    """What its weights are kept in: "Q4_K_M"."""

    context: int = 0
    """Tokens it was trained on; 0 where it doesn't say."""

    title: str = ""
    """What its makers called it."""

    repository: str = ""
    """"owner/name" on Hugging Face, where that is known."""

    aliases: tuple[str, ...] = ()
    """Other names that it goes by."""

    towers: tuple[Path, ...] = ()
    """Vision towers of which one is its own, where that can't be told; `mmproj` is None then."""

    @property
    def vision(self) -> bool:
        return self.mmproj is not None


class BrokenModel(msgspec.Struct, frozen=True):
    """A file that looks like a model and can't be used."""

    name: str
    path: Path
    source: Source
    reason: str
    hint: str
    size_bytes: int = 0


class Discovery(msgspec.Struct, frozen=True):
    """What is on this machine."""

    models: tuple[InstalledModel, ...]
    broken: tuple[BrokenModel, ...] = ()
    unreadable: tuple[Path, ...] = ()
    """Directories and manifests that can't be read, and those of `model_dirs` that aren't there."""
