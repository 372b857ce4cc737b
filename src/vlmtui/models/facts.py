"""What a model file is, in a few values from its header; kept, so that it is read only once.

The kept values hold for a file of the same path, size and time of change, parts of a split model
included. Losing them costs nothing but reading the headers again.
"""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import msgspec

from vlmtui import kept, paths
from vlmtui.errors import BadModelFile, StorageError
from vlmtui.models import gguf
from vlmtui.models.gguf import pairing
from vlmtui.models.gguf.header import Header
from vlmtui.models.gguf.quants import FILE_TYPES

_FILE = "models.json"
_VERSION = 1
"""Of the kept values; those of another version are read anew."""

_MOST_BYTES = 50_000_000
_FIRST_PART = re.compile(r"-00001-of-(\d{5})(\.gguf)$", re.IGNORECASE)
_MOST_PARTS = 1000

Kind = Literal["model", "tower", "other", "broken"]
"""model: a language model that can be loaded; tower: an mmproj; other: an adapter, a matrix, a
vocabulary; broken: nothing to be loaded."""


class Facts(msgspec.Struct, frozen=True, omit_defaults=True):
    """What there is to know about a file without loading it."""

    kind: Kind
    size: int = 0
    """Bytes, of all parts."""

    title: str = ""
    """What its makers called it."""

    architecture: str = ""
    parameters: int = 0
    quantisation: str = ""
    context: int = 0
    """Tokens it was trained on; 0 where it doesn't say."""

    layers: int = 0
    width: int = 0
    """Numbers in a row of a picture: those a model takes, those a tower makes; 0 if unknown."""

    projector: str = ""
    reason: str = ""
    """Why it is broken, and `hint` what to do about it."""

    hint: str = ""


def read(path: Path) -> Facts:
    """Read the facts of a file from its header."""
    try:
        header = gguf.from_path(path)
    except BadModelFile as error:
        return Facts("broken", size=bytes_of(parts(path)), reason=error.message, hint=error.hint)
    if header.architecture == "clip" or header.text("general.type") == "mmproj":
        return _facts("tower", header)
    if header.text("general.type") in ("adapter", "imatrix", "vocab") or not header.tensors:
        return _facts("other", header)
    if any(tensor.name.startswith("v.blk.") for tensor in header.tensors):
        return _broken(
            header,
            f"{path} has its vision tower inside: only Ollama's own engine runs such files",
            "Get the model from Hugging Face, where the mmproj is a file of its own.",
        )
    try:
        pairing.check(header)
    except BadModelFile as error:
        return _broken(header, error.message, error.hint)
    return _facts("model", header)


class FactsCache:
    """Facts of many files, in memory and in a file."""

    def __init__(self) -> None:
        try:
            self._path: Path | None = paths.cache_dir() / _FILE
        except StorageError:
            self._path = None
        self._kept = _load(self._path) if self._path is not None else {}
        self._used: dict[str, _Kept] = {}

    def of(self, path: Path) -> Facts:
        stamp = _stamp(path)
        known = self._used.get(str(path)) or self._kept.get(str(path))
        if known is None or known.stamp != stamp or not stamp:
            known = _Kept(stamp, read(path))
        self._used[str(path)] = known
        return known.facts

    def save(self, *, forget: bool = False) -> None:
        """Keep what was read, if possible; `forget` drops the files that nobody asked for."""
        keep = self._used if forget else {**self._kept, **self._used}
        if self._path is None or keep == self._kept:
            return
        with contextlib.suppress(StorageError):
            kept.store(self._path, _Contents(_VERSION, keep))


class _Kept(msgspec.Struct, frozen=True):
    stamp: str
    facts: Facts


class _Contents(msgspec.Struct):
    version: int
    files: dict[str, _Kept]


def _load(path: Path) -> dict[str, _Kept]:
    contents = kept.load(path, _Contents, _MOST_BYTES)
    return contents.files if contents is not None and contents.version == _VERSION else {}


def _stamp(path: Path) -> str:
    """Changes when the file does, or a part of it; empty when one isn't there."""
    stamps = []
    for part in parts(path):
        try:
            status = part.stat()
        except (OSError, ValueError):
            return ""
        stamps.append(f"{status.st_size}-{status.st_mtime_ns}")
    return " ".join(stamps)


def bytes_of(files: Iterable[Path]) -> int:
    """Of all that can be looked at."""
    size = 0
    for file in files:
        with contextlib.suppress(OSError, ValueError):
            size += file.stat().st_size
    return size


def parts(path: Path) -> list[Path]:
    """The files that make up a model, of which `path` is the first."""
    first = _FIRST_PART.search(path.name)
    count = int(first[1]) if first else 1
    if first is None or not 1 < count <= _MOST_PARTS:
        return [path]
    stem = path.name[: first.start()]
    return [
        path.with_name(f"{stem}-{number:05d}-of-{first[1]}{first[2]}")
        for number in range(1, count + 1)
    ]


def _facts(kind: Kind, header: Header) -> Facts:
    tower = kind == "tower"
    return Facts(
        kind,
        size=header.file_size,
        title=header.text("general.name"),
        architecture=header.architecture,
        parameters=header.parameters,
        quantisation=quantisation(header),
        context=header.number(f"{header.architecture}.context_length", 0),
        layers=len(header.layers),
        width=pairing.projected_size(header) if tower else pairing.embedding_size(header),
        projector=pairing.projector(header) if tower else "",
    )


def _broken(header: Header, reason: str, hint: str) -> Facts:
    return msgspec.structs.replace(_facts("model", header), kind="broken", reason=reason, hint=hint)


def quantisation(header: Header) -> str:
    """What most of the weights are kept in: "Q4_K_M", or a tensor type where no file type says."""
    named = FILE_TYPES.get(header.number("general.file_type", -1), "")
    sizes: Counter[str] = Counter()
    for tensor in header.tensors:
        sizes[tensor.quant] += tensor.size
    most = sizes.most_common(1)[0][0] if sizes else ""
    # of unquantised files some kept the type of what they were made from
    return most if not named or (named in ("F32", "F16", "BF16") and most) else named
