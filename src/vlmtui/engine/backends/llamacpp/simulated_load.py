"""A load that is only simulated: llama.cpp says what it would allocate, and reads no weights.

The numbers come from two functions that llama.cpp's own `--fit` uses. They return a C++
`std::map`; `_rows` reads it as libstdc++ lays it out: a red-black tree whose nodes hold colour,
parent, left and right, then key and value. Where that can't be right, a `LoadFailed` says so, and
callers fall back to what the file's header tells.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from typing import Any

from vlmtui.engine.backends.llamacpp import checkpoints, llama_logs, parameters
from vlmtui.engine.backends.llamacpp.bindings import cpp, library, mtmd
from vlmtui.engine.backends.llamacpp.memory_use import resident_bytes
from vlmtui.engine.engine_events import DeviceMemory, Planned
from vlmtui.engine.engine_requests import Load
from vlmtui.errors import LoadFailed

_MEMORY = "_Z26llama_get_memory_breakdownPK13llama_context"
_MODEL_MEMORY = "_ZNK11llama_model16memory_breakdownEv"
_VISION_MEMORY = "_Z21mtmd_get_memory_usagePKc19mtmd_context_params"

LOAD_MODE_NONE = 0
"""With mmap a simulated load fails an assertion."""

_REPACKED = "CPU_REPACK"
_MOST_ROWS = 64

_LATER_BYTES = 14_000_000
"""What the process takes on top when it works: Pillow, the template engine, libmtmd's slices;
measured with models from 0.1 to 1 GB."""


class _Map(ctypes.Structure):
    """A `std::map`: what compares (nothing), the end's node, the count."""

    _fields_ = (
        ("compare", ctypes.c_uint64),
        ("colour", ctypes.c_uint64),
        ("root", ctypes.c_void_p),
        ("first", ctypes.c_void_p),
        ("last", ctypes.c_void_p),
        ("count", ctypes.c_uint64),
    )


def simulate(request: Load) -> Planned:
    """What a load would take.

    Raises:
        LoadFailed: llama.cpp refuses the model, or can't tell.
    """
    llama_logs.clear()
    path = request.files.model
    threads = parameters.threads(request)
    model = _without_weights(request)
    if model is None:
        raise _refused(path)
    context: Any = None
    try:
        context = cpp.llama_init_from_model(model, parameters.for_context(request, model, threads))
        if context is None:
            raise _refused(path)
        process = resident_bytes() + _LATER_BYTES  # before the tower's buffers come and go
        devices = _devices(context)
        state = _state_bytes(request, model, threads, devices)
        process += checkpoints.most_bytes(state, request.checkpoint_bytes)
        weights, compute = _vision(request, threads)
        return Planned(
            context_size=cpp.llama_n_ctx(context),
            context_trained=cpp.llama_model_n_ctx_train(model),
            devices=devices,
            mmproj=weights,
            mmproj_compute=compute,
            mmproj_gpu=bool(parameters.for_vision(request, threads).use_gpu),
            process=process,
        )
    finally:
        if context is not None:
            cpp.llama_free(context)
        cpp.llama_model_free(model)


def is_repacked(request: Load) -> bool:
    """Whether the CPU's kernels will have a rearranged copy of the weights.

    Then mapping the file is no use: each weight would be in memory twice, 1.07 GB for 0.47 GB of
    Q4_0.
    """
    model = _without_weights(request)
    if model is None:
        return False  # the load itself will say why
    try:
        sizes = {_name(kind): size for kind, size in _rows(_ask(cpp._lib, _MODEL_MEMORY, model), 2)}
    except LoadFailed:
        return False
    finally:
        cpp.llama_model_free(model)
    return sizes.get(_REPACKED, 0) > sum(sizes.values()) // 4


def _without_weights(request: Load) -> Any:
    """A `llama_model` that holds no weights; None where llama.cpp refuses it."""
    given = parameters.for_weights(request)
    given.no_alloc, given.load_mode = True, LOAD_MODE_NONE
    return cpp.llama_model_load_from_file(os.fsencode(request.files.model), given)


def _devices(context: Any) -> tuple[DeviceMemory, ...]:
    ggml = library("ggml-base")
    ggml.ggml_backend_buft_is_host.restype = ctypes.c_bool
    ggml.ggml_backend_buft_is_host.argtypes = [ctypes.c_void_p]
    devices = []
    for kind, weights, kv, compute in _rows(_ask(cpp._lib, _MEMORY, context), 4):
        # buffers that only the CPU may read (CPU_REPACK) are no host buffers to ggml, and yet lie
        # in main memory
        name = _name(kind)
        gpu = not (ggml.ggml_backend_buft_is_host(kind) or name.startswith("CPU"))
        devices.append(DeviceMemory(name, gpu, weights, kv, compute))
    return tuple(devices)


def _state_bytes(request: Load, model: Any, threads: int, devices: tuple[DeviceMemory, ...]) -> int:
    """Bytes of a recurrent memory's state: what of the cache doesn't grow with the context."""
    if checkpoints.goes_back(model):
        return 0
    given = parameters.for_context(request, model, threads)
    size = given.n_ctx
    given.n_ctx = 2 * size
    double = cpp.llama_init_from_model(model, given)
    if double is None:
        raise _refused(request.files.model)
    try:
        grown = sum(device.kv for device in _devices(double))
    finally:
        cpp.llama_free(double)
    return 2 * sum(device.kv for device in devices) - grown


def _vision(request: Load, threads: int) -> tuple[int, int]:
    """Bytes of the tower's weights, and of its buffers for a picture.

    Reckoned for the CPU, also where the tower will be on the GPU: libmtmd reserves what it reckons,
    and main memory that nobody writes to costs nothing.
    """
    mmproj = request.files.mmproj
    if mmproj is None:
        return 0, 0
    given = parameters.for_vision(request, threads)
    given.use_gpu = False
    sizes = []
    for warmup in (False, True):
        given.warmup = warmup
        found = _rows(_ask(mtmd._libmtmd, _VISION_MEMORY, os.fsencode(mmproj), given), 2)
        sizes.append(sum(size for _, size in found))
    if not sizes[0]:
        raise _refused(mmproj)
    return sizes[0], sizes[1] - sizes[0]


def _ask(library: Any, symbol: str, *arguments: Any) -> _Map:
    try:
        function = library[symbol]
    except AttributeError:
        raise LoadFailed(
            "This build of llama.cpp can't simulate a load",
            "What the files' headers say is used instead.",
        ) from None
    function.restype = _Map
    kinds: list[Any] = [
        type(each) if isinstance(each, ctypes.Structure) else None for each in arguments
    ]
    function.argtypes = [
        kind or (ctypes.c_char_p if isinstance(each, bytes) else ctypes.c_void_p)
        for kind, each in zip(kinds, arguments, strict=True)
    ]
    result: _Map = function(*arguments)
    return result


def _rows(found: _Map, width: int) -> list[list[int]]:
    """Key and values of each entry, all of them 64 bits wide; `width` of them."""

    def below(node: int | None) -> Iterator[list[int]]:
        if node:
            fields = (ctypes.c_uint64 * (4 + width)).from_address(node)
            yield from below(fields[2])
            yield list(fields[4:])
            yield from below(fields[3])

    if found.count > _MOST_ROWS:
        raise LoadFailed(
            "This build of llama.cpp answers in another form than expected",
            "What the files' headers say is used instead.",
        )
    return list(below(found.root))


def _name(kind: int) -> str:
    ggml = library("ggml-base")
    ggml.ggml_backend_buft_name.restype = ctypes.c_char_p
    ggml.ggml_backend_buft_name.argtypes = [ctypes.c_void_p]
    name: bytes = ggml.ggml_backend_buft_name(kind)
    return name.decode()


def _refused(path: str) -> LoadFailed:
    reason = llama_logs.last_complaint() or "llama.cpp gave no reason"
    return LoadFailed(f"llama.cpp can't load {path}: {reason}", "The file may be damaged.")
