"""Embeddings of pictures that outlive the engine, exactly as they were computed."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

import msgspec

from vlmtui.engine import cached_file
from vlmtui.engine.backends.llamacpp import identity
from vlmtui.engine.backends.llamacpp.embeddings import Embedding
from vlmtui.engine.backends.llamacpp.model import LoadedModel
from vlmtui.engine.cache_folder import CacheFolder
from vlmtui.engine.cached_file import Useless
from vlmtui.engine.disk_speed import DiskSpeed
from vlmtui.engine.engine_requests import Load


class _About(msgspec.Struct, frozen=True):
    identity: str
    key: str
    size: tuple[int, int]
    lengths: list[int]


class EmbeddingsOnDisk:
    """Those of one vision tower."""

    def __init__(self, folder: CacheFolder, identity: str) -> None:
        self._folder = folder
        self._identity = identity
        self._speed = DiskSpeed(folder.path)

    def find(
        self, key: str, size: tuple[int, int], lengths: Sequence[int]
    ) -> list[Embedding] | None:
        """What the tower made of a picture that it saw in a size; None where that isn't known.

        `key` is `ImagePart.key`; `lengths` says how many numbers each part has.
        """
        about = _About(self._identity, key, size, list(lengths))
        path = self._folder.find("picture", repr(about))
        try:
            description, payload = cached_file.read(path)
            known = msgspec.msgpack.decode(description, type=_About)
        except (Useless, msgspec.MsgspecError):
            self._folder.drop(path)
            return None
        if known != about or len(payload) != 4 * sum(lengths):
            self._folder.drop(path)
            return None
        self._folder.used(path)
        parts, start = [], 0
        for length in lengths:
            part: Embedding = (ctypes.c_float * length).from_buffer_copy(payload, start)
            parts.append(part)
            start += 4 * length
        return parts

    def keep(
        self, key: str, size: tuple[int, int], parts: Sequence[Embedding], seconds: float
    ) -> None:
        """Keep what was made of a picture in some seconds, if reading it is quicker than that."""
        about = _About(self._identity, key, size, [len(part) for part in parts])
        if seconds <= self._speed.seconds(4 * sum(about.lengths)):
            return
        pieces = [memoryview(part).cast("B") for part in parts]
        path = self._folder.find("picture", repr(about))
        self._folder.keep(path, msgspec.msgpack.encode(about), pieces)


def embeddings_on_disk(request: Load, model: LoadedModel) -> EmbeddingsOnDisk | None:
    """Those of a load, where it wants any."""
    if request.disk_cache is None or not model.sees:
        return None
    try:
        whose = identity.of_embeddings(request, model)
    except OSError:  # a file has gone since it was loaded
        return None
    return EmbeddingsOnDisk(CacheFolder.of(request.disk_cache), whose)
