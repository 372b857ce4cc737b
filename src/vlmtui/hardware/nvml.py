"""GPU memory and load from NVML, the driver's own library, on machines that have it.

On Jetson boards before Thor the library is missing, or a stub that names its GPU "(nvgpu)" and has
neither memory nor load: there these figures are absent, and GPU memory is main memory anyway. On
Thor only the memory in use is missing. This module knows neither sysfs nor llama.cpp.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from vlmtui.hardware.base import Figures

_LIBRARY = "libnvidia-ml.so.1"
_STUB = "(nvgpu)"

T = TypeVar("T")


def load_nvml() -> Any | None:
    """The NVML bindings, or None without the driver's library."""
    try:
        ctypes.CDLL(_LIBRARY)
    except OSError:
        return None
    import pynvml  # 5,000 lines of constants, not worth reading without a driver

    return pynvml


class NvmlProbe:
    """Reads the GPUs that the engine is on, or all of them while it is on none."""

    def __init__(self, nvml: Any | None = None) -> None:
        """Open NVML; where that fails the probe has no figures.

        Args:
            nvml: The bindings, the module `pynvml`; None looks for them.
        """
        self._nvml = load_nvml() if nvml is None else nvml
        self._gpus: list[Any] = []
        if self._nvml is None:
            return
        try:
            self._nvml.nvmlInit()
        except self._nvml.NVMLError:
            self._nvml = None
            return
        with suppress(self._nvml.NVMLError):
            for index in range(self._nvml.nvmlDeviceGetCount()):
                gpu = self._nvml.nvmlDeviceGetHandleByIndex(index)
                if not self._is_stub(gpu):
                    self._gpus.append(gpu)

    def read(self, engine_pid: int | None) -> Figures:
        """Measure now."""
        figures = Figures()
        if self._nvml is None:
            return figures
        held = [self._held_by(gpu, engine_pid) for gpu in self._gpus]
        gpus = [gpu for gpu, used in zip(self._gpus, held, strict=True) if used] or self._gpus
        if any(held):
            figures["engine_gpu_bytes"] = sum(used or 0 for used in held)
        memory = [self._ask(self._nvml.nvmlDeviceGetMemoryInfo, gpu) for gpu in gpus]
        known = [info for info in memory if info is not None and info.total]
        if known:
            figures["gpu_used_bytes"] = sum(info.used for info in known)
            figures["gpu_total_bytes"] = sum(info.total for info in known)
        loads = [self._ask(self._nvml.nvmlDeviceGetUtilizationRates, gpu) for gpu in gpus]
        busy = [rates.gpu / 100 for rates in loads if rates is not None]
        if busy:
            figures["gpu_load"] = max(busy)
        return figures

    def close(self) -> None:
        """Close NVML."""
        if self._nvml is not None:
            with suppress(self._nvml.NVMLError):
                self._nvml.nvmlShutdown()
            self._nvml = None

    def _is_stub(self, gpu: Any) -> bool:
        assert self._nvml is not None
        name = self._ask(self._nvml.nvmlDeviceGetName, gpu)
        if isinstance(name, bytes):  # older bindings
            name = name.decode(errors="replace")
        return name is None or _STUB in name

    def _held_by(self, gpu: Any, pid: int | None) -> int | None:
        """Bytes that a process holds; None when it holds none or the driver doesn't say."""
        assert self._nvml is not None
        if pid is None:
            return None
        processes = self._ask(self._nvml.nvmlDeviceGetComputeRunningProcesses, gpu) or []
        # `usedGpuMemory` is None where the driver may not tell.
        return sum(each.usedGpuMemory or 0 for each in processes if each.pid == pid) or None

    def _ask(self, question: Callable[[Any], T], gpu: Any) -> T | None:
        """The answer, or None where the GPU has none."""
        assert self._nvml is not None
        try:
            return question(gpu)
        except self._nvml.NVMLError:
            return None
