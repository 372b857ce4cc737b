"""The board, its system software, and where its readings come from."""

from __future__ import annotations

import os
import platform
from contextlib import suppress

from vlmtui.doctor.finding import Finding
from vlmtui.hardware import jetson, nvpmodel, tegra
from vlmtui.hardware.base import Readings
from vlmtui.hardware.monitor import SOURCES
from vlmtui.hardware.sysroot import Sysroot

_ORIN = 87
"""CUDA's name of its architecture. Of the boards with JetPack 5, JetPack 6 takes only these."""


def findings() -> list[Finding]:
    """Board, system, processor, power mode, sources of readings."""
    root = Sysroot()
    readings = jetson.readings_now(root) or None
    kernel = root.text("/proc/sys/kernel/osrelease") or platform.release()
    cores = f"{len(os.sched_getaffinity(0))} of {os.cpu_count()} cores usable"
    found = [
        Finding("board", "ok" if readings else "info", _board(root, readings)),
        Finding("system", "ok", f"{root.system_name()}, kernel {kernel}"),
        Finding("processor", "ok", f"{root.processor_name()}, {cores}"),
    ]
    if readings is not None:
        found.append(_jetpack(root, readings.get("l4t")))
        found.append(_power_mode(root))
    found.append(_sources())
    return found


def _board(root: Sysroot, readings: Readings | None) -> str:
    if readings is not None:
        return str(readings.get("board_name", "a Jetson of an unknown model"))
    names = [root.text(f"/sys/class/dmi/id/{part}") for part in ("sys_vendor", "product_name")]
    model = root.text("/proc/device-tree/model")  # a Raspberry Pi
    return model or " ".join(name for name in names if name) or "unknown"


def _jetpack(root: Sysroot, l4t: str | None) -> Finding:
    if l4t is None:
        advice = "In a container, mount /etc/nv_tegra_release: docker/run.sh does"
        return Finding("JetPack", "info", "unknown", advice)
    jetpack = tegra.jetpack_of(l4t)
    value = f"L4T {l4t}" + (f", JetPack {jetpack}" if jetpack else "")
    if jetpack is None or jetpack >= 6:
        return Finding("JetPack", "ok", value)
    if tegra.cuda_architecture(root) == _ORIN:
        return Finding("JetPack", "warn", value, "JetPack 6 has a newer Python and CUDA")
    return Finding("JetPack", "info", value, "The newest for this board (docs/jetson.md)")


def _power_mode(root: Sysroot) -> Finding:
    """The mode, and the command for the fastest, which boards number differently."""
    modes = nvpmodel.modes(root)
    mode = nvpmodel.current(root, modes)
    if mode is None:
        return Finding("power mode", "info", "unknown", "`sudo nvpmodel -q` shows it")
    if mode.name.upper().startswith("MAXN"):
        return Finding("power mode", "ok", mode.name)
    fastest = [each for each in modes.values() if each.name.upper().startswith("MAXN")]
    if fastest:
        best = max(fastest, key=lambda each: "SUPER" in each.name.upper())
        advice = f"Faster, for more power: `sudo nvpmodel -m {best.number}` ({best.name})"
    else:
        names = ", ".join(f"{each.number} {each.name}" for each in modes.values())
        advice = f"`sudo nvpmodel -m N` changes it{': ' if names else ''}{names}"
    return Finding("power mode", "info", mode.name, advice)


def _sources() -> Finding:
    """Which probes this machine has; each is made and asked once."""
    names, broken = [], []
    for source in SOURCES:
        try:
            probe = source.find()
            if probe is None:
                continue
            with suppress(Exception):
                probe.close()
            names.append(source.name)
        except Exception as error:
            broken.append(f"{source.name} ({error})")
    value = ", ".join(names) or "none"
    if broken:
        advice = "The readings of the next best source are shown instead"
        return Finding(
            "live readings", "warn", f"{value}; not working: {', '.join(broken)}", advice
        )
    return Finding("live readings", "ok", value)
