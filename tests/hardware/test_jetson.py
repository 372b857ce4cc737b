"""What a board's files say, on boards made of files."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.hardware.boards import (
    BOARDS,
    UNREADABLE,
    Board,
    agx_orin,
    agx_xavier,
    broken,
    main,
    nano,
    orin_nano,
    thor,
    xavier_nx,
)
from tests.processes import unprivileged
from vlmtui.errors import SettingsError
from vlmtui.hardware import jetson, tegra
from vlmtui.hardware.base import Rail, Readings, Temperature
from vlmtui.hardware.jetson import JetsonProbe
from vlmtui.hardware.sysroot import SYSROOT_VARIABLE, Sysroot

KIB = 1024
ENGINE = 4711


class Clock:
    """Time that passes when told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def probe(board: Board, clock: Callable[[], float] | None = None) -> JetsonProbe:
    return JetsonProbe(Sysroot(board.root), clock or Clock())


def read(board: Board, pid: int | None = None) -> Readings:
    return probe(board).read(pid, Readings())


def watts(rails: tuple[Rail, ...]) -> dict[str, float]:
    return {name: pytest.approx(power) for name, power in rails}


def test_an_orin_nano_tells_everything(tmp_path: Path) -> None:
    readings = read(orin_nano(tmp_path))
    rails = readings.pop("power_rails")
    assert readings == Readings(
        shared_memory=True,
        board_name="NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super",
        l4t="36.4.3",
        gpu_load=0.63,
        gpu_clock_hz=621_000_000,
        gpu_clock_max_hz=1_020_000_000,
        ram_total_bytes=7_802_880 * KIB,
        ram_available_bytes=1_469_440 * KIB,
        gpu_used_bytes=3_276_800 * KIB,
        temperatures=(
            Temperature("cpu", 53.968),
            Temperature("gpu", 53.343),
            Temperature("soc0", 50.75),
            Temperature("tj", 53.968),
        ),
        power_w=pytest.approx(12.47936),
        power_mode="MAXN_SUPER",
        throttled_by=(),
    )
    assert rails == (
        Rail("VDD_IN", pytest.approx(12.47936)),
        Rail("VDD_CPU_GPU_CV", pytest.approx(4.66736)),
        Rail("VDD_SOC", pytest.approx(2.817688)),
    )


def test_an_agx_orins_power_is_the_sum_of_its_three_inputs(tmp_path: Path) -> None:
    readings = read(agx_orin(tmp_path))
    assert watts(readings["power_rails"]) == {
        "VDD_GPU_SOC": 6.2976,
        "VDD_CPU_CV": 0.7872,
        "VIN_SYS_5V0": 4.992,
        "VDDQ_VDD2_1V8AO": 0.62848,
    }
    assert readings["power_w"] == pytest.approx(6.2976 + 0.7872 + 4.992)
    assert readings["gpu_load"] == 0.995
    assert readings["gpu_clock_hz"] == 1_300_500_000
    assert readings["temperatures"] == (("CPU", 48.5), ("GPU", 46.0), ("tj", 48.5))
    assert readings["l4t"] == "35.6.0"
    assert "power_mode" not in readings


def test_an_agx_xaviers_power_is_the_sum_of_all_six_rails(tmp_path: Path) -> None:
    readings = read(agx_xavier(tmp_path))
    rails = watts(readings["power_rails"])
    assert list(rails) == ["GPU", "CPU", "SOC", "CV", "VDDRQ", "SYS5V"]
    # 19 V times 1.484 A, and 5 V times 0.926 A
    assert readings["power_w"] == pytest.approx(28.196 + 4.63)
    assert readings["gpu_load"] == 0.95


def test_a_sum_with_a_missing_rail_is_no_total(tmp_path: Path) -> None:
    board = agx_orin(tmp_path)
    board.write("/sys/bus/i2c/devices/1-0040/hwmon/hwmon3/curr2_input", UNREADABLE)
    readings = read(board)
    assert "power_w" not in readings
    assert "VDD_CPU_CV" not in watts(readings["power_rails"])


def test_a_xavier_nx_at_rest_has_a_load_of_zero(tmp_path: Path) -> None:
    readings = read(xavier_nx(tmp_path))
    assert readings["gpu_load"] == 0.0
    assert readings["gpu_clock_hz"] == 114_750_000
    assert readings["power_w"] == pytest.approx(5.048 * 0.584)
    assert ("GPU", 32.5) in readings["temperatures"]


def test_the_limit_of_the_power_chip_is_not_taken_for_a_temperature(tmp_path: Path) -> None:
    names = [name for name, _ in read(xavier_nx(tmp_path))["temperatures"]]
    assert names == ["CPU", "GPU", "AUX", "AO", "thermal-fan-est"]


def test_a_thor_has_clock_and_power_but_neither_load_nor_gpu_memory(tmp_path: Path) -> None:
    readings = read(thor(tmp_path))
    assert "gpu_load" not in readings
    assert "gpu_used_bytes" not in readings
    assert readings["shared_memory"]
    assert readings["gpu_clock_hz"] == 314_000_000
    assert readings["gpu_clock_max_hz"] == 1_575_000_000
    assert readings["power_w"] == pytest.approx(19.78)
    assert watts(readings["power_rails"])["VDD_GPU"] == pytest.approx(-0.3924)
    assert ("soc012", 0.0) in readings["temperatures"]


def test_an_inas_power_is_volts_times_amperes_when_it_does_not_tell(tmp_path: Path) -> None:
    board = thor(tmp_path)
    board.remove("/sys/bus/i2c/devices/2-0044/hwmon/hwmon2/power1_input")
    assert watts(read(board)["power_rails"])["VIN"] == pytest.approx(19.78)


@pytest.mark.parametrize("place", ["/sys/devices/gpu.0", "/sys/devices/platform/gpu.0"])
def test_an_older_gpu_tells_load_and_clock_from_its_own_place(tmp_path: Path, place: str) -> None:
    board = nano(tmp_path)
    if place != "/sys/devices/gpu.0":
        board.remove("/sys/devices/gpu.0")
        board.write(f"{place}/load", 421)
        board.clock(place, 76_800_000, 921_600_000)
    readings = read(board)
    assert readings["gpu_load"] == 0.421
    assert readings["gpu_clock_hz"] == 76_800_000
    assert readings["gpu_clock_max_hz"] == 921_600_000
    assert "power_w" not in readings
    assert "power_rails" not in readings


def test_a_board_of_garbage_gives_no_figure_but_its_name(tmp_path: Path) -> None:
    readings = read(broken(tmp_path), ENGINE)
    assert readings == Readings(shared_memory=True, board_name=readings["board_name"])
    assert readings["board_name"].startswith("[2JJetsonx")
    assert readings["board_name"].isprintable()
    assert len(readings["board_name"]) == 80


def test_a_board_whose_files_are_forbidden_gives_what_is_left() -> None:
    with TemporaryDirectory(dir="/tmp") as directory:  # TMPDIR may be closed to others as a whole
        root = Path(directory)
        root.chmod(0o755)
        board = orin_nano(root)
        load = root / "sys/devices/platform/bus@0/17000000.gpu/load"
        for forbidden in (root / "sys/bus/i2c", root / "sys/devices/virtual/thermal", load):
            forbidden.chmod(0)
        with unprivileged():
            readings = read(board)
        for path in (root / "sys/bus/i2c", root / "sys/devices/virtual/thermal"):
            path.chmod(0o755)
    assert readings["gpu_clock_hz"] == 621_000_000
    assert readings.keys().isdisjoint({"gpu_load", "temperatures", "power_rails", "power_w"})


def test_a_value_of_any_kind_in_any_file_costs_at_most_its_own_figure(tmp_path: Path) -> None:
    board = orin_nano(tmp_path)
    whole = read(board).keys()
    files = [path for path in tmp_path.rglob("*") if path.is_file() and not path.is_symlink()]
    values = ["", "1" * 5000, b"\xff\0\n", "٣ -1", UNREADABLE]
    for path in files:
        content = path.read_bytes()
        for value in values:
            board.write(str(path.relative_to(tmp_path)), value)
            assert read(board, ENGINE).keys() <= whole
        board.write(str(path.relative_to(tmp_path)), content)
    assert read(board).keys() == whole


def test_a_fifo_in_the_place_of_a_file_holds_up_nobody(tmp_path: Path) -> None:
    board = orin_nano(tmp_path)
    board.remove("/proc/meminfo")
    os.mkfifo(tmp_path / "proc/meminfo")
    assert "ram_total_bytes" not in read(board)


def test_a_zone_that_says_try_again_as_of_a_part_without_power_is_left_out(
    tmp_path: Path,
) -> None:
    board = orin_nano(tmp_path)
    zone = "/sys/devices/virtual/thermal/thermal_zone0/temp"
    board.remove(zone)
    os.mkfifo(tmp_path / zone.lstrip("/"))
    held = os.open(tmp_path / zone.lstrip("/"), os.O_RDWR)  # reading it is EAGAIN
    try:
        assert [name for name, _ in read(board)["temperatures"]] == ["gpu", "soc0", "tj"]
    finally:
        os.close(held)


# ---------------------------------------------------------------------------------- over time


def test_the_load_is_smoothed_over_seconds(tmp_path: Path) -> None:
    board, clock = orin_nano(tmp_path), Clock()
    load = "/sys/devices/platform/bus@0/17000000.gpu/load"
    watched = probe(board, clock)
    board.write(load, 0)
    assert watched.read(None, Readings())["gpu_load"] == 0.0
    board.write(load, 1000)
    loads = []
    for _ in range(8):
        clock.now += 1
        loads.append(watched.read(None, Readings())["gpu_load"])
    assert loads == sorted(loads)
    assert 0.3 < loads[0] < 0.5
    assert loads[-1] > 0.95
    clock.now += 60  # whatever was a minute ago counts no more
    board.write(load, 200)
    assert watched.read(None, Readings())["gpu_load"] == pytest.approx(0.2)


def test_a_load_that_cannot_be_read_is_absent_and_begins_anew(tmp_path: Path) -> None:
    board, clock = orin_nano(tmp_path), Clock()
    load = "/sys/devices/platform/bus@0/17000000.gpu/load"
    watched = probe(board, clock)
    assert watched.read(None, Readings())["gpu_load"] == 0.63
    board.write(load, UNREADABLE)
    clock.now += 1
    assert "gpu_load" not in watched.read(None, Readings())
    board.write(load, 900)
    clock.now += 1
    assert watched.read(None, Readings())["gpu_load"] == 0.9


def test_a_driver_that_comes_late_is_found(tmp_path: Path) -> None:
    board, clock = Board(tmp_path), Clock()
    board.model("NVIDIA Jetson Orin Nano Developer Kit")
    watched = probe(board, clock)
    assert "gpu_load" not in watched.read(None, Readings())
    board.gpu("17000000.gpu", "gpu", 500, 1, 1)
    clock.now += 61
    assert watched.read(None, Readings())["gpu_load"] == 0.5


def test_values_are_read_anew_each_time(tmp_path: Path) -> None:
    board = orin_nano(tmp_path)
    watched = probe(board)
    watched.read(None, Readings())
    board.write("/sys/devices/virtual/thermal/thermal_zone1/temp", 61_500)
    board.write("/var/lib/nvpmodel/status", "pmode:0000")
    readings = watched.read(None, Readings())
    assert ("gpu", 61.5) in readings["temperatures"]
    assert readings["power_mode"] == "15W"
    assert readings["memory_clock_max_hz"] == 2_133_000_000
    board.write("/var/lib/nvpmodel/status", "pmode:0002 fmode:quiet")
    assert "memory_clock_max_hz" not in watched.read(None, Readings())  # it sets no limit
    board.write("/var/lib/nvpmodel/status", "pmode:0007")
    assert watched.read(None, Readings())["power_mode"] == "mode 7"
    watched.close()


# ------------------------------------------------------------------------- the engine's share


def test_root_is_told_the_engines_gpu_memory(tmp_path: Path) -> None:
    board = orin_nano(tmp_path)
    clients = "/sys/kernel/debug/nvmap/iovmm/clients"
    rows = [
        "CLIENT                        PROCESS      PID        SIZE",
        f"user                  python3 -c engine     {ENGINE}   2097152K",
        "user                             Xorg     2651      17876K",
        f"user                          python3     {ENGINE}       1024K",
        "total                                             2116052K",
    ]
    board.write(clients, "\n".join(rows))
    assert read(board, ENGINE)["engine_gpu_bytes"] == (2_097_152 + 1024) * KIB
    assert "engine_gpu_bytes" not in read(board, ENGINE + 1)
    assert "engine_gpu_bytes" not in read(board)
    board.write(clients, UNREADABLE)
    assert "engine_gpu_bytes" not in read(board, ENGINE)


# ------------------------------------------------------------------------------ which machine


@pytest.mark.parametrize("name", BOARDS)
def test_every_board_is_known_as_a_jetson(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    BOARDS[name](tmp_path)
    monkeypatch.setenv(SYSROOT_VARIABLE, str(tmp_path))
    found = jetson.find()
    assert found is not None
    assert found.read(None, Readings())["shared_memory"]


def test_a_container_without_a_device_tree_still_knows_the_gpu(tmp_path: Path) -> None:
    board = agx_orin(tmp_path)
    for hidden in ("/proc/device-tree", "/sys/firmware", "/etc/nv_tegra_release"):
        board.remove(hidden)
    assert tegra.is_jetson(Sysroot(tmp_path))
    readings = read(board)
    assert readings["gpu_load"] == 0.995
    assert readings.keys().isdisjoint({"board_name", "l4t"})


def test_another_arm_board_is_not_a_jetson(tmp_path: Path) -> None:
    board = Board(tmp_path)
    board.write("/proc/device-tree/model", "Rock 5B")
    board.write("/proc/device-tree/compatible", b"radxa,rock-5b\0rockchip,rk3588\0")
    board.gpu("fb000000.gpu", "gpu", "0@300000000Hz", 300_000_000, 1_000_000_000)
    assert not tegra.is_jetson(Sysroot(tmp_path))


def test_a_machine_without_any_of_it_is_not_a_jetson(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SYSROOT_VARIABLE, str(tmp_path))
    assert jetson.find() is None


def test_a_root_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SYSROOT_VARIABLE, str(tmp_path / "nowhere"))
    with pytest.raises(SettingsError, match=SYSROOT_VARIABLE):
        jetson.find()


def test_without_the_variable_the_machines_own_files_are_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(SYSROOT_VARIABLE, raising=False)
    assert Sysroot().real
    monkeypatch.setenv(SYSROOT_VARIABLE, "")
    assert Sysroot().real
    assert "MemTotal" in (Sysroot().text("/proc/meminfo") or "")


def test_the_command_writes_a_board(tmp_path: Path) -> None:
    assert main(["thor", str(tmp_path / "thor")]) == 0
    assert tegra.is_jetson(Sysroot(tmp_path / "thor"))
    assert main(["toaster", str(tmp_path)]) == 2
