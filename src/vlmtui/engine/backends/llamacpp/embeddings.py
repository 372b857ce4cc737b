"""Kept image embeddings: what the vision tower made of the pictures seen last.

Bounded in bytes, the longest unused leave first. Pure, without llama.cpp.
"""

from __future__ import annotations

import ctypes
from collections import OrderedDict
from collections.abc import Sequence

Embedding = ctypes.Array[ctypes.c_float]
"""Row-major float32 of shape [tokens, embedding size of the language model]."""


class EmbeddingCache:
    """By picture (digest), the embeddings of its parts in order."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._size = 0
        self._entries: OrderedDict[str, Sequence[Embedding]] = OrderedDict()

    def __contains__(self, sha256: str) -> bool:
        return sha256 in self._entries

    @property
    def size_bytes(self) -> int:
        """Bytes of the kept embeddings."""
        return self._size

    def get(self, sha256: str) -> Sequence[Embedding]:
        """The embeddings of a picture, which then counts as just used.

        Raises:
            KeyError: It is not kept.
        """
        self._entries.move_to_end(sha256)
        return self._entries[sha256]

    def put(self, sha256: str, parts: Sequence[Embedding]) -> None:
        """Keep a picture's embeddings.

        The newest stays even when it alone is over the limit: it is about to be used.
        """
        if sha256 in self._entries:
            self._size -= _bytes(self._entries.pop(sha256))
        self._entries[sha256] = parts
        self._size += _bytes(parts)
        while self._size > self._limit and len(self._entries) > 1:
            _, oldest = self._entries.popitem(last=False)
            self._size -= _bytes(oldest)


def _bytes(parts: Sequence[Embedding]) -> int:
    return sum(ctypes.sizeof(part) for part in parts)
