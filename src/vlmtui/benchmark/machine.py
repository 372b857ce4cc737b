"""The machine in a few words, as people put it into an issue."""

from __future__ import annotations

import os
import platform
import threading
import time
from importlib import metadata

from vlmtui import __version__
from vlmtui.benchmark.result import Machine
from vlmtui.hardware.bandwidth import Bandwidth, known
from vlmtui.hardware.base import Snapshot
from vlmtui.hardware.monitor import Monitor
from vlmtui.hardware.sysroot import Sysroot

_LOOK_S = 3.0
"""Longest wait for the first readings; a GPU's driver may take a second to wake up."""


def describe_machine() -> tuple[Machine, Bandwidth | None]:
    """The machine, and the bandwidth of its memory where that is known; takes a second."""
    snapshot = look()
    root = Sysroot()
    limit = known(snapshot)
    machine = Machine(
        board=snapshot.board_name or root.text("/sys/class/dmi/id/product_name") or "PC",
        system=f"{root.system_name()}, {platform.machine()}",
        jetpack=snapshot.l4t,
        power_mode=snapshot.power_mode,
        processor=f"{root.processor_name()}, {len(os.sched_getaffinity(0))} cores",
        memory_bytes=snapshot.ram_total_bytes or 0,
        gpu=None if snapshot.shared_memory else snapshot.gpu_name,
        bandwidth_gb_s=limit.bytes_per_s / 1e9 if limit else None,
        bandwidth_origin=limit.origin if limit else None,
        versions={
            "vlmtui": __version__,
            "llama-cpp-python": metadata.version("llama-cpp-python"),
            "python": platform.python_version(),
            "kernel": platform.release(),
        },
    )
    return machine, limit


def look() -> Snapshot:
    """One snapshot of the machine."""
    seen = threading.Event()
    snapshots: list[Snapshot] = []

    def take(snapshot: Snapshot) -> None:
        snapshots.append(snapshot)
        if snapshot.ram_total_bytes is not None:
            seen.set()

    monitor = Monitor(lambda: None, take, interval=0.2)
    monitor.start()
    seen.wait(_LOOK_S)
    monitor.stop()
    return snapshots[-1] if snapshots else Snapshot(time=time.time())
