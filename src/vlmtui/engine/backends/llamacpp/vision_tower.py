"""What turns pictures into embeddings, and puts these into the KV cache: libmtmd, or a graph."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from vlmtui.engine import images
from vlmtui.engine.backends.llamacpp.embeddings import Embedding, EmbeddingCache
from vlmtui.engine.backends.llamacpp.embeddings_on_disk import EmbeddingsOnDisk
from vlmtui.engine.backends.llamacpp.model import LoadedModel
from vlmtui.engine.backends.llamacpp.prompt_units import ImageUnit, Unit
from vlmtui.messages import Detail, ImagePart


class VisionTower(ABC):
    """A vision tower with its kept embeddings; close it before the model."""

    def __init__(self, model: LoadedModel, cache_bytes: int, disk: EmbeddingsOnDisk | None) -> None:
        self._model = model
        self._cache = EmbeddingCache(cache_bytes, disk)
        self._incomplete: set[str] = set()

    @abstractmethod
    def layout(self, image: ImagePart) -> list[Unit]:
        """What a picture takes in a prompt: its parts, and the text tokens around and between them.

        Raises:
            GenerateFailed: The model sees no pictures, or can't take this one.
        """

    @abstractmethod
    def settled(self, image: ImagePart, detail: Detail) -> ImagePart:
        """The picture with the tokens that it is going to take as its `detail`.

        None where it takes as many as the tower makes of it anyway, or the tower has no choice.
        `detail` is for a picture that has none of its own.
        """

    @abstractmethod
    def choice(self) -> tuple[int, int]:
        """Least and most tokens that a square picture can take; equal where there is no choice."""

    @abstractmethod
    def is_kept(self, image: ImagePart) -> bool:
        """Whether the picture's embeddings are kept; those on the disk are in memory then."""

    @abstractmethod
    def scaled_to(self, image: ImagePart) -> tuple[int, int] | None:
        """Width and height that it is brought to for its detail or the context's sake, or None."""

    @abstractmethod
    def encode(self, image: ImagePart) -> float:
        """Run the tower over a picture and keep its embeddings.

        Returns:
            Seconds in the tower, decoding the file and resizing included.

        Raises:
            Aborted: The flag was set between two parts.
            ImageError: The picture can't be decoded, or has changed.
            GenerateFailed: The tower failed.
        """

    @abstractmethod
    def decode(
        self, image: ImagePart, unit: ImageUnit, position: int, batch: int, after_batch: Any
    ) -> int:
        """Put a part of a picture, whose embedding is kept, into the KV cache, a batch a step.

        `after_batch` is a `mtmd_helper_post_decode_callback`, called after each.

        Returns:
            llama.cpp's status: 0 done, 2 aborted, anything else failed.
        """

    @abstractmethod
    def close(self) -> None:
        """Free what it holds."""

    def is_incomplete(self, key: str) -> bool:
        """Whether the picture was encoded without the end of its file."""
        return key in self._incomplete

    def _look_at_end(self, image: ImagePart) -> None:
        """Note whether a picture that was just decoded lacks the end of its file."""
        if images.is_incomplete(image.path):
            self._incomplete.add(image.key)

    def _keep(
        self, image: ImagePart, size: tuple[int, int], parts: Sequence[Embedding], started: float
    ) -> float:
        """Keep what the tower made of a picture in a size; returns the seconds since it started."""
        seconds = time.monotonic() - started
        if self.is_incomplete(image.key):  # it may be whole when it is attached again
            self._cache.put(image.key, parts)
        else:
            self._cache.keep(image.key, size, parts, seconds)
        return seconds
