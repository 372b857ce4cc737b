"""What turns pictures into embeddings, and puts these into the KV cache: libmtmd, or a graph."""

from __future__ import annotations

from typing import Any, Protocol

from vlmtui.engine.backends.llamacpp.prompt_units import ImageUnit, Unit
from vlmtui.messages import Detail, ImagePart


class VisionTower(Protocol):
    """A vision tower with its kept embeddings. See `vision.Vision` for what each method does."""

    def layout(self, image: ImagePart) -> list[Unit]:
        """What a picture takes in a prompt."""

    def settled(self, image: ImagePart, detail: Detail) -> ImagePart:
        """The picture with the tokens that it is going to take as its `detail`.

        None where it takes as many as the tower makes of it anyway, or the tower has no choice.

        Args:
            image: The picture.
            detail: How finely it is looked at where it doesn't say so itself.
        """

    def choice(self) -> tuple[int, int]:
        """Least and most tokens that a square picture can take; equal where there is no choice."""

    def is_kept(self, image: ImagePart) -> bool:
        """Whether the picture's embeddings are kept; those on the disk are in memory then."""

    def scaled_to(self, image: ImagePart) -> tuple[int, int] | None:
        """Width and height that it is brought to for its detail or the context's sake, or None."""

    def is_incomplete(self, key: str) -> bool:
        """Whether the picture was encoded without the end of its file."""

    def encode(self, image: ImagePart) -> float:
        """Run the tower and keep the embeddings; returns seconds."""

    def decode(
        self, image: ImagePart, unit: ImageUnit, position: int, batch: int, after_batch: Any
    ) -> int:
        """Put a part of a picture into the KV cache; returns llama.cpp's status."""

    def close(self) -> None:
        """Free what it holds."""
