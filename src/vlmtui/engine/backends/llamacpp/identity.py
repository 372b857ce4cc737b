"""Whose work something is: what must be the same for it to be of use again.

Files are told apart by where they are, size, time of change and their first bytes: reading some
gigabytes to make sure would take longer than what is saved.
"""

from __future__ import annotations

import hashlib
import os

from vlmtui.engine.backends.llamacpp.bindings import cpp
from vlmtui.engine.backends.llamacpp.model import LoadedModel
from vlmtui.engine.engine_requests import Load

_HEAD_BYTES = 65_536


def of_embeddings(request: Load, model: LoadedModel) -> str:
    """Of what a vision tower makes of pictures.

    Raises:
        OSError: A file can't be read.
    """
    tower = request.tower.path if request.tower is not None else ""
    files = [path for path in (request.files.mmproj, tower) if path]
    given = (model.embedding_size, request.mmproj_gpu, request.tower)
    return _digest(*map(_of_file, files), *given, *_of_llama_cpp())


def of_states(request: Load, model: LoadedModel) -> str:
    """Of what stands in a model's KV cache.

    Raises:
        OSError: A file can't be read.
    """
    given = (model.context_size, request.kv, request.gpu_layers)
    vision = of_embeddings(request, model)
    return _digest(_of_file(request.files.model), vision, *given)


def _of_file(path: str) -> tuple[object, ...]:
    with open(path, "rb") as file:
        status = os.fstat(file.fileno())
        head = hashlib.sha256(file.read(_HEAD_BYTES)).hexdigest()
    return os.path.realpath(path), status.st_size, status.st_mtime_ns, status.st_ino, head


def _of_llama_cpp() -> tuple[object, ...]:
    """Its build, and the processor's abilities that it makes use of."""
    return *_of_file(cpp._lib._name), cpp.llama_print_system_info()


def _digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode(errors="surrogateescape")).hexdigest()
