"""A vision tower as an engine of TensorRT, 10.3 to 11.

Only TensorRT's Python package and CUDA's runtime are needed, no PyTorch and no PyCUDA.
"""

from __future__ import annotations

import ctypes
import math
from pathlib import Path
from typing import Any

from vlmtui.engine.backends.llamacpp.embeddings import Embedding
from vlmtui.engine.backends.llamacpp.graph_tower import INPUT, OUTPUT, Unusable
from vlmtui.engine.towers import tensorrt_log

_RUNTIMES = ("libcudart.so", "libcudart.so.12", "libcudart.so.13", "libcudart.so.11.0")
_TO_DEVICE, _TO_HOST = 1, 2
"""cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost."""


class TensorRtTower:
    """A `GraphTower`: an engine of TensorRT, with the memory that it reads and writes."""

    def __init__(self, path: str) -> None:
        """Load it onto the GPU.

        Raises:
            Unusable: TensorRT or CUDA is missing, or the engine is, or it is of another version or
                GPU.
        """
        try:
            content = Path(path).read_bytes()
        except OSError as error:
            raise Unusable(f"{path} can't be read ({error.strerror})") from error
        try:
            import tensorrt as trt
        except ImportError as error:
            raise Unusable(f"TensorRT can't be used ({error})") from error
        self._cuda = _cuda_runtime()
        self._buffers: dict[str, ctypes.c_void_p] = {}
        self._stream = ctypes.c_void_p()
        self._ask("cudaStreamCreate", ctypes.byref(self._stream))
        self._logger = tensorrt_log.logger(trt)
        self._runtime: Any = trt.Runtime(self._logger)
        self._engine: Any = self._runtime.deserialize_cuda_engine(content)
        if self._engine is None:
            raise Unusable("it was built with another TensorRT or on another GPU")
        self._context: Any = self._engine.create_execution_context()
        if self._context is None:
            raise Unusable("there is not enough GPU memory for it")
        self._input_bytes = math.prod(self._engine.get_tensor_shape(INPUT))
        self.count = math.prod(self._engine.get_tensor_shape(OUTPUT))
        for name, size in ((INPUT, self._input_bytes), (OUTPUT, self.count * 4)):
            address = ctypes.c_void_p()
            self._ask("cudaMalloc", ctypes.byref(address), ctypes.c_size_t(size))
            self._buffers[name] = address
            self._context.set_tensor_address(name, address.value)

    def run(self, picture: bytes) -> Embedding:
        if len(picture) != self._input_bytes:
            raise Unusable(f"a picture of {len(picture)} bytes is of the wrong size")
        size = ctypes.c_size_t(self._input_bytes)
        self._ask("cudaMemcpy", self._buffers[INPUT], picture, size, _TO_DEVICE)
        if not self._context.execute_async_v3(self._stream.value):
            raise Unusable("TensorRT failed")
        self._ask("cudaStreamSynchronize", self._stream)
        embedding: Embedding = (ctypes.c_float * self.count)()
        size = ctypes.c_size_t(ctypes.sizeof(embedding))
        self._ask("cudaMemcpy", embedding, self._buffers[OUTPUT], size, _TO_HOST)
        return embedding

    def close(self) -> None:
        for address in self._buffers.values():
            self._cuda.cudaFree(address)
        self._buffers.clear()
        self._context = self._engine = self._runtime = None
        self._cuda.cudaStreamDestroy(self._stream)

    def _ask(self, function: str, *arguments: Any) -> None:
        status = getattr(self._cuda, function)(*arguments)
        if status != 0:
            raise Unusable(f"{function} failed with CUDA's error {status}")


def _cuda_runtime() -> Any:
    for name in _RUNTIMES:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    raise Unusable("CUDA's runtime (libcudart) isn't here")
