"""Main memory and processor, of the machine and of our two processes, from psutil.

psutil is imported when the probe is made, in the probe's own thread: the screen doesn't wait for
it. This module knows no GPU.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vlmtui.hardware.base import Probe, Readings
from vlmtui.hardware.sysroot import bytes_in, text

if TYPE_CHECKING:
    import psutil


class HostProbe(Probe):
    """Reads what the operating system counts."""

    def __init__(self) -> None:
        import psutil

        self._psutil = psutil
        self._self = psutil.Process()
        self._engine: psutil.Process | None = None
        self._cpu_began = False

    def read(self, engine_pid: int | None, known: Readings) -> Readings:
        """Measure now; the processor's load is known from the second time on."""
        memory = self._psutil.virtual_memory()
        readings = Readings(
            ram_total_bytes=memory.total,
            ram_available_bytes=memory.available,
            ui_rss_bytes=self._self.memory_info().rss,
        )
        # Loads are counted between two calls; what the first ones return means nothing.
        load = self._psutil.cpu_percent(interval=None)
        cores = self._psutil.cpu_percent(interval=None, percpu=True)
        if self._cpu_began:
            readings["cpu_load"] = load / 100
            readings["cpu_core_loads"] = tuple(core / 100 for core in cores)
        self._cpu_began = True
        if engine_pid is not None:
            try:
                readings["engine_rss_bytes"] = self._process(engine_pid).memory_info().rss
            except self._psutil.Error:  # it has just ended
                self._engine = None
        return readings

    def _process(self, pid: int) -> psutil.Process:
        if self._engine is None or self._engine.pid != pid:
            self._engine = self._psutil.Process(pid)
        return self._engine


def peak_rss(pid: int | None) -> int | None:
    """Most main memory that a running process ever held, in bytes; None where nobody can tell."""
    return bytes_in(text(Path(f"/proc/{pid}/status")), "VmHWM") if pid is not None else None
