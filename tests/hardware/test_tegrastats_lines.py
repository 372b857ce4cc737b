"""What lines of tegrastats say: real ones, every variant of the grammar, and nonsense."""

from __future__ import annotations

import random
import string

import pytest

from vlmtui.hardware.base import Figures
from vlmtui.hardware.tegrastats import RailPower, Reading, parse

MIB = 1024 * 1024
MHZ = 1_000_000

# Printed by boards of others (henrygd/beszel, MIT; NVIDIA/skills, Apache-2.0).
ORIN_BUSY = (
    "11-15-2024 08:38:09 RAM 6185/7620MB (lfb 8x2MB) SWAP 851/3810MB (cached 1MB) "
    "CPU [15%@729,11%@729,14%@729,13%@729,11%@729,8%@729] EMC_FREQ 43%@2133 GR3D_FREQ 63%@[621] "
    "NVDEC off NVJPG off NVJPG1 off VIC off OFA off APE 200 cpu@53.968C soc2@52.437C soc0@50.75C "
    "gpu@53.343C tj@53.968C soc1@51.656C VDD_IN 12479mW/12479mW VDD_CPU_GPU_CV 4667mW/4667mW "
    "VDD_SOC 2817mW/2817mW"
)
ORIN_USER = (
    "06-18-2025 11:25:24 RAM 3452/7620MB (lfb 25x4MB) SWAP 1518/16384MB (cached 174MB) "
    "CPU [1%@1420,2%@1420,0%@1420,2%@1420,2%@729,1%@729] GR3D_FREQ 0% cpu@50.031C soc2@49.031C "
    "soc0@50C gpu@49.031C tj@50.25C soc1@50.25C VDD_IN 4824mW/4824mW VDD_CPU_GPU_CV 518mW/518mW "
    "VDD_SOC 1475mW/1475mW"
)
TX2 = (
    "RAM 3276/7859MB (lfb 5x4MB) SWAP 1626/12122MB (cached 181MB) "
    "CPU [44%@1421,49%@2031,67%@2034,17%@1420,25%@1419,8%@1420] EMC_FREQ 1%@1866 GR3D_FREQ 0%@114 "
    "APE 150 MTS fg 1% bg 1% PLL@42.5C MCPU@42.5C PMIC@50C Tboard@38C GPU@39.5C BCPU@42.5C "
    "thermal@41.3C Tdiode@39.25C VDD_SYS_GPU 182/182 VDD_SYS_SOC 730/730 VDD_4V0_WIFI 0/0 "
    "VDD_IN 5297/5297 VDD_SYS_CPU 1917/1917 VDD_SYS_DDR 1241/1241"
)
THOR = (
    "04-21-2026 15:50:52 RAM 105265/125772MB (lfb 34x4MB) CPU [0%@972,0%@972] EMC_FREQ 0%@2750 "
    "GR3D_FREQ @[314,314,314] NVENC0_FREQ @314 NVENC1_FREQ @314 NVDEC0_FREQ @314 NVDEC1_FREQ @314 "
    "NVJPG0_FREQ @314 VIC off OFA_FREQ @315 PVA0_FREQ off APE 300 cpu@37.343C tj@38.875C "
    "soc012@37.468C gpu@38.875C soc345@37.406C VDD_GPU 1962mW/1962mW VDD_CPU_SOC_MSS 5887mW/5887mW "
    "VIN_SYS_5V0 5635mW/5635mW VIN 19780mW/19780mW"
)
LINES = (ORIN_BUSY, ORIN_USER, TX2, THOR)


def rail(name: str, now: float, average: float | None = None) -> RailPower:
    return RailPower(name, now, now if average is None else average)


def test_a_busy_orin() -> None:
    assert parse(ORIN_BUSY) == Reading(
        ram_used_bytes=6185 * MIB,
        ram_total_bytes=7620 * MIB,
        swap_used_bytes=851 * MIB,
        swap_total_bytes=3810 * MIB,
        core_loads=(0.15, 0.11, 0.14, 0.13, 0.11, 0.08),
        core_clocks_hz=(729 * MHZ,) * 6,
        emc_load=0.43,
        emc_clock_hz=2133 * MHZ,
        gpu_load=0.63,
        gpu_clocks_hz=(621 * MHZ,),
        temperatures=(
            ("cpu", 53.968),
            ("soc2", 52.437),
            ("soc0", 50.75),
            ("gpu", 53.343),
            ("tj", 53.968),
            ("soc1", 51.656),
        ),
        rails=(rail("VDD_IN", 12.479), rail("VDD_CPU_GPU_CV", 4.667), rail("VDD_SOC", 2.817)),
    )
    assert parse(ORIN_BUSY).figures() == Figures(
        ram_total_bytes=7620 * MIB,
        ram_available_bytes=(7620 - 6185) * MIB,
        cpu_core_loads=(0.15, 0.11, 0.14, 0.13, 0.11, 0.08),
        gpu_load=0.63,
        gpu_clock_hz=621 * MHZ,
        temperatures=parse(ORIN_BUSY).temperatures,
        power_w=12.479,
        power_rails=(("VDD_IN", 12.479), ("VDD_CPU_GPU_CV", 4.667), ("VDD_SOC", 2.817)),
    )


def test_an_orin_asked_without_root() -> None:
    reading = parse(ORIN_USER)
    assert reading == Reading(
        ram_used_bytes=3452 * MIB,
        ram_total_bytes=7620 * MIB,
        swap_used_bytes=1518 * MIB,
        swap_total_bytes=16384 * MIB,
        core_loads=(0.01, 0.02, 0.0, 0.02, 0.02, 0.01),
        core_clocks_hz=(*(1420 * MHZ,) * 4, 729 * MHZ, 729 * MHZ),
        gpu_load=0.0,
        temperatures=(
            ("cpu", 50.031),
            ("soc2", 49.031),
            ("soc0", 50.0),
            ("gpu", 49.031),
            ("tj", 50.25),
            ("soc1", 50.25),
        ),
        rails=(rail("VDD_IN", 4.824), rail("VDD_CPU_GPU_CV", 0.518), rail("VDD_SOC", 1.475)),
    )
    assert reading.figures()["power_w"] == 4.824


def test_a_tx2() -> None:
    reading = parse(TX2)
    assert reading == Reading(
        ram_used_bytes=3276 * MIB,
        ram_total_bytes=7859 * MIB,
        swap_used_bytes=1626 * MIB,
        swap_total_bytes=12122 * MIB,
        core_loads=(0.44, 0.49, 0.67, 0.17, 0.25, 0.08),
        core_clocks_hz=tuple(clock * MHZ for clock in (1421, 2031, 2034, 1420, 1419, 1420)),
        emc_load=0.01,
        emc_clock_hz=1866 * MHZ,
        gpu_load=0.0,
        gpu_clocks_hz=(114 * MHZ,),
        temperatures=(
            ("PLL", 42.5),
            ("MCPU", 42.5),
            ("PMIC", 50.0),
            ("Tboard", 38.0),
            ("GPU", 39.5),
            ("BCPU", 42.5),
            ("thermal", 41.3),
            ("Tdiode", 39.25),
        ),
        rails=(
            rail("VDD_SYS_GPU", 0.182),
            rail("VDD_SYS_SOC", 0.73),
            rail("VDD_4V0_WIFI", 0.0),
            rail("VDD_IN", 5.297),
            rail("VDD_SYS_CPU", 1.917),
            rail("VDD_SYS_DDR", 1.241),
        ),
    )
    assert reading.figures()["power_w"] == 5.297


def test_a_thor_has_three_clocks_and_no_load() -> None:
    reading = parse(THOR)
    assert reading == Reading(
        ram_used_bytes=105_265 * MIB,
        ram_total_bytes=125_772 * MIB,
        core_loads=(0.0, 0.0),
        core_clocks_hz=(972 * MHZ, 972 * MHZ),
        emc_load=0.0,
        emc_clock_hz=2750 * MHZ,
        gpu_clocks_hz=(314 * MHZ,) * 3,
        temperatures=(
            ("cpu", 37.343),
            ("tj", 38.875),
            ("soc012", 37.468),
            ("gpu", 38.875),
            ("soc345", 37.406),
        ),
        rails=(
            rail("VDD_GPU", 1.962),
            rail("VDD_CPU_SOC_MSS", 5.887),
            rail("VIN_SYS_5V0", 5.635),
            rail("VIN", 19.78),
        ),
    )
    figures = reading.figures()
    assert "gpu_load" not in figures
    assert figures["gpu_clock_hz"] == 314 * MHZ
    assert figures["power_w"] == 19.78


# --------------------------------------------------------------------------- variants, by field


@pytest.mark.parametrize(
    ("line", "load", "clocks"),
    [
        ("GR3D_FREQ 12%", 0.12, ()),
        ("GR3D_FREQ 12%@114", 0.12, (114,)),
        ("GR3D_FREQ 100%@[621]", 1.0, (621,)),
        ("GR3D_FREQ 0%@[0,305]", 0.0, (0, 305)),
        ("GR3D_FREQ @[314,314,314]", None, (314, 314, 314)),
        ("GR3D_FREQ @314", None, (314,)),
        ("GR3D 7%@998", 0.07, (998,)),
        ("GR3D_FREQ 12%@600 GR3D2_FREQ 40%@700", 0.4, (600, 700)),
        ("GR3D 12%@600 GR3D2 4%@700", 0.12, (600, 700)),
        ("GR3D_FREQ off", None, ()),
        ("GR3D_FREQ", None, ()),
        ("GR3D_FREQ 101%", None, ()),
        ("GR3D_FREQ 1000%@5", None, ()),
        ("XGR3D_FREQ 5%", None, ()),
    ],
)
def test_the_gpus_load_and_clocks(line: str, load: float | None, clocks: tuple[int, ...]) -> None:
    reading = parse(f"APE 150 {line} VIC off")
    assert reading.gpu_load == load
    assert reading.gpu_clocks_hz == tuple(clock * MHZ for clock in clocks)


@pytest.mark.parametrize(
    ("cores", "loads", "clocks"),
    [
        ("[0%,5%,off]@2601", (0.0, 0.05, None), (2601, 2601, None)),
        ("[off,off,9%@1190]", (None, None, 0.09), (None, None, 1190)),
        ("[1%@102, 2%@102]", (0.01, 0.02), (102, 102)),
        ("[3%]", (0.03,), (None,)),
        ("[?,4%@5]", (None, 0.04), (None, 5)),
    ],
)
def test_the_cores(
    cores: str, loads: tuple[float | None, ...], clocks: tuple[int | None, ...]
) -> None:
    for name in ("CPU", "cpu"):
        reading = parse(f"RAM 1/2MB {name} {cores} EMC_FREQ 0%")
        assert reading.core_loads == loads
        assert reading.core_clocks_hz == tuple(
            clock * MHZ if clock is not None else None for clock in clocks
        )


@pytest.mark.parametrize(
    ("line", "temperatures"),
    [
        ("cpu@50C", (("cpu", 50.0),)),
        ("CPU@50.5C GPU@-3.5C", (("CPU", 50.5), ("GPU", -3.5))),
        ("cpu@50c", (("cpu", 50.0),)),
        ("cpu@50C/97C", (("cpu", 50.0),)),
        ("cpu@50.1/97.5C", (("cpu", 50.1),)),
        ("cpu@50.1C/97.5", (("cpu", 50.1),)),
        ("CPU-therm@33.5C gpu-thermal@34C", (("CPU", 33.5), ("gpu", 34.0))),
        ("cv0@-256C cv1@-256.000C", ()),
        ("cpu@729 NVENC0_FREQ @314 cpu@C x@5CC @50C", ()),
        ("cpu@50.1.2C", ()),
    ],
)
def test_temperatures(line: str, temperatures: tuple[tuple[str, float], ...]) -> None:
    assert parse(f"APE 150 {line} VDD_IN 5/5").temperatures == temperatures


@pytest.mark.parametrize(
    ("line", "rails"),
    [
        ("VDD_IN 5297", (RailPower("VDD_IN", 5.297),)),
        ("VDD_IN 5297mW", (RailPower("VDD_IN", 5.297),)),
        ("VDD_IN 5297/5000", (RailPower("VDD_IN", 5.297, 5.0),)),
        ("VDD_IN 5297mW/5000mW", (RailPower("VDD_IN", 5.297, 5.0),)),
        ("VDD_IN 5297/5000/9000", (RailPower("VDD_IN", 5.297, 5.0, 9.0),)),
        ("VDD_IN 5297mW/5000mW/9000mW", (RailPower("VDD_IN", 5.297, 5.0, 9.0),)),
        ("GPU 120mW", (RailPower("GPU", 0.12),)),
        ("SYS5V 1458/1400", (RailPower("SYS5V", 1.458, 1.4),)),
        ("POM_5V_IN 2532/2532", (RailPower("POM_5V_IN", 2.532, 2.532),)),
        ("VDD_GPU -392mW/-392mW", (RailPower("VDD_GPU", -0.392, -0.392),)),
        ("NC 0mW/0mW NC 0mW/0mW", ()),
        ("APE 150 MSENC 268 SE 300", ()),
        ("VDD_IN 1/2/3/4 VDD_IN mW VDD_IN 5W VDD_IN /5", ()),
    ],
)
def test_power(line: str, rails: tuple[RailPower, ...]) -> None:
    assert parse(f"GR3D_FREQ 0% {line}").rails == rails


def test_the_totals_of_the_large_boards_are_sums() -> None:
    orin = "VDD_GPU_SOC 1000mW/1mW NC 0mW/0mW VDD_CPU_CV 200mW/1mW VIN_SYS_5V0 3000mW/1mW"
    assert parse(orin).figures()["power_w"] == pytest.approx(4.2)
    xavier = "GPU 120/100 CPU 468/450 SOC 937/900 CV 0/0 VDDRQ 312/234 SYS5V 1458/1400"
    assert parse(xavier).figures()["power_w"] == pytest.approx(3.295)
    assert "power_w" not in parse("VDD_GPU_SOC 1000mW/1mW VDD_CPU_CV 200mW/1mW").figures()


@pytest.mark.parametrize(
    ("line", "used", "total"),
    [
        ("RAM 1/2MB", MIB, 2 * MIB),
        ("RAM 1024/2048kB (lfb 1x4MB)", MIB, 2 * MIB),
        ("RAM 1/2GB", 1024 * MIB, 2048 * MIB),
        ("IRAM 0/252kB(lfb 252kB)", None, None),
        ("RAM 1/MB", None, None),
    ],
)
def test_memory(line: str, used: int | None, total: int | None) -> None:
    reading = parse(f"{line} CPU [1%]")
    assert (reading.ram_used_bytes, reading.ram_total_bytes) == (used, total)
    assert reading.swap_total_bytes is None


@pytest.mark.parametrize(
    ("line", "load", "clock"),
    [
        ("EMC_FREQ 43%@2133", 0.43, 2133),
        ("EMC 5%@1600", 0.05, 1600),
        ("EMC_FREQ @665", None, 665),
        ("EMC_FREQ 0%", 0.0, None),
    ],
)
def test_the_memorys_load(line: str, load: float | None, clock: int | None) -> None:
    reading = parse(line)
    assert reading.emc_load == load
    assert reading.emc_clock_hz == (clock * MHZ if clock is not None else None)


def test_more_in_use_than_there_is_leaves_nothing_available() -> None:
    assert parse("RAM 9/8MB").figures()["ram_available_bytes"] == 0


# --------------------------------------------------------------------------------- nonsense


@pytest.mark.parametrize(
    "line", ["", " ", "\n", "tegrastats: not found", "\0" * 100, "\x1b[31m", "@"]
)
def test_a_line_without_figures_is_empty(line: str) -> None:
    assert parse(line) == Reading()
    assert parse(line).figures() == Figures()


@pytest.mark.parametrize("seed", range(8))
def test_no_mutation_of_a_line_raises(seed: int) -> None:
    dice = random.Random(seed)
    alphabet = string.printable + "[]%@/,.-0123456789mWC \0\x1b٣é😀"
    for _ in range(100):
        line = list(dice.choice(LINES))
        for _ in range(dice.randint(1, 40)):
            at = dice.randrange(len(line) + 1)
            match dice.randrange(4):
                case 0:
                    del line[at : at + dice.randint(1, 30)]
                case 1:
                    line[at:at] = dice.choices(alphabet, k=dice.randint(1, 10))
                case 2:
                    line[at:at] = line[at : at + 40] * dice.randint(1, 3)
                case _:
                    line[at:at] = "9" * dice.choice((5, 20, 5000))
        figures = parse("".join(line)).figures()
        assert all(load is None or 0 <= load <= 1 for load in figures.get("cpu_core_loads", ()))
        assert 0 <= figures.get("gpu_load", 0) <= 1


@pytest.mark.parametrize(
    "piece",
    [
        "[",
        "CPU [",
        "CPU [0%,",
        "GR3D_FREQ @[1,",
        "cpu@5",
        "VDD_IN 1/",
        "RAM ",
        "a@1.1/",
        "9",
        "A",
        " ",
    ],
)
def test_a_line_made_to_be_slow_comes_to_an_end(piece: str) -> None:
    """Not timed: a pattern that backtracks without bound would run into the test's own limit."""
    parse(piece * 1_000_000)
    parse("CPU " + piece * 1_000_000)
