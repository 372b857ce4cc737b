"""A Jetson's readings from /proc and /sys: Orin, Xavier, Thor, and the older boards' GPU.

Needs neither root nor any program; only the engine's share of GPU memory is in a file that is
root's alone. Where things lie is looked up once a minute, so a driver that comes late is found.
Thor's GPU load is not here but in NVML. This module starts no processes.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from os.path import exists, isdir  # false, too, for what may not be looked at
from pathlib import Path

from vlmtui.errors import SettingsError
from vlmtui.hardware import nvpmodel, sysroot
from vlmtui.hardware.base import Probe, Rail, Readings, Temperature, measured
from vlmtui.hardware.nvpmodel import PowerMode
from vlmtui.hardware.sensors import UNCONNECTED, place, plausible, total_watts
from vlmtui.hardware.sysroot import SYSROOT_VARIABLE, Sysroot, bytes_in
from vlmtui.hardware.tegra import OLDER_GPUS, is_gpu, is_jetson
from vlmtui.hardware.throttle import Throttle

_CLIENTS = "/sys/kernel/debug/nvmap/iovmm/clients"

_LOOK_AGAIN_S = 60.0
_SMOOTHING_S = 2.0
"""Time constant of the GPU's load: the file tells of a few milliseconds, and one token's kernels
with the gaps between them make it jump from 0 to 99 %."""

_RELEASE = re.compile(r"R([0-9]+)\b.*?REVISION:\s*([0-9]+(?:\.[0-9]+)*)")
_CLIENT = re.compile(r"\s([0-9]{1,10})\s+([0-9]{1,15})K$", re.MULTILINE)


@dataclass(frozen=True)
class _Channel:
    """The files of one measured rail; power is either told or volts times amperes."""

    name: str
    millivolts: Path
    milliamperes: Path
    microwatts: Path


@dataclass(frozen=True)
class _Layout:
    """Where this board keeps its readings."""

    board: str | None
    l4t: str | None
    load: Path | None
    clock: Path | None
    zones: tuple[tuple[str, Path], ...]
    channels: tuple[_Channel, ...]
    modes: dict[int, PowerMode] = field(default_factory=dict)


def find() -> JetsonProbe | None:
    """The probe, on a Jetson.

    Raises:
        SettingsError: The directory that should stand for `/` isn't there.
    """
    root = Sysroot()
    if not isdir(root.path("/")):
        raise SettingsError(
            f"{SYSROOT_VARIABLE} names no directory", "Name one that stands for `/`, or unset it."
        )
    return JetsonProbe(root) if is_jetson(root) else None


def readings_now(root: Sysroot) -> Readings:
    """What the board tells at this moment; empty on other machines."""
    return JetsonProbe(root).read(None, Readings()) if is_jetson(root) else Readings()


class JetsonProbe(Probe):
    """Reads what the board's kernel tells everyone."""

    def __init__(self, root: Sysroot, clock: Callable[[], float] = time.monotonic) -> None:
        self._root = root
        self._clock = clock
        self._load: float | None = None
        self._load_read = 0.0
        self._looked = clock()
        self._layout = _look(root)
        self._throttle = Throttle(root, clock)

    def read(self, engine_pid: int | None, known: Readings) -> Readings:
        """Measure now; a file that can't be read costs its own reading only."""
        now = self._clock()
        if now - self._looked >= _LOOK_AGAIN_S:
            self._looked = now
            self._layout = _look(self._root)
            if not self._throttle.tells:
                self._throttle = Throttle(self._root, self._clock)
        layout, report = self._layout, self._root.text("/proc/meminfo")
        clock = layout.clock
        rails = _rails(layout.channels)
        mode = nvpmodel.current(self._root, layout.modes)
        return measured(
            shared_memory=True,
            board_name=layout.board,
            l4t=layout.l4t,
            gpu_load=self._smooth_load(now),
            gpu_clock_hz=_positive(clock / "cur_freq") if clock is not None else None,
            gpu_clock_max_hz=_positive(clock / "max_freq") if clock is not None else None,
            ram_total_bytes=bytes_in(report, "MemTotal"),
            ram_available_bytes=bytes_in(report, "MemAvailable"),
            gpu_used_bytes=bytes_in(report, "NvMapMemUsed"),
            engine_gpu_bytes=self._held_by(engine_pid),
            temperatures=_temperatures(layout.zones) or None,
            power_rails=rails or None,
            power_w=total_watts(rails),
            power_mode=mode.name if mode is not None else None,
            memory_clock_max_hz=mode.memory_clock_hz if mode is not None else None,
            throttled_by=self._throttle.read(),
        )

    def _smooth_load(self, now: float) -> float | None:
        """The load, each new value weighing more the longer the last one is ago."""
        path = self._layout.load
        tenths = sysroot.number(path) if path is not None else None
        if tenths is None or not 0 <= tenths <= 1000:
            self._load = None
            return None
        load = tenths / 1000
        if self._load is not None:
            weight = 1 - math.exp((self._load_read - now) / _SMOOTHING_S)
            load = self._load + weight * (load - self._load)
        self._load, self._load_read = load, now
        return load

    def _held_by(self, pid: int | None) -> int | None:
        """Bytes of GPU memory that a process holds; None where that isn't told."""
        clients = _CLIENT.findall(self._root.text(_CLIENTS) or "") if pid is not None else []
        return sum(int(kib) for client, kib in clients if int(client) == pid) * 1024 or None


def _look(root: Sysroot) -> _Layout:
    release = _RELEASE.search(root.text("/etc/nv_tegra_release") or "")
    load, clock = _find_gpu(root)
    return _Layout(
        board=_printable(root.text("/proc/device-tree/model")),
        l4t=f"{release[1]}.{release[2]}" if release else None,
        load=load,
        clock=clock,
        zones=_find_zones(root),
        channels=_find_channels(root),
        modes=nvpmodel.modes(root),
    )


def _find_gpu(root: Sysroot) -> tuple[Path | None, Path | None]:
    """The file with the GPU's load, and the directory with its clock; None for what isn't there."""
    load = clock = None
    for device in root.glob("/sys/class/devfreq/*"):
        if is_gpu(device):
            if load is None and exists(device / "device/load"):
                load = device / "device/load"
                clock = device
            elif clock is None and exists(device / "cur_freq"):
                clock = device
    for gpu in OLDER_GPUS:
        if load is None and exists(root.path(gpu) / "load"):
            load = root.path(gpu) / "load"
        for device in (root.path(gpu), *root.glob(f"{gpu}/devfreq/*")):
            if clock is None and exists(device / "cur_freq"):
                clock = device
    return load, clock


def _find_zones(root: Sysroot) -> tuple[tuple[str, Path], ...]:
    zones = []
    for zone in sorted(root.glob("/sys/class/thermal/thermal_zone*"), key=_trailing_number):
        name = _printable(sysroot.text(zone / "type"))
        if name is not None:
            zones.append((place(name), zone / "temp"))
    return tuple(zones)


def _trailing_number(path: Path) -> int:
    """So that zone 10 comes after zone 9."""
    digits = re.search(r"[0-9]{1,9}$", path.name)
    return int(digits[0]) if digits else -1


def _find_channels(root: Sysroot) -> tuple[_Channel, ...]:
    """The rails of all power monitors: INA3221 with three channels, on Thor also one INA238.

    A channel without a current isn't one: the INA3221 has a label too for the sum of its shunt
    voltages. Files and units are those of the kernel's hwmon interface.
    """
    channels = []
    for monitor in root.glob("/sys/bus/i2c/devices/*/hwmon/hwmon*"):
        named = [(str(number), monitor / f"in{number}_label") for number in range(10)]
        for number, label in (*named, ("1", monitor / "label")):
            name = _printable(sysroot.text(label))
            amperes = monitor / f"curr{number}_input"
            if name is not None and name != UNCONNECTED and exists(amperes):
                watts = monitor / f"power{number}_input"
                channels.append(_Channel(name, monitor / f"in{number}_input", amperes, watts))
    return tuple(channels)


def _temperatures(zones: tuple[tuple[str, Path], ...]) -> tuple[Temperature, ...]:
    read = ((name, sysroot.number(path)) for name, path in zones)
    return tuple(
        Temperature(name, value / 1000)
        for name, value in read
        if value is not None and plausible(name, value / 1000)
    )


def _rails(channels: tuple[_Channel, ...]) -> tuple[Rail, ...]:
    return tuple(
        Rail(channel.name, watts) for channel in channels if (watts := _watts(channel)) is not None
    )


def _watts(channel: _Channel) -> float | None:
    """Power now. Slightly below zero is a sensor's offset at rest, and told as it is."""
    microwatts = sysroot.number(channel.microwatts)
    if microwatts is not None:
        return microwatts / 1e6
    millivolts = sysroot.number(channel.millivolts)
    milliamperes = sysroot.number(channel.milliamperes)
    if millivolts is None or milliamperes is None:
        return None
    return millivolts * milliamperes / 1e6


def _positive(path: Path) -> int | None:
    value = sysroot.number(path)
    return value if value is not None and value > 0 else None


def _printable(name: str | None) -> str | None:
    """A name from a file as one line of characters that can be shown, at most 80; or None."""
    if name is None:
        return None
    return "".join(filter(str.isprintable, name)).strip()[:80] or None
