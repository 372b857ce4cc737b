"""GPU figures, asked of an object that behaves as the module `pynvml` does on real machines."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from vlmtui.hardware import nvml as module
from vlmtui.hardware.base import GpuUser, Readings
from vlmtui.hardware.nvml import NvmlProbe
from vlmtui.hardware.sysroot import SYSROOT_VARIABLE

GIB = 1024**3
ENGINE = 4711


class NVMLError(Exception):
    """The base of everything that the bindings raise."""


@dataclass
class Memory:
    total: int
    used: int


@dataclass
class Utilization:
    gpu: int


@dataclass
class Process:
    pid: int
    usedGpuMemory: int | None  # noqa: N815 - NVML's name


@dataclass
class Gpu:
    """A GPU; what is None is refused with an error."""

    name: str | bytes | None = "NVIDIA H100 80GB HBM3"
    memory: Memory | None = field(default_factory=lambda: Memory(80 * GIB, 10 * GIB))
    utilization: Utilization | None = field(default_factory=lambda: Utilization(42))
    processes: list[Process] | None = field(default_factory=list)
    graphics: list[Process] | None = field(default_factory=list)
    reasons: int | None = None


class FakeNvml:
    """The functions of `pynvml` that are used; a handle is the GPU itself."""

    NVMLError = NVMLError

    def __init__(self, *gpus: Gpu, broken: bool = False) -> None:
        self.gpus = gpus
        self.broken = broken
        self.opened = 0

    def nvmlInit(self) -> None:  # noqa: N802
        if self.broken:
            raise NVMLError("Driver Not Loaded")
        self.opened += 1

    def nvmlShutdown(self) -> None:  # noqa: N802
        self.opened -= 1

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return len(self.gpus)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> Gpu:  # noqa: N802
        return self.gpus[index]

    def nvmlDeviceGetName(self, gpu: Gpu) -> Any:  # noqa: N802
        return told(gpu.name)

    def nvmlDeviceGetCurrentClocksThrottleReasons(self, gpu: Gpu) -> Any:  # noqa: N802
        return told(gpu.reasons)

    def nvmlDeviceGetMemoryInfo(self, gpu: Gpu) -> Any:  # noqa: N802
        return told(gpu.memory)

    def nvmlDeviceGetUtilizationRates(self, gpu: Gpu) -> Any:  # noqa: N802
        return told(gpu.utilization)

    def nvmlDeviceGetComputeRunningProcesses(self, gpu: Gpu) -> Any:  # noqa: N802
        return told(gpu.processes)

    def nvmlDeviceGetGraphicsRunningProcesses(self, gpu: Gpu) -> Any:  # noqa: N802
        return told(gpu.graphics)


def told(what: object) -> object:
    if what is None:
        raise NVMLError("Not Supported")
    return what


def read(*gpus: Gpu, pid: int | None = ENGINE) -> Readings:
    return NvmlProbe(FakeNvml(*gpus)).read(pid, Readings())


def test_a_desktop_gpu_tells_everything() -> None:
    gpu = Gpu(processes=[Process(ENGINE, 5 * GIB)])
    assert read(gpu) == Readings(
        engine_gpu_bytes=5 * GIB,
        gpu_used_bytes=10 * GIB,
        gpu_total_bytes=80 * GIB,
        gpu_load=0.42,
        gpu_name="NVIDIA H100 80GB HBM3",
    )


def test_who_else_is_on_the_gpus_is_told_by_name_the_most_first() -> None:
    first = Gpu(
        processes=[Process(ENGINE, 5 * GIB), Process(os.getpid(), GIB), Process(10**9, None)],
        graphics=[Process(os.getpid(), GIB), Process(2**30, 3 * GIB)],
    )
    second = Gpu(processes=[Process(ENGINE, GIB), Process(os.getpid(), GIB)])
    others = read(first, second)["gpu_others"]
    own = Path("/proc/self/comm").read_text().strip()
    assert others == (GpuUser(f"process {2**30}", 3 * GIB), GpuUser(own, 2 * GIB))


def test_an_engine_that_holds_nothing_or_does_not_run_has_no_figure() -> None:
    gpu = Gpu(processes=[Process(1, GIB)])
    assert "engine_gpu_bytes" not in read(gpu)
    assert "engine_gpu_bytes" not in read(gpu, pid=None)


def test_a_driver_that_may_not_tell_a_process_share_gives_no_figure() -> None:
    assert "engine_gpu_bytes" not in read(Gpu(processes=[Process(ENGINE, None)]))


def test_several_gpus_are_summed_and_the_busiest_counts() -> None:
    readings = read(Gpu(), Gpu(utilization=Utilization(90)))
    assert readings == Readings(
        gpu_used_bytes=20 * GIB,
        gpu_total_bytes=160 * GIB,
        gpu_load=0.9,
        gpu_name="NVIDIA H100 80GB HBM3",
    )


def test_of_several_gpus_only_those_that_the_engine_is_on_count() -> None:
    other = Gpu(utilization=Utilization(99), processes=[Process(1, 70 * GIB)])
    readings = read(other, Gpu(processes=[Process(ENGINE, GIB)]))
    assert readings["gpu_total_bytes"] == 80 * GIB
    assert readings["gpu_load"] == 0.42


@pytest.mark.parametrize("name", ["Orin (nvgpu)", b"Orin (nvgpu)"])
def test_the_stub_of_a_jetson_gives_no_figures(name: str | bytes) -> None:
    assert read(Gpu(name=name)) == Readings()


def test_a_thor_has_load_and_a_process_share_but_no_memory_in_use() -> None:
    thor = Gpu("NVIDIA Thor", memory=None, processes=[Process(ENGINE, 3 * GIB)])
    assert read(thor) == Readings(engine_gpu_bytes=3 * GIB, gpu_load=0.42, gpu_name="NVIDIA Thor")


def test_a_gpu_that_refuses_every_question_gives_no_figures() -> None:
    assert read(Gpu(memory=None, utilization=None, processes=None)) == Readings()
    assert read(Gpu(name=None)) == Readings()
    assert read() == Readings()


def test_a_driver_that_does_not_answer_gives_no_figures() -> None:
    probe = NvmlProbe(FakeNvml(Gpu(), broken=True))
    assert probe.read(ENGINE, Readings()) == Readings()
    probe.close()


def test_closing_lets_go_of_the_driver() -> None:
    nvml = FakeNvml(Gpu())
    probe = NvmlProbe(nvml)
    probe.close()
    probe.close()
    assert nvml.opened == 0
    assert probe.read(ENGINE, Readings()) == Readings()


def test_a_driver_that_was_exchanged_raises_so_that_a_new_probe_is_made() -> None:
    gpu = Gpu()
    probe = NvmlProbe(FakeNvml(gpu))
    assert probe.read(ENGINE, Readings())["gpu_load"] == 0.42
    gpu.memory = gpu.utilization = gpu.processes = None
    with pytest.raises(NVMLError):
        probe.read(ENGINE, Readings())


def test_without_the_drivers_library_nothing_is_imported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_LIBRARY", "libno-such-library.so.1")
    assert module.load_nvml() is None
    assert module.find() is None


@pytest.mark.parametrize(
    "nvml", [FakeNvml(), FakeNvml(Gpu("Orin (nvgpu)")), FakeNvml(Gpu(), broken=True)]
)
def test_a_driver_without_a_usable_gpu_is_no_source(
    monkeypatch: pytest.MonkeyPatch, nvml: FakeNvml
) -> None:
    monkeypatch.setattr(module, "load_nvml", lambda: nvml)
    assert module.find() is None
    assert nvml.opened == 0


def test_a_gpu_is_a_source_unless_the_files_of_another_machine_are_looked_at(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(module, "load_nvml", lambda: FakeNvml(Gpu()))
    monkeypatch.delenv(SYSROOT_VARIABLE, raising=False)
    probe = module.find()
    assert probe is not None
    assert probe.read(None, Readings())["gpu_load"] == 0.42
    monkeypatch.setenv(SYSROOT_VARIABLE, str(tmp_path))
    assert module.find() is None


@pytest.mark.parametrize(
    ("reasons", "throttled_by"),
    [(0, ()), (0x01, ()), (0x40, ("heat",)), (0x24, ("heat", "power limit"))],
)
def test_what_holds_a_gpu_back_is_told_and_being_idle_is_not(
    reasons: int, throttled_by: tuple[str, ...]
) -> None:
    readings = NvmlProbe(FakeNvml(Gpu(reasons=reasons))).read(None, Readings())
    assert readings["throttled_by"] == throttled_by
