"""A vision tower that runs as a graph, in TensorRT or onnxruntime, in the place of libmtmd's.

What it makes goes into llama.cpp as libmtmd's embeddings do, so caches and events don't know which
it was. It is used where it agrees with libmtmd's on a sample, else not at all.
"""

from __future__ import annotations

import ctypes
import math
from pathlib import Path
from typing import Any, Protocol

from vlmtui.engine.backends.llamacpp.embeddings import Embedding
from vlmtui.engine.engine_events import Notice
from vlmtui.engine.engine_requests import Load
from vlmtui.errors import LoadFailed

INPUT, OUTPUT = "picture", "embeddings"
"""Names in the graph: uint8 [1, side, side, 3], and float32 [1, tokens, width]."""


class Unusable(Exception):
    """A graph can't be used; says why, as the end of a sentence."""


class GraphTower(Protocol):
    """Something that runs a tower's graph."""

    @property
    def count(self) -> int:
        """Numbers that it makes of a picture: tokens times the language model's width."""

    def run(self, picture: bytes) -> Embedding:
        """What the tower makes of a picture: RGB, as many pixels as the graph wants.

        Raises:
            Unusable: It failed.
        """

    def close(self) -> None:
        """Free all memory."""


def choose(request: Load) -> tuple[GraphTower | None, Notice | None]:
    """The graph that a load asks for, or why libmtmd's tower is taken in its place."""
    if request.tower is None:
        return None, None
    try:
        return load(request.tower.path), None
    except Unusable as error:
        if request.tower.compare:
            raise LoadFailed(
                f"The graph of {request.title}'s tower can't be used: {error}"
            ) from error
        return None, Notice(
            "tower",
            f"The graph of {request.title}'s vision tower can't be used: {error}",
            "llama.cpp's own tower is used. `vlmtui models tensorrt NAME` makes a new graph.",
        )


def load(path: str) -> GraphTower:
    """Load a graph.

    Raises:
        Unusable: A library is missing, or it was built for another version or GPU.
    """
    if Path(path).suffix == ".engine":
        from vlmtui.engine.backends.llamacpp.tensorrt_tower import TensorRtTower

        return TensorRtTower(path)
    return OnnxTower(path)


def difference(found: Embedding, expected: Embedding) -> float:
    """Root mean square of the difference, over that of what was expected; 1 where sizes differ."""
    if len(found) != len(expected):
        return 1.0
    apart = sum((a - b) ** 2 for a, b in zip(found, expected, strict=True))
    whole = sum(b * b for b in expected)
    return math.sqrt(apart / whole) if whole > 0 and math.isfinite(apart) else 1.0


class OnnxTower:
    """A `GraphTower` in onnxruntime: on the GPU where it was built with CUDA, else on the CPU."""

    def __init__(self, path: str) -> None:
        """Load it.

        Raises:
            Unusable: onnxruntime isn't installed, or doesn't take it.
        """
        try:
            import numpy
            import onnxruntime
        except ImportError as error:
            raise Unusable(f"onnxruntime can't be used ({error})") from error
        self._numpy: Any = numpy
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        known = onnxruntime.get_available_providers()
        wanted = [name for name in ("CUDAExecutionProvider",) if name in known]
        try:
            self._session: Any = onnxruntime.InferenceSession(
                path, options, providers=[*wanted, "CPUExecutionProvider"]
            )
        except Exception as error:  # it raises its own of many kinds
            raise Unusable(f"onnxruntime doesn't take it ({str(error)[:200]})") from error
        self._shape = self._session.get_inputs()[0].shape
        self.count = math.prod(self._session.get_outputs()[0].shape)

    def run(self, picture: bytes) -> Embedding:
        pixels = self._numpy.frombuffer(picture, self._numpy.uint8)
        try:
            (made,) = self._session.run([OUTPUT], {INPUT: pixels.reshape(self._shape)})
        except Exception as error:
            raise Unusable(f"onnxruntime failed ({str(error)[:200]})") from error
        embedding: Embedding = (ctypes.c_float * made.size)()
        ctypes.memmove(embedding, made.ctypes.data, ctypes.sizeof(embedding))
        return embedding

    def close(self) -> None:
        self._session = None
