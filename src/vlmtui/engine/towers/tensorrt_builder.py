"""An engine of TensorRT, built of an ONNX graph on the board that it will run on.

Versions 10.3 to 11 of TensorRT's Python interface. Types are those of the graph (`STRONGLY_TYPED`):
TensorRT 11 has no flag for float16 any more.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vlmtui.engine.towers import tensorrt_log
from vlmtui.errors import ConversionFailed

_WORKSPACE_BYTES = 1 << 30
_ADVICE = "docs/tensorrt.md says what it needs. The log has TensorRT's own words."

_MAJOR, _MINOR = 75, 76
"""CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR."""

Tell = Callable[[float, str], None]
"""How far it is, 0 to 1, and what is being done."""


def version() -> str:
    """Of TensorRT.

    Raises:
        ConversionFailed: It isn't installed.
    """
    return str(_tensorrt().__version__)


def cuda_device() -> str:
    """The GPU that CUDA takes first, as its driver says: "Orin, compute capability 8.7".

    Raises:
        ConversionFailed: There is none that CUDA can use.
    """
    try:
        cuda = ctypes.CDLL("libcuda.so.1")
    except OSError as error:
        raise ConversionFailed(
            "NVIDIA's driver isn't on this machine (libcuda.so.1 can't be loaded)",
            "TensorRT engines are built on the board that they run on.",
        ) from error
    device = ctypes.c_int()
    if cuda.cuInit(0) != 0 or cuda.cuDeviceGet(ctypes.byref(device), 0) != 0:
        raise ConversionFailed(
            "There is no GPU that CUDA can use", "In a container, start it with --runtime nvidia."
        )
    called = ctypes.create_string_buffer(256)
    cuda.cuDeviceGetName(called, len(called), device)
    version = []
    for attribute in (_MAJOR, _MINOR):
        value = ctypes.c_int()
        cuda.cuDeviceGetAttribute(ctypes.byref(value), attribute, device)
        version.append(str(value.value))
    return f"{called.value.decode(errors='replace')}, compute capability {'.'.join(version)}"


def build(graph: Path, tell: Tell) -> Any:
    """Build an engine; takes minutes, and most of a small board's memory.

    Returns:
        The engine's bytes, as an object with the buffer protocol.

    Raises:
        ConversionFailed: TensorRT can't be used, doesn't take the graph, or gives up.
    """
    trt = _tensorrt()
    logger = tensorrt_log.logger(trt)
    builder = trt.Builder(logger)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, logger)
    if not parser.parse_from_file(str(graph)):
        errors = [parser.get_error(index).desc() for index in range(parser.num_errors)]
        raise ConversionFailed(
            f"TensorRT {trt.__version__} doesn't take the tower's graph: {'; '.join(errors)[:300]}",
            _ADVICE,
        )
    config = builder.create_builder_config()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, _WORKSPACE_BYTES)
    config.progress_monitor = _monitor(trt, tell)
    engine = builder.build_serialized_network(network, config)
    if engine is None:
        raise ConversionFailed(
            f"TensorRT {trt.__version__} could not build the tower's engine",
            f"Memory may be low: close other programs, the desktop too. {_ADVICE}",
        )
    return engine


def _tensorrt() -> Any:
    try:
        import tensorrt
    except ImportError as error:
        raise ConversionFailed(
            f"TensorRT can't be used: {error}",
            "JetPack brings it for the system's Python: make the environment with "
            "--system-site-packages. `vlmtui models tensorrt --onnx NAME` needs none.",
        ) from error
    return tensorrt


def _monitor(trt: Any, tell: Tell) -> Any:
    class Monitor(trt.IProgressMonitor):  # type: ignore[misc]  # as in `tensorrt_log`
        """Tells of the outermost phases; those within are parts of a step."""

        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)
            self._steps: dict[str, int] = {}

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            if parent_phase is None:
                self._steps[phase_name] = max(1, num_steps)
                tell(0.0, phase_name)

        def step_complete(self, phase_name: str, step: int) -> bool:
            if (steps := self._steps.get(phase_name)) is not None:
                tell(min(1.0, (step + 1) / steps), phase_name)
            return True

        def phase_finish(self, phase_name: str) -> None:
            if self._steps.pop(phase_name, None) is not None:
                tell(1.0, phase_name)

    return Monitor()
