"""Pictures on their way into the model: how many tokens each takes, and its embeddings.

libmtmd cuts a picture into parts as its model wants it (LLaVA-1.6 and MiniCPM-V make slices), with
text tokens between them. The layout is known from width and height alone, so a picture that is in
the KV cache or among the kept embeddings is not even decoded. A picture that would fill the context
is made smaller: Qwen-VL takes a token for each 28x28 pixels, 4096 for a phone's photo.
"""

from __future__ import annotations

import ctypes
import math
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from vlmtui.engine import images
from vlmtui.engine.backends.llamacpp import chunks, forms, picture_sizes
from vlmtui.engine.backends.llamacpp.bindings import mtmd
from vlmtui.engine.backends.llamacpp.embeddings import Embedding
from vlmtui.engine.backends.llamacpp.embeddings_on_disk import EmbeddingsOnDisk
from vlmtui.engine.backends.llamacpp.model import LoadedModel
from vlmtui.engine.backends.llamacpp.picture_sizes import Sized
from vlmtui.engine.backends.llamacpp.prompt_units import ImageUnit, Unit
from vlmtui.engine.backends.llamacpp.vision_tower import VisionTower
from vlmtui.engine.cancellation import Aborted
from vlmtui.errors import GenerateFailed
from vlmtui.messages import Detail, ImagePart

_KEPT_LAYOUTS = 256

_LARGEST_SHARE = 0.75
"""Share of the context that one picture may take; LLaVA-1.6's 2,880 tokens still fit into 4096."""

_MAX_SHRINKS = 12
_SQUARE = (1024, 1024)
"""A picture to tell what a tower makes of pictures."""

_PIXELS_OF_TOKEN = 4096
"""The most that a token stands for: 64x64 pixels (SmolVLM, DeepSeek-OCR). `models.memory` counts
with the same."""


class Vision(VisionTower):
    """libmtmd's tower."""

    def __init__(
        self, model: LoadedModel, cache_bytes: int, disk: EmbeddingsOnDisk | None = None
    ) -> None:
        super().__init__(model, cache_bytes, disk)
        self._layouts: OrderedDict[ImagePart, _Layout] = OrderedDict()
        self._tried: OrderedDict[tuple[int, int], tuple[Sized, ...]] = OrderedDict()

    def layout(self, image: ImagePart) -> list[Unit]:
        return self._layout(image).units

    def settled(self, image: ImagePart, detail: Detail) -> ImagePart:
        plain = msgspec.structs.replace(image, detail=None)
        wanted = image.detail or detail
        if wanted == "normal" or self._model.vision is None or self._model.form is not None:
            return plain
        layout = self._layout(plain)
        normal = Sized(layout.tokens, layout.size)
        tokens = picture_sizes.choose(wanted, normal, self._sizes(image)).tokens
        return plain if tokens == normal.tokens else msgspec.structs.replace(image, detail=tokens)

    def choice(self) -> tuple[int, int]:
        form = self._model.form
        sizes = picture_sizes.tried(_SQUARE, self._with_room) if form is None else ()
        counts = [each.tokens for each in sizes]
        if not counts:
            counts = [self._count(_SQUARE if form is None else form.given)[0]]
        return min(counts), max(counts)

    def is_kept(self, image: ImagePart) -> bool:
        if image.key in self._cache:
            return True
        layout = self._layout(image)
        width = self._model.embedding_size
        lengths = [width * unit.tokens for unit in layout.units if isinstance(unit, ImageUnit)]
        return self._cache.find(image.key, layout.size, lengths)

    def scaled_to(self, image: ImagePart) -> tuple[int, int] | None:
        # a model that brings every picture to the same size would do so in any context
        size = self._layout(image).size
        return None if self._model.form or size == (image.width, image.height) else size

    def encode(self, image: ImagePart) -> float:
        started = time.monotonic()
        size, data = self._pixels(image)
        self._look_at_end(image)
        with self._cut(image, size, data) as cut:
            pictures = filter(chunks.is_image, cut)
            parts = [encoded(self._model, chunk, image.name) for chunk in pictures]
        return self._keep(image, self._layout(image).size, parts, started)

    def decode(
        self, image: ImagePart, unit: ImageUnit, position: int, batch: int, after_batch: Any
    ) -> int:
        chunk = self._layout(image).chunks[unit.part]
        embedding = self._cache.get(image.key)[unit.part]
        end = ctypes.c_int32(0)
        return int(
            mtmd.mtmd_helper_decode_image_chunk(
                self._model.vision,
                self._model.context,
                chunk,
                embedding,
                position,
                0,
                batch,
                ctypes.byref(end),
                after_batch,
                None,
            )
        )

    def close(self) -> None:
        for layout in self._layouts.values():
            layout.close()
        self._layouts.clear()

    def _layout(self, image: ImagePart) -> _Layout:
        if image in self._layouts:
            self._layouts.move_to_end(image)
            return self._layouts[image]
        size = self._fitting_size(image)
        with self._cut(image, size) as cut:
            if self._model.form is not None:  # libmtmd's words are those of another model
                cut = list(filter(chunks.is_image, cut))
            layout = self._layouts[image] = _Layout(image, size, cut)
        while len(self._layouts) > _KEPT_LAYOUTS:
            self._layouts.popitem(last=False)[1].close()
        return layout

    def _fitting_size(self, image: ImagePart) -> tuple[int, int]:
        """Width and height in which a picture leaves room in the context; its own if none does."""
        if self._model.form is not None:
            return self._model.form.given
        if isinstance(image.detail, int):
            own = Sized(0, (image.width, image.height))
            return picture_sizes.choose(image.detail, own, self._sizes(image)).size
        room = self._room
        width, height = image.width, image.height
        for _ in range(_MAX_SHRINKS):
            with self._cut(image, (width, height)) as cut:
                total = sum(map(chunks.count_tokens, cut))
                largest = max(map(chunks.count_tokens, cut))
            if total <= room and largest <= self._model.part_limit:
                return width, height
            # a model that cuts slices goes in steps, so not too far at once
            scale = min(0.9, max(0.5, math.sqrt(room / total)))
            width, height = max(1, int(width * scale)), max(1, int(height * scale))
        return image.width, image.height

    def _sizes(self, image: ImagePart) -> tuple[Sized, ...]:
        own = (image.width, image.height)
        if own not in self._tried:
            self._tried[own] = picture_sizes.tried(own, self._with_room)
            if len(self._tried) > _KEPT_LAYOUTS:
                self._tried.popitem(last=False)
        return self._tried[own]

    def _with_room(self, size: tuple[int, int]) -> int | None:
        """Tokens of a picture of this size; None where it would fill the context."""
        try:
            tokens, total, largest = self._count(size)
        except chunks.Refused:
            return None
        return tokens if total <= self._room and largest <= self._model.part_limit else None

    def _count(self, size: tuple[int, int]) -> tuple[int, int, int]:
        """Tokens of a picture's parts, of these and the text between them, and of the largest."""
        with chunks.cut(self._model.vision, size, None) as cut:
            counts = [(chunks.count_tokens(chunk), chunks.is_image(chunk)) for chunk in cut]
        parts = [count for count, is_part in counts if is_part]
        return sum(parts), sum(count for count, _ in counts), max(parts)

    @property
    def _room(self) -> int:
        """Tokens of the context that one picture may take."""
        return int(self._model.context_size * _LARGEST_SHARE)

    def _pixels(self, image: ImagePart) -> tuple[tuple[int, int], bytes]:
        """What libmtmd is given: width and height, and RGB."""
        form = self._model.form
        if form is None:
            size = self._decoded_size(image)
            return size, images.decode(image.path, image.sha256, size, image.name).tobytes()
        whole = forms.decoded_size(image.width, image.height)
        return form.given, form.prepare(
            images.decode(image.path, image.sha256, whole, image.name)
        ).tobytes()

    def _decoded_size(self, image: ImagePart) -> tuple[int, int]:
        """Width and height in which a picture is decoded, if it has more pixels than are looked at.

        libmtmd would scale it down to the same parts, but with three copies of it in memory.
        """
        layout = self._layout(image)
        width, height = layout.size
        scale = math.sqrt(_PIXELS_OF_TOKEN * layout.tokens / (width * height))
        while scale < 0.9:
            size = (max(1, round(width * scale)), max(1, round(height * scale)))
            with self._cut(image, size) as cut:
                same = [chunks.count_tokens(chunk) for chunk in cut] == layout.counts
            if same:
                return size
            scale *= 1.5
        return layout.size

    @contextmanager
    def _cut(
        self, image: ImagePart, size: tuple[int, int], data: bytes | None = None
    ) -> Iterator[list[Any]]:
        """See `chunks.cut`; the errors are told to the user."""
        if self._model.vision is None:
            raise GenerateFailed(
                "This model can't see pictures: it was loaded without an mmproj file",
                "Give the model's mmproj file with --mmproj, or remove the picture.",
            )
        try:
            with chunks.cut(self._model.vision, size, data) as cut:
                yield cut
        except chunks.Refused:
            raise GenerateFailed(
                f"The model can't take the picture {image.name} "
                f"({image.width}x{image.height} pixels)",
                "Try it in another size.",
            ) from None


def encoded(model: LoadedModel, chunk: Any, name: str) -> Embedding:
    """What libmtmd's tower makes of a part of a picture.

    Raises:
        Aborted: The flag was set before.
        GenerateFailed: The tower failed.
    """
    if model.cancel.is_set:
        raise Aborted
    if mtmd.mtmd_encode_chunk(model.vision, chunk) != 0:
        raise GenerateFailed(
            f"The vision tower failed on {name}",
            "Memory may be low: try a smaller model or context.",
        )
    count = model.embedding_size * chunks.count_tokens(chunk)
    embedding: Embedding = (ctypes.c_float * count)()
    ctypes.memmove(embedding, mtmd.mtmd_get_output_embd(model.vision), ctypes.sizeof(embedding))
    return embedding


class _Layout:
    """The units of a picture.

    Holds for each of its parts a chunk without pixels, which libmtmd reads the positions from.
    """

    def __init__(self, image: ImagePart, size: tuple[int, int], cut: list[Any]) -> None:
        self.size = size
        """Width and height that the picture is brought to before libmtmd cuts it, in pixels."""

        self.counts = [chunks.count_tokens(chunk) for chunk in cut]
        """Tokens of its parts, and of the text between them."""

        self.tokens = sum(
            n for n, chunk in zip(self.counts, cut, strict=True) if chunks.is_image(chunk)
        )
        """Tokens of its parts alone."""

        self.units: list[Unit] = []
        self.chunks: list[Any] = []
        for chunk in cut:
            if chunks.is_image(chunk):
                self.units.append(
                    ImageUnit(
                        image.key,
                        len(self.chunks),
                        chunks.count_tokens(chunk),
                        mtmd.mtmd_input_chunk_get_n_pos(chunk),
                    )
                )
                self.chunks.append(mtmd.mtmd_input_chunk_get_placeholder(chunk))
            else:
                count = ctypes.c_size_t(0)
                tokens = mtmd.mtmd_input_chunk_get_tokens_text(chunk, ctypes.byref(count))
                self.units.extend(tokens[: count.value])

    def close(self) -> None:
        for chunk in self.chunks:
            mtmd.mtmd_input_chunk_free(chunk)
        self.chunks.clear()
