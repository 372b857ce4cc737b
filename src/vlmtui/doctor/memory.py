"""Memory, swap and disk."""

from __future__ import annotations

import re
import shutil

from vlmtui import paths, units
from vlmtui.doctor.finding import Finding
from vlmtui.errors import StorageError
from vlmtui.hardware import bandwidth, jetson, tegra
from vlmtui.hardware.base import Snapshot
from vlmtui.hardware.sysroot import Sysroot

GIB = 1024**3

_TIGHT_MEMORY = 3 * GIB
"""Below this no 4-bit model with more than about 2 billion weights fits, with its buffers."""

_SMALL_BOARD = 9 * GIB
_TIGHT_DISK = 8 * GIB
"""A 7B model in 4 bits with its mmproj is 4.7 to 5.7 GB."""


def findings() -> list[Finding]:
    """What is free."""
    root = Sysroot()
    memory = dict(re.findall(r"^(\w+):\s+([0-9]+) kB", root.text("/proc/meminfo") or "", re.M))
    sizes = {name: int(kib) * 1024 for name, kib in memory.items()}
    found = []
    if "MemTotal" in sizes and "MemAvailable" in sizes:
        found.append(_free(sizes["MemAvailable"], sizes["MemTotal"]))
        found += _swap(root, sizes)
    found.append(_bandwidth(root))
    found.append(_disk())
    return found


def _free(available: int, total: int) -> Finding:
    value = f"{units.size(available)} available of {units.size(total)}"
    if available < _TIGHT_MEMORY:
        advice = (
            "Only small models fit (`vlmtui models`). Stopping the desktop frees about 0.8 GB:"
            " `sudo systemctl set-default multi-user.target`"
        )
        return Finding("memory", "warn", value, advice)
    return Finding("memory", "ok", value)


def _swap(root: Sysroot, sizes: dict[str, int]) -> list[Finding]:
    swap = sizes.get("SwapTotal", 0)
    zram = "zram" in (root.text("/proc/swaps") or "")
    board = tegra.is_jetson(root)
    value = f"{units.size(swap)}{', zram' if zram else ''}" if swap else "none"
    if board and zram:
        advice = (
            "zram takes memory from the model: `sudo systemctl disable nvzramconfig`, and a"
            " swap file on an SSD instead (docs/jetson.md)"
        )
        return [Finding("swap", "warn", value, advice)]
    if not swap and sizes["MemTotal"] < _SMALL_BOARD:
        advice = (
            "With little memory, a swap file saves the system when a model is too large"
            " (docs/jetson.md)"
        )
        return [Finding("swap", "warn", value, advice)]
    return [Finding("swap", "ok" if swap else "info", value)]


def _bandwidth(root: Sysroot) -> Finding:
    known = bandwidth.known(Snapshot(time=0.0, **jetson.readings_now(root)))
    if known is None:
        return Finding("bandwidth", "info", "unknown", "`vlmtui doctor --bandwidth` measures it")
    origin = "from a table of boards" if known.origin == "table" else "as the processor reads it"
    return Finding("bandwidth", "ok", f"{known.bytes_per_s / 1e9:.1f} GB/s, {origin}")


def _disk() -> Finding:
    try:
        place = paths.data_dir()
    except StorageError as error:
        return Finding("disk", "fail", error.message, error.hint)
    free = shutil.disk_usage(place).free
    value = f"{units.size(free)} free in {paths.shown(place)}"
    if free < _TIGHT_DISK:
        advice = "A 7B model takes about 5 GB. HF_HOME puts models on another disk"
        return Finding("disk", "warn", value, advice)
    return Finding("disk", "ok", value)
