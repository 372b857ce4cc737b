"""The files of /proc and /sys of several boards, written into a directory.

Made by hand after what is known of these boards, not copied from them. Also a command, to see a
board's figures anywhere:

    python -m tests.hardware.boards orin-nano DIR
    VLMTUI_SYSROOT=DIR vlmtui
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

OFF = -256000
"""Milli-degrees of a sensor that is switched off."""

UNREADABLE = None
"""Instead of a value: reading the file is an error."""

Value = object

NVPMODEL = """\
# < POWER_MODEL ID=id_num NAME=mode_name >
< PARAM TYPE=CLOCK NAME=EMC >
MAX_FREQ /sys/kernel/nvpmodel_clk_cap/emc

< POWER_MODEL ID=0 NAME=15W >
CPU_ONLINE CORE_0 1
GPU MAX_FREQ 612000000
EMC MAX_FREQ 2133000000

< POWER_MODEL ID=1 NAME=25W >
GPU MAX_FREQ 918000000
EMC MAX_FREQ 3199000000

< POWER_MODEL ID=2 NAME=MAXN_SUPER >
GPU MAX_FREQ -1
EMC MAX_FREQ -1

< POWER_MODEL ID=3 NAME=7W >
GPU MAX_FREQ 408000000
EMC MAX_FREQ 2133000000

< PM_CONFIG DEFAULT=1 >
"""


class Board:
    """A directory that stands for `/`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, path: str, value: Value) -> None:
        """One file; a board's files end in a newline."""
        place = self.root / path.lstrip("/")
        self.remove(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        if value is UNREADABLE:
            place.mkdir()
        elif isinstance(value, bytes):
            place.write_bytes(value)
        else:
            place.write_text(f"{value}\n", encoding="utf-8")

    def remove(self, path: str) -> None:
        place = self.root / path.lstrip("/")
        if place.is_dir():
            shutil.rmtree(place)
        else:
            place.unlink(missing_ok=True)

    def link(self, path: str, target: str) -> None:
        """A relative link, as sysfs is full of."""
        place = self.root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(os.path.relpath(self.root / target.lstrip("/"), place.parent))

    def model(self, name: str, chip: str = "tegra000") -> None:
        self.write("/proc/device-tree/model", name.encode() + b"\0")
        compatible = f"nvidia,p0000\0nvidia,{chip}\0"
        self.write("/proc/device-tree/compatible", compatible.encode())

    def release(self, major: int, revision: str) -> None:
        line = f"# R{major} (release), REVISION: {revision}, GCID: 1, BOARD: generic, EABI: aarch64"
        self.write("/etc/nv_tegra_release", line)

    def memory(self, total: int, available: int, gpu: int | None = None) -> None:
        """In KiB."""
        lines = [f"MemTotal:  {total:>12} kB", "MemFree:         1024 kB"]
        lines.append(f"MemAvailable: {available:>9} kB")
        if gpu is not None:
            lines += ["NvMapMemFree:          0 kB", f"NvMapMemUsed: {gpu:>9} kB"]
        self.write("/proc/meminfo", "\n".join(lines))

    def gpu(self, device: str, node: str, load: Value, now: int, most: int) -> None:
        """A GPU with a frequency domain of its own, as since Xavier."""
        real = f"/sys/devices/platform/bus@0/{device}"
        self.write(f"{real}/load", load)
        self.write(f"/sys/firmware/devicetree/base/bus@0/{device}/name", node.encode() + b"\0")
        self.link(f"{real}/of_node", f"/sys/firmware/devicetree/base/bus@0/{device}")
        self.clock(f"{real}/devfreq/{device}", now, most)
        self.link(f"{real}/devfreq/{device}/device", real)
        self.link(f"/sys/class/devfreq/{device}", f"{real}/devfreq/{device}")

    def clock(self, directory: str, now: int, most: int) -> None:
        self.write(f"{directory}/cur_freq", now)
        self.write(f"{directory}/max_freq", most)

    def zones(self, zones: Mapping[str, Value]) -> None:
        for number, (name, temperature) in enumerate(zones.items()):
            zone = f"/sys/devices/virtual/thermal/thermal_zone{number}"
            self.write(f"{zone}/type", name)
            self.write(f"{zone}/temp", temperature)
            self.link(f"/sys/class/thermal/thermal_zone{number}", zone)

    def cooling(self, **devices: Value) -> None:
        """What the kernel holds back against heat, by name; 0 while it doesn't."""
        for number, (name, state) in enumerate(devices.items()):
            device = f"/sys/class/thermal/cooling_device{number}"
            self.write(f"{device}/type", name.replace("_", "-"))
            self.write(f"{device}/cur_state", state)

    def over_current(self, count: Value) -> None:
        """How often the chip saved itself from too much current."""
        self.write("/sys/class/hwmon/hwmon9/name", "soctherm_oc")
        self.write("/sys/class/hwmon/hwmon9/oc1_event_cnt", 0)
        self.write("/sys/class/hwmon/hwmon9/oc3_event_cnt", count)

    def ina3221(self, address: str, number: int, *rails: tuple[str, Value, Value]) -> None:
        """A power monitor: up to three of label, mV, mA, and what else the chip's driver shows."""
        chip = f"/sys/devices/platform/bus@0/c240000.i2c/i2c-{address[0]}/{address}"
        monitor = f"{chip}/hwmon/hwmon{number}"
        self.write(f"{monitor}/name", "ina3221")
        for channel, (label, millivolts, milliamperes) in enumerate(rails, start=1):
            self.write(f"{monitor}/in{channel}_label", label)
            self.write(f"{monitor}/in{channel}_input", millivolts)
            self.write(f"{monitor}/curr{channel}_input", milliamperes)
            self.write(f"{monitor}/in{channel + 3}_input", 40)
        self.write(f"{monitor}/in7_label", "sum of shunt voltages")
        self.write(f"{monitor}/in7_input", 120)
        self.link(f"/sys/bus/i2c/devices/{address}", chip)

    def power_mode(self, mode: int) -> None:
        self.write("/var/lib/nvpmodel/status", f"pmode:{mode:04}")
        self.write("/etc/nvpmodel.conf", NVPMODEL)

    def tegrastats(self, script: str) -> None:
        """A program of that name."""
        self.write("/usr/bin/tegrastats", script)
        (self.root / "usr/bin/tegrastats").chmod(0o755)


def orin_nano(root: Path) -> Board:
    """Orin Nano with JetPack 6.2; two of its sensors are switched off with what they measure."""
    board = Board(root)
    board.model("NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super", "tegra234")
    board.release(36, "4.3")
    board.memory(7_802_880, 1_469_440, 3_276_800)
    board.gpu("17000000.gpu", "gpu", 630, 621_000_000, 1_020_000_000)
    board.clock("/sys/class/devfreq/15340000.vic", 115_000_000, 729_600_000)
    board.zones(
        {
            "cpu-thermal": 53_968,
            "gpu-thermal": 53_343,
            "cv0-thermal": UNREADABLE,
            "cv1-thermal": OFF,
            "soc0-thermal": 50_750,
            "tj-thermal": 53_968,
        }
    )
    board.ina3221(
        "1-0040", 1, ("VDD_IN", 4960, 2516), ("VDD_CPU_GPU_CV", 4960, 941), ("VDD_SOC", 4952, 569)
    )
    board.power_mode(2)
    board.cooling(pwm_fan=3, cpu_throttle_alert=0, gpu_throttle_alert=0, hot_surface_alert=0)
    board.over_current(0)
    return board


def agx_orin(root: Path) -> Board:
    """AGX Orin with JetPack 5: no rail for all, and a channel with nothing connected."""
    board = Board(root)
    board.model("Jetson AGX Orin Developer Kit", "tegra234")
    board.release(35, "6.0")
    board.memory(31_326_208, 20_971_520, 6_291_456)
    board.gpu("17000000.ga10b", "ga10b", 995, 1_300_500_000, 1_300_500_000)
    board.zones({"CPU-therm": 48_500, "GPU-therm": 46_000, "CV0-therm": OFF, "tj-therm": 48_500})
    board.ina3221(
        "1-0040",
        3,
        ("VDD_GPU_SOC", 19_680, 320),
        ("VDD_CPU_CV", 19_680, 40),
        ("VIN_SYS_5V0", 4992, 1000),
    )
    board.ina3221("1-0041", 4, ("NC", 0, 0), ("VDDQ_VDD2_1V8AO", 19_640, 32), ("NC", 0, 0))
    return board


def xavier_nx(root: Path) -> Board:
    """Xavier NX with JetPack 5."""
    board = Board(root)
    board.model("NVIDIA Jetson Xavier NX Developer Kit", "tegra194")
    board.release(35, "4.1")
    board.memory(6_989_824, 3_145_728, 1_048_576)
    board.gpu("17000000.gv11b", "gv11b", 0, 114_750_000, 1_109_250_000)
    board.zones(
        {
            "CPU-therm": 33_000,
            "GPU-therm": 32_500,
            "AUX-therm": 32_000,
            "AO-therm": 33_500,
            "PMIC-Die": 50_000,
            "thermal-fan-est": 32_750,
        }
    )
    board.ina3221(
        "7-0040", 5, ("VDD_IN", 5048, 584), ("VDD_CPU_GPU_CV", 5048, 56), ("VDD_SOC", 5048, 152)
    )
    return board


def agx_xavier(root: Path) -> Board:
    """AGX Xavier with JetPack 5: six rails, none for all."""
    board = Board(root)
    board.model("NVIDIA Jetson AGX Xavier Developer Kit", "tegra194")
    board.release(35, "4.1")
    board.memory(32_091_136, 20_971_520, 2_097_152)
    board.gpu("17000000.gv11b", "gv11b", 950, 1_377_000_000, 1_377_000_000)
    board.zones({"CPU-therm": 49_000, "GPU-therm": 54_500, "Tboard_tegra": 47_000})
    board.ina3221("1-0040", 3, ("GPU", 19_000, 968), ("CPU", 19_000, 121), ("SOC", 19_000, 242))
    board.ina3221("1-0041", 4, ("CV", 19_000, 0), ("VDDRQ", 19_000, 153), ("SYS5V", 5000, 926))
    return board


def thor(root: Path) -> Board:
    """AGX Thor with JetPack 7: its GPU's load is only in NVML; all power passes one INA238."""
    board = Board(root)
    board.model("NVIDIA Jetson AGX Thor Developer Kit", "tegra264")
    board.release(38, "2.1")
    board.memory(128_790_528, 20_971_520)
    board.clock("/sys/class/devfreq/gpu-gpc-0", 314_000_000, 1_575_000_000)
    board.clock("/sys/class/devfreq/gpu-nvd-0", 315_000_000, 1_692_000_000)
    board.zones(
        {"cpu-thermal": 37_343, "tj-thermal": 38_875, "gpu-thermal": 38_875, "soc012-thermal": 0}
    )
    board.ina3221(
        "2-0040",
        1,
        ("VDD_GPU", 19_620, -20),
        ("VDD_CPU_SOC_MSS", 19_624, 300),
        ("VIN_SYS_5V0", 4984, 1130),
    )
    board.write("/sys/bus/i2c/devices/2-0044/hwmon/hwmon2/label", "VIN")
    board.write("/sys/bus/i2c/devices/2-0044/hwmon/hwmon2/power1_input", 19_780_000)
    board.write("/sys/bus/i2c/devices/2-0044/hwmon/hwmon2/in1_input", 20_000)
    board.write("/sys/bus/i2c/devices/2-0044/hwmon/hwmon2/curr1_input", 989)
    return board


def nano(root: Path) -> Board:
    """The first Nano, with a Tegra X1: a GPU of the older kind, power only from tegrastats."""
    board = Board(root)
    board.model("NVIDIA Jetson Nano Developer Kit", "tegra210")
    board.release(32, "7.4")
    board.memory(4_059_712, 2_048_000, 512_000)
    board.write("/sys/devices/gpu.0/load", 421)
    board.clock("/sys/devices/gpu.0/devfreq/57000000.gpu", 76_800_000, 921_600_000)
    board.zones({"AO-therm": 45_000, "CPU-therm": 38_500, "GPU-therm": 36_500, "PMIC-Die": 100_000})
    return board


def broken(root: Path) -> Board:
    """A board whose every file holds what it should not."""
    board = Board(root)
    board.model("\x1b[2J\x07Jetson\n\u202e" + "x" * 200)
    board.write("/etc/nv_tegra_release", b"\xff\xfe R REVISION:")
    board.write("/proc/meminfo", "MemTotal: many kB\nMemAvailable: 12\nNvMapMemUsed:   kB")
    board.gpu("17000000.gpu", "gpu", 5000, 0, -1)
    board.zones({"": 1, "cpu-thermal": "hot", "gpu-thermal": "9" * 40, "tj-thermal": 1_000_000_000})
    board.write("/sys/class/thermal/thermal_zoneX", "a file")
    board.ina3221("1-0040", 0, ("VDD_IN", "n/a", 1), ("VDD_SOC", 5000, UNREADABLE), ("", 1, 1))
    board.write("/sys/bus/i2c/devices/9-0000", "a file")
    board.cooling(evil="much", gpu_throttle_alert=UNREADABLE)
    board.write("/var/lib/nvpmodel/status", "pmode:")
    board.write("/etc/nvpmodel.conf", b"\0" * 100_000)
    board.write("/sys/kernel/debug/nvmap/iovmm/clients", "total  many\nuser x 1 2")
    return board


BOARDS: dict[str, Callable[[Path], Board]] = {
    "orin-nano": orin_nano,
    "agx-orin": agx_orin,
    "xavier-nx": xavier_nx,
    "agx-xavier": agx_xavier,
    "thor": thor,
    "nano": nano,
    "broken": broken,
}


def main(arguments: list[str]) -> int:
    """Write a board's files into a new directory."""
    if len(arguments) != 2 or arguments[0] not in BOARDS:
        print(f"usage: python -m tests.hardware.boards {{{','.join(BOARDS)}}} DIR", file=sys.stderr)
        return 2
    root = Path(arguments[1])
    root.mkdir(parents=True)
    BOARDS[arguments[0]](root)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
