"""Memory that is free at this moment, asked once; what is watched all the time is in `monitor`."""

from __future__ import annotations

import re

import msgspec

from vlmtui.hardware import jetson, nvml
from vlmtui.hardware.base import Readings
from vlmtui.hardware.host import HostProbe
from vlmtui.hardware.sysroot import Sysroot, bytes_in

_INACTIVE = re.compile(r"^inactive_file ([0-9]{1,18})$", re.MULTILINE)


class FreeMemory(msgspec.Struct, frozen=True):
    """Memory of the machine, in bytes."""

    free: int
    """What could be given to a process without swapping, within the container's limit."""

    total: int
    gpu_free: int = 0
    gpu_total: int = 0
    """Of the GPU's own memory; 0 without one, and where it shares main memory."""

    shared: bool = False
    """The GPU takes main memory."""

    held: int = 0
    gpu_held: int = 0
    """What the end of the process that was asked about would give back."""


def free_memory(pid: int | None = None) -> FreeMemory:
    """Ask the machine, and about the own memory of a process; takes some milliseconds.

    That is 0 of main memory where it is on another machine, whose files are looked at.
    """
    readings: Readings = HostProbe().read(pid, {})
    for find in (nvml.find, jetson.find):
        probe = find()
        if probe is not None:
            try:
                readings.update(probe.read(pid, readings))
            finally:
                probe.close()
    free, total = readings["ram_available_bytes"], readings["ram_total_bytes"]
    root = Sysroot()
    limit = _container_limit(root)
    if limit is not None:
        free, total = min(free, limit[0]), min(total, limit[1])
    shared = readings.get("shared_memory", False)
    gpu_total = 0 if shared else readings.get("gpu_total_bytes", 0)
    gpu_free = gpu_total - readings.get("gpu_used_bytes", 0) if gpu_total else 0
    return FreeMemory(
        free,
        total,
        max(0, gpu_free),
        gpu_total,
        shared,
        held=_own_pages(root, pid) if pid is not None else 0,
        gpu_held=readings.get("engine_gpu_bytes", 0),
    )


def _own_pages(root: Sysroot, pid: int) -> int:
    """Bytes that the end of a process gives back.

    Not its pages of files: the system counts them as available while they are in use.
    """
    return bytes_in(root.text(f"/proc/{pid}/status"), "RssAnon") or 0


def _container_limit(root: Sysroot) -> tuple[int, int] | None:
    """Free and whole memory of this control group; None without a limit."""
    limit = root.text("/sys/fs/cgroup/memory.max") or ""
    used = root.text("/sys/fs/cgroup/memory.current") or ""
    if not (limit.isdigit() and used.isdigit()):
        return None
    # the group's page cache can be given up
    cache = _INACTIVE.search(root.text("/sys/fs/cgroup/memory.stat") or "")
    held = max(0, int(used) - (int(cache[1]) if cache else 0))
    return max(0, int(limit) - held), int(limit)
