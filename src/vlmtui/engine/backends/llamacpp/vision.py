"""Pictures on their way into the model: how many tokens each takes, and its embeddings.

libmtmd cuts a picture into parts as its model wants it (LLaVA-1.6 and MiniCPM-V make slices), with
text tokens between them. The layout is known from width and height alone, so a picture that is in
the KV cache or among the kept embeddings is not even decoded.
"""

from __future__ import annotations

import ctypes
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from vlmtui.engine import images
from vlmtui.engine.backends.llamacpp.bindings import mtmd
from vlmtui.engine.backends.llamacpp.embeddings import Embedding, EmbeddingCache
from vlmtui.engine.backends.llamacpp.model import LoadedModel
from vlmtui.engine.backends.llamacpp.units import ImageUnit, Unit
from vlmtui.errors import GenerateFailed
from vlmtui.messages import ImagePart

_KEPT_LAYOUTS = 256


class Vision:
    """The vision tower of a loaded model; close it before the model."""

    def __init__(self, model: LoadedModel, cache_bytes: int) -> None:
        self._model = model
        self._cache = EmbeddingCache(cache_bytes)
        self._layouts: OrderedDict[ImagePart, _Layout] = OrderedDict()

    def layout(self, image: ImagePart) -> list[Unit]:
        """What a picture takes in a prompt: its parts, and the text tokens around and between them.

        Raises:
            GenerateFailed: The model sees no pictures, or libmtmd can't cut this one.
        """
        return self._layout(image).units

    def is_kept(self, sha256: str) -> bool:
        """Whether the picture's embeddings are kept."""
        return sha256 in self._cache

    def encode(self, image: ImagePart) -> float:
        """Run the vision tower over a picture and keep its embeddings.

        Returns:
            Seconds in the tower, decoding the file and libmtmd's resizing included.

        Raises:
            ImageError: The picture can't be decoded, or has changed.
            GenerateFailed: The tower failed.
        """
        started = time.monotonic()
        pixels = images.decode(image.path, image.sha256)
        size, data = pixels.size, pixels.tobytes()
        del pixels
        with self._cut(image, size, data) as chunks:
            parts = [self._encode_chunk(image, chunk) for chunk in chunks if _is_image(chunk)]
        self._cache.put(image.sha256, parts)
        return time.monotonic() - started

    def decode(
        self, image: ImagePart, unit: ImageUnit, position: int, batch: int, after_batch: Any
    ) -> int:
        """Put a part of a picture, whose embedding is kept, into the KV cache.

        Args:
            image: The picture.
            unit: Its part.
            position: Where it stands in the sequence.
            batch: Tokens a step.
            after_batch: A `mtmd_helper_post_decode_callback`, called after each step.

        Returns:
            llama.cpp's status: 0 done, 2 aborted, anything else failed.
        """
        chunk = self._layout(image).chunks[unit.part]
        embedding = self._cache.get(image.sha256)[unit.part]
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
        """Free the layouts."""
        for layout in self._layouts.values():
            layout.close()
        self._layouts.clear()

    def _layout(self, image: ImagePart) -> _Layout:
        if image in self._layouts:
            self._layouts.move_to_end(image)
            return self._layouts[image]
        with self._cut(image, (image.width, image.height), None) as chunks:
            layout = self._layouts[image] = _Layout(image, chunks)
        while len(self._layouts) > _KEPT_LAYOUTS:
            self._layouts.popitem(last=False)[1].close()
        return layout

    @contextmanager
    def _cut(
        self, image: ImagePart, size: tuple[int, int], data: bytes | None
    ) -> Iterator[list[Any]]:
        """The chunks of a picture, valid inside the `with`; without data, only their layout."""
        if self._model.vision is None:
            raise GenerateFailed(
                "This model can't see pictures: it was loaded without an mmproj file",
                "Give the model's mmproj file with --mmproj, or remove the picture.",
            )
        bitmap = mtmd.mtmd_bitmap_init(*size, _as_bytes(data))
        chunks = mtmd.mtmd_input_chunks_init()
        try:
            part = mtmd.mtmd_input_part(None, bitmap)
            parts = (ctypes.POINTER(mtmd.mtmd_input_part) * 1)(ctypes.pointer(part))
            status = mtmd.mtmd_tokenize_from_parts(self._model.vision, chunks, parts, 1, False)
            if status != 0:
                raise GenerateFailed(
                    f"The model can't take {image.name} ({size[0]}x{size[1]} pixels)",
                    "Try it in another size.",
                )
            count = mtmd.mtmd_input_chunks_size(chunks)
            yield [mtmd.mtmd_input_chunks_get(chunks, index) for index in range(count)]
        finally:
            mtmd.mtmd_input_chunks_free(chunks)
            mtmd.mtmd_bitmap_free(bitmap)

    def _encode_chunk(self, image: ImagePart, chunk: Any) -> Embedding:
        if mtmd.mtmd_encode_chunk(self._model.vision, chunk) != 0:
            raise GenerateFailed(
                f"The vision tower failed on {image.name}",
                "Memory may be short: try a smaller model or context.",
            )
        count = self._model.embedding_size * mtmd.mtmd_input_chunk_get_n_tokens(chunk)
        embedding: Embedding = (ctypes.c_float * count)()
        ctypes.memmove(
            embedding, mtmd.mtmd_get_output_embd(self._model.vision), ctypes.sizeof(embedding)
        )
        return embedding


class _Layout:
    """The units of a picture.

    Holds for each of its parts a chunk without pixels, which libmtmd reads the positions from.
    """

    def __init__(self, image: ImagePart, chunks: list[Any]) -> None:
        self.units: list[Unit] = []
        self.chunks: list[Any] = []
        for chunk in chunks:
            if _is_image(chunk):
                self.units.append(
                    ImageUnit(
                        image.sha256,
                        len(self.chunks),
                        mtmd.mtmd_input_chunk_get_n_tokens(chunk),
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


def _is_image(chunk: Any) -> bool:
    return bool(mtmd.mtmd_input_chunk_get_type(chunk) == mtmd.MTMD_INPUT_CHUNK_TYPE_IMAGE)


def _as_bytes(data: bytes | None) -> Any:
    if data is None:
        return None
    return ctypes.cast(ctypes.c_char_p(data), ctypes.POINTER(ctypes.c_uint8))
