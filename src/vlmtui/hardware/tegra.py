"""Which Jetson this is: whether it is one, its GPU, the JetPack on it. Measures nothing."""

from __future__ import annotations

from os.path import exists  # false, too, for what may not be looked at
from pathlib import Path

from vlmtui.hardware import sysroot
from vlmtui.hardware.sysroot import Sysroot

_CHIPS = {"tegra264": 110, "tegra234": 87, "tegra194": 72, "tegra186": 62, "tegra210": 53}
"""What CUDA calls the architecture of the GPU of Thor, Orin, Xavier, TX2, and Nano and TX1."""

_GPUS = {"gb10b": 110, "ga10b": 87, "gv11b": 72, "gp10b": 62}
"""The same of these GPUs, as the device tree names them."""

_THORS_GPU = "gb10b"
_THORS_CLOCK = "gpu-gpc"
"""Begins the name of Thor's clock domain, which has no entry in the device tree."""

OLDER_GPUS = ("/sys/devices/platform/gpu.0", "/sys/devices/gpu.0")
"""Where GPUs without a frequency domain of the newer kind have their files."""

_JETPACKS = {32: 4, 34: 5, 35: 5, 36: 6, 38: 7, 39: 7}
"""By the first number of L4T, the board's system software."""


def is_jetson(root: Sysroot) -> bool:
    """Whether this is one, also in a container, which sees only a part of the files."""
    if "nvidia,tegra" in (root.text("/proc/device-tree/compatible") or ""):
        return True
    if "Jetson" in (root.text("/proc/device-tree/model") or ""):
        return True
    if exists(root.path("/etc/nv_tegra_release")):
        return True
    return _gpu(root) is not None or any(exists(root.path(gpu)) for gpu in OLDER_GPUS)


def cuda_architecture(root: Sysroot) -> int | None:
    """What CUDA must compile for on this board; None where that can't be found out.

    In a container the device tree is hidden, and only the GPU tells, if its name is its own.
    """
    compatible = root.text("/proc/device-tree/compatible") or ""
    for chip, architecture in _CHIPS.items():
        if f"nvidia,{chip}" in compatible:
            return architecture
    gpu = _gpu(root)
    return _GPUS[gpu] if gpu is not None else None


def jetpack_of(l4t: str) -> int | None:
    """The JetPack that a version of the system software belongs to: 6 for "36.4.3"."""
    major = l4t.partition(".")[0]
    return _JETPACKS.get(int(major)) if major.isdecimal() else None


def is_gpu(device: Path) -> bool:
    """Whether a frequency domain of a Jetson, a directory of sysfs, is the GPU's."""
    return _name(device) in (*_GPUS, "gpu")


def _gpu(root: Sysroot) -> str | None:
    names = [_name(device) for device in root.glob("/sys/class/devfreq/*")]
    return next((name for name in names if name in _GPUS), None)


def _name(device: Path) -> str:
    """A device's name; containers hide the device tree, but the directory is named for it."""
    if device.name.startswith(_THORS_CLOCK):
        return _THORS_GPU
    return sysroot.text(device / "device/of_node/name") or device.name.rpartition(".")[2]
