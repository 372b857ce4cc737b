"""Pictures on their way into the model through a graph, without libmtmd.

A picture is one part, whose tokens have one position each: so it is with the language models of
LLaVA and VILA, and with no other is a graph used.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Sequence
from typing import Any

import msgspec

from vlmtui.engine import images
from vlmtui.engine.backends.llamacpp import forms
from vlmtui.engine.backends.llamacpp.bindings import cpp, mtmd
from vlmtui.engine.backends.llamacpp.embeddings import Embedding
from vlmtui.engine.backends.llamacpp.embeddings_on_disk import EmbeddingsOnDisk
from vlmtui.engine.backends.llamacpp.graph_pictures import GraphPictures
from vlmtui.engine.backends.llamacpp.graph_tower import GraphTower, Unusable
from vlmtui.engine.backends.llamacpp.model import LoadedModel
from vlmtui.engine.backends.llamacpp.prompt_units import ImageUnit, Unit
from vlmtui.engine.backends.llamacpp.vision_tower import VisionTower
from vlmtui.engine.engine_requests import Load
from vlmtui.errors import GenerateFailed
from vlmtui.messages import Detail, ImagePart


class GraphVision(VisionTower):
    """A graph in the place of libmtmd's tower; closed with this."""

    def __init__(
        self,
        model: LoadedModel,
        graph: GraphTower,
        request: Load,
        disk: EmbeddingsOnDisk | None = None,
    ) -> None:
        super().__init__(model, request.image_cache_bytes, disk)
        self._graph = graph
        self._pictures = GraphPictures(request)
        self._tokens = graph.count // model.embedding_size

    def layout(self, image: ImagePart) -> list[Unit]:
        tokens = self._tokens * self._pictures.count(image.width, image.height)
        return [ImageUnit(image.key, 0, tokens, tokens)]

    def settled(self, image: ImagePart, detail: Detail) -> ImagePart:
        return msgspec.structs.replace(image, detail=None)

    def choice(self) -> tuple[int, int]:
        tokens = self._tokens * self._pictures.count(1024, 1024)
        return tokens, tokens

    def is_kept(self, image: ImagePart) -> bool:
        (unit,) = self.layout(image)
        assert isinstance(unit, ImageUnit)
        lengths = [self._model.embedding_size * unit.tokens]
        return self._cache.find(image.key, (image.width, image.height), lengths)

    def scaled_to(self, image: ImagePart) -> tuple[int, int] | None:
        return None  # each picture is brought to the size of the tower, whatever the context

    def encode(self, image: ImagePart) -> float:
        started = time.monotonic()
        whole = forms.decoded_size(image.width, image.height)
        picture = images.decode(image.path, image.sha256, whole, image.name)
        self._look_at_end(image)
        try:
            made = _joined([self._graph.run(each) for each in self._pictures.squares(picture)])
        except Unusable as error:
            raise GenerateFailed(
                f"The vision tower's graph failed on {image.name}: {error}",
                "`vlmtui models tensorrt NAME --remove` goes back to llama.cpp's own tower.",
            ) from error
        return self._keep(image, (image.width, image.height), [made], started)

    def decode(
        self, image: ImagePart, unit: ImageUnit, position: int, batch: int, after_batch: Any
    ) -> int:
        (embedding,) = self._cache.get(image.key)
        width = self._model.embedding_size
        for start in range(0, unit.tokens, batch):
            count = min(batch, unit.tokens - start)
            status = self._step(embedding, start * width, count, position + start)
            part = mtmd.mtmd_helper_embd_batch(n_tokens=count)
            if status == 0 and after_batch(ctypes.byref(part), None):
                status = 2  # aborted, as libmtmd has it
            if status != 0:
                return status
        return 0

    def _step(self, embedding: Any, offset: int, count: int, position: int) -> int:
        """Decode some rows of an embedding; returns llama.cpp's status."""
        width = self._model.embedding_size
        step = cpp.llama_batch_init(count, width, 1)
        try:
            source = ctypes.addressof(embedding) + 4 * offset
            ctypes.memmove(step.embd, source, 4 * count * width)
            for index in range(count):
                step.pos[index] = position + index
                step.n_seq_id[index] = 1
                step.seq_id[index][0] = 0
                step.logits[index] = 0
            step.n_tokens = count
            return int(cpp.llama_decode(self._model.context, step))
        finally:
            cpp.llama_batch_free(step)

    def close(self) -> None:
        self._graph.close()


def _joined(parts: Sequence[Embedding]) -> Embedding:
    if len(parts) == 1:
        return parts[0]
    whole: Embedding = (ctypes.c_float * sum(len(part) for part in parts))()
    place = ctypes.addressof(whole)
    for part in parts:
        ctypes.memmove(place, part, ctypes.sizeof(part))
        place += ctypes.sizeof(part)
    return whole
