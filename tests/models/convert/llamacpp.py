"""llama.cpp on a file, with everything in float32 that may be: what it computes, to be compared."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vlmtui.engine.backends.llamacpp import llama_logs
from vlmtui.engine.backends.llamacpp.bindings import cpp
from vlmtui.engine.backends.llamacpp.model import LoadedModel
from vlmtui.engine.backends.llamacpp.vision import Vision
from vlmtui.engine.cancellation import CancelFlag
from vlmtui.engine.engine_requests import Files, Load
from vlmtui.messages import ImagePart

Floats = NDArray[np.float32]


@contextmanager
def loaded(model: Path, mmproj: Path | None = None) -> Iterator[LoadedModel]:
    """A model as the engine loads it."""
    llama_logs.install()
    files = Files(str(model), str(mmproj) if mmproj is not None else None)
    made = LoadedModel(Load(files, ctx=1024), CancelFlag(), lambda _: None)
    try:
        yield made
    finally:
        made.close()


def embeddings(model: LoadedModel, image: ImagePart) -> Floats:
    """What the engine puts in place of a picture: [tokens, width]."""
    vision = Vision(model, 2**30)
    try:
        vision.encode(image)
        (part,) = vision._cache.get(image.sha256)
        return np.array(part, np.float32).reshape(-1, model.embedding_size)
    finally:
        vision.close()


def logits(
    path: Path, rows: Sequence[int | Floats], grids: Sequence[tuple[int, int]] = ()
) -> Floats:
    """Logits at each position, with keys and values in float32.

    Args:
        path: The model's file.
        rows: Tokens, and pictures as [count, width].
        grids: Rows and columns of the pictures' tokens, for a model with M-RoPE.
    """
    llama_logs.install()
    given = cpp.llama_model_default_params()
    given.n_gpu_layers = 0
    model = cpp.llama_model_load_from_file(os.fsencode(path), given)
    assert model
    options = cpp.llama_context_default_params()
    options.n_ctx = options.n_batch = options.n_ubatch = 1024
    options.type_k = options.type_v = 0  # GGML_TYPE_F32
    options.flash_attn_type = 0
    options.n_threads = options.n_threads_batch = 1
    context = cpp.llama_init_from_model(model, options)
    assert context
    try:
        return np.concatenate(list(_steps(model, context, rows, list(grids))))
    finally:
        cpp.llama_free(context)
        cpp.llama_model_free(model)


def _steps(
    model: Any, context: Any, rows: Sequence[int | Floats], grids: list[tuple[int, int]]
) -> Iterator[Floats]:
    vocabulary = cpp.llama_vocab_n_tokens(cpp.llama_model_get_vocab(model))
    position = 0
    for piece in _pieces(rows):
        count = spanned = len(piece)
        width = 0 if isinstance(piece, list) else piece.shape[1]
        batch = cpp.llama_batch_init(count, width, 1)
        batch.n_tokens = count
        for at in range(count):
            batch.pos[at] = position + at
            batch.n_seq_id[at] = 1
            batch.seq_id[at][0] = 0
            batch.logits[at] = 1
        # the address: what ctypes gives for a field goes along with what the field becomes
        own = ctypes.cast(batch.pos, ctypes.c_void_p).value
        if isinstance(piece, list):
            for at, token in enumerate(piece):
                batch.token[at] = token
        else:
            ctypes.memmove(batch.embd, piece.ctypes.data, piece.nbytes)
            if grids:
                places, spanned = _places(position, grids.pop(0))
                batch.pos = ctypes.cast(places.ctypes.data, type(batch.pos))
        assert cpp.llama_decode(context, batch) == 0
        batch.pos = ctypes.cast(own, type(batch.pos))
        for at in range(count):
            found = cpp.llama_get_logits_ith(context, at)
            yield np.ctypeslib.as_array(found, (vocabulary,)).copy()[None]
        cpp.llama_batch_free(batch)
        position += spanned


def _pieces(rows: Sequence[int | Floats]) -> Iterator[list[int] | Floats]:
    """Tokens that follow each other together, pictures alone."""
    for is_text, run in groupby(rows, lambda row: isinstance(row, int)):
        if is_text:
            yield [row for row in run if isinstance(row, int)]
        else:
            yield from (np.ascontiguousarray(row, np.float32) for row in run)


def _places(start: int, grid: tuple[int, int]) -> tuple[NDArray[np.int32], int]:
    """M-RoPE's four positions of a picture's tokens, and how many positions it spans."""
    places = np.zeros((4, grid[0] * grid[1]), np.int32)
    places[:3] = start + np.mgrid[:1, : grid[0], : grid[1]].reshape(3, -1)
    return places, max(grid)
