"""Kept image embeddings: what the vision tower made of the pictures seen last.

Bounded in bytes, the longest unused leave first. Pure, without llama.cpp.
"""

from __future__ import annotations

import ctypes
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vlmtui.engine.backends.llamacpp.embeddings_on_disk import EmbeddingsOnDisk

Embedding = ctypes.Array[ctypes.c_float]
"""Row-major float32 of shape [tokens, embedding size of the language model]."""


class EmbeddingCache:
    """By picture (`ImagePart.key`), the embeddings of its parts in order."""

    def __init__(self, limit_bytes: int, disk: EmbeddingsOnDisk | None = None) -> None:
        self._limit = limit_bytes
        self._disk = disk
        self.size_bytes = 0
        """Bytes of the kept embeddings."""

        self._entries: OrderedDict[str, Sequence[Embedding]] = OrderedDict()

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    def find(self, key: str, size: tuple[int, int], lengths: Sequence[int]) -> bool:
        """Whether a picture is kept; see `EmbeddingsOnDisk.find`, from where it is brought back."""
        if key not in self and self._disk is not None:
            parts = self._disk.find(key, size, lengths)
            if parts is not None:
                self.put(key, parts)
        return key in self

    def keep(
        self, key: str, size: tuple[int, int], parts: Sequence[Embedding], seconds: float
    ) -> None:
        """Keep a picture's embeddings, for later engines, too, if that saves time."""
        self.put(key, parts)
        if self._disk is not None:
            self._disk.keep(key, size, parts, seconds)

    def get(self, key: str) -> Sequence[Embedding]:
        """The embeddings of a picture, which then counts as just used.

        Raises:
            KeyError: It is not kept.
        """
        self._entries.move_to_end(key)
        return self._entries[key]

    def put(self, key: str, parts: Sequence[Embedding]) -> None:
        """Keep a picture's embeddings.

        The newest stays even when it alone is over the limit: it is about to be used.
        """
        if key in self._entries:
            self.size_bytes -= _bytes(self._entries.pop(key))
        self._entries[key] = parts
        self.size_bytes += _bytes(parts)
        while self.size_bytes > self._limit and len(self._entries) > 1:
            _, oldest = self._entries.popitem(last=False)
            self.size_bytes -= _bytes(oldest)


def _bytes(parts: Sequence[Embedding]) -> int:
    return sum(ctypes.sizeof(part) for part in parts)
