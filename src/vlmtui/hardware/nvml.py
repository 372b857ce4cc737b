"""GPU memory and load from NVML, the driver's own library, on machines that have it.

On Jetson boards before Thor the library is missing, or a stub that names its GPU "(nvgpu)" and has
neither memory nor load: there these readings are absent, and GPU memory is main memory anyway. On
Thor only the memory in use is missing. This module knows neither sysfs nor llama.cpp.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from vlmtui.hardware.base import GpuUser, Readings, measured
from vlmtui.hardware.sysroot import Sysroot

_LIBRARY = "libnvidia-ml.so.1"
_STUB = "(nvgpu)"

_SLOWED_BY = (
    (0x20 | 0x40, "heat"),
    (0x04, "power limit"),
    (0x80, "power brake"),
    (0x08, "hardware slowdown"),
)
"""Bits of NVML's clock event reasons that mean that the GPU is held back; being idle isn't one."""

_OTHERS = 5
"""Other programs on the GPU that are named."""

T = TypeVar("T")


def load_nvml() -> Any | None:
    """The NVML bindings, or None without the driver's library."""
    try:
        ctypes.CDLL(_LIBRARY)
    except OSError:
        return None
    import pynvml  # 5,000 lines of constants, not worth reading without a driver

    return pynvml


def find() -> NvmlProbe | None:
    """The probe, where the driver's library is and has a GPU that it can tell of."""
    nvml = load_nvml() if Sysroot().real else None  # a copy of another machine's files has no GPU
    if nvml is None:
        return None
    probe = NvmlProbe(nvml)
    if probe.gpus:
        return probe
    probe.close()
    return None


class NvmlProbe:
    """Reads the GPUs that the engine is on, or all of them while it is on none."""

    def __init__(self, nvml: Any) -> None:
        """Open NVML by its bindings; where that fails the probe has no GPUs and no readings."""
        self._nvml: Any | None = nvml
        self._answered = False
        self._error: Exception | None = None
        self.gpus: list[Any] = []
        self._names: list[str] = []
        try:
            nvml.nvmlInit()
        except nvml.NVMLError:
            self._nvml = None
            return
        with suppress(nvml.NVMLError):
            for index in range(nvml.nvmlDeviceGetCount()):
                gpu = nvml.nvmlDeviceGetHandleByIndex(index)
                name = self._name(gpu)
                if name is not None and _STUB not in name:
                    self.gpus.append(gpu)
                    self._names.append(name)

    def read(self, engine_pid: int | None, known: Readings) -> Readings:
        """Measure now.

        Raises:
            NVMLError: No question is answered any more, as when the driver was exchanged.
        """
        if self._nvml is None:
            return Readings()
        held = [self._held_by(gpu, engine_pid) for gpu in self.gpus]
        gpus = [gpu for gpu, used in zip(self.gpus, held, strict=True) if used] or self.gpus
        memory = [self._ask(self._nvml.nvmlDeviceGetMemoryInfo, gpu) for gpu in gpus]
        whole = [info for info in memory if info is not None and info.total]
        loads = [self._ask(self._nvml.nvmlDeviceGetUtilizationRates, gpu) for gpu in gpus]
        ask_reasons = self._nvml.nvmlDeviceGetCurrentClocksThrottleReasons
        reasons = [bits for gpu in gpus if (bits := self._ask(ask_reasons, gpu)) is not None]
        slowed = tuple(name for bit, name in _SLOWED_BY if any(bits & bit for bits in reasons))
        readings = measured(
            engine_gpu_bytes=sum(used or 0 for used in held) or None,
            gpu_others=self._others(gpus, engine_pid) or None,
            gpu_used_bytes=sum(info.used for info in whole) if whole else None,
            gpu_total_bytes=sum(info.total for info in whole) if whole else None,
            gpu_load=max((rates.gpu / 100 for rates in loads if rates is not None), default=None),
            throttled_by=slowed if reasons else None,
        )
        if self._answered and not readings and self._error is not None:
            raise self._error
        self._answered = self._answered or bool(readings)
        if readings:
            readings["gpu_name"] = ", ".join(dict.fromkeys(self._names))
        return readings

    def close(self) -> None:
        if self._nvml is not None:
            with suppress(self._nvml.NVMLError):
                self._nvml.nvmlShutdown()
            self._nvml = None

    def _name(self, gpu: Any) -> str | None:
        assert self._nvml is not None
        name = self._ask(self._nvml.nvmlDeviceGetName, gpu)
        if isinstance(name, bytes):  # older bindings
            return name.decode(errors="replace")
        return name

    def _held_by(self, gpu: Any, pid: int | None) -> int | None:
        """Bytes that a process holds; None when it holds none or the driver doesn't say."""
        assert self._nvml is not None
        if pid is None:
            return None
        processes = self._ask(self._nvml.nvmlDeviceGetComputeRunningProcesses, gpu) or []
        # `usedGpuMemory` is None where the driver may not tell.
        return sum(each.usedGpuMemory or 0 for each in processes if each.pid == pid) or None

    def _others(self, gpus: list[Any], pid: int | None) -> tuple[GpuUser, ...]:
        """Who holds memory beside the engine, the most first."""
        assert self._nvml is not None
        held: dict[int, int] = {}
        questions = (
            self._nvml.nvmlDeviceGetComputeRunningProcesses,
            self._nvml.nvmlDeviceGetGraphicsRunningProcesses,
        )
        for gpu in gpus:
            here: dict[int, int] = {}  # a program may do both on a GPU, in the same memory
            for question in questions:
                for each in self._ask(question, gpu) or []:
                    here[each.pid] = max(here.get(each.pid, 0), each.usedGpuMemory or 0)
            for number, used in here.items():
                held[number] = held.get(number, 0) + used
        held.pop(pid or 0, None)
        most = sorted(held, key=lambda number: held[number], reverse=True)[:_OTHERS]
        return tuple(GpuUser(_program(number), held[number]) for number in most if held[number])

    def _ask(self, question: Callable[[Any], T], gpu: Any) -> T | None:
        assert self._nvml is not None
        try:
            return question(gpu)
        except self._nvml.NVMLError as error:
            self._error = error
            return None


def _program(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text(errors="replace").strip()
    except OSError:  # it has gone, or lives in another container
        return f"process {pid}"
