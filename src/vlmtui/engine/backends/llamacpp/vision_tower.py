"""What turns pictures into embeddings, and puts these into the KV cache: libmtmd, or a graph."""

from __future__ import annotations

from typing import Any, Protocol

from vlmtui.engine.backends.llamacpp.prompt_units import ImageUnit, Unit
from vlmtui.messages import ImagePart


class VisionTower(Protocol):
    """A vision tower with its kept embeddings. See `vision.Vision` for what each method does."""

    def layout(self, image: ImagePart) -> list[Unit]:
        """What a picture takes in a prompt."""

    def is_kept(self, sha256: str) -> bool:
        """Whether the picture's embeddings are kept."""

    def scaled_to(self, image: ImagePart) -> tuple[int, int] | None:
        """Width and height that it is scaled down to so as not to fill the context, or None."""

    def is_incomplete(self, sha256: str) -> bool:
        """Whether the picture was encoded without the end of its file."""

    def encode(self, image: ImagePart) -> float:
        """Run the tower and keep the embeddings; returns seconds."""

    def decode(
        self, image: ImagePart, unit: ImageUnit, position: int, batch: int, after_batch: Any
    ) -> int:
        """Put a part of a picture into the KV cache; returns llama.cpp's status."""

    def close(self) -> None:
        """Free what it holds."""
