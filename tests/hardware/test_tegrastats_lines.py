"""What lines of tegrastats say: real ones, every variant of the grammar, and nonsense."""

from __future__ import annotations

import random
import string

import pytest

from vlmtui.hardware.base import Rail, Readings
from vlmtui.hardware.tegrastats import parse

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
# Of older and other boards (DataDog/datadog-agent, Apache-2.0, and lines in public issues).
NANO = (
    "RAM 613/3964MB (lfb 634x4MB) SWAP 0/1982MB (cached 0MB) CPU [2%@102,1%@102,0%@102,0%@102] "
    "EMC_FREQ 0% GR3D_FREQ 0% PLL@39C CPU@40.5C PMIC@100C GPU@41C AO@46C thermal@41C "
    "POM_5V_IN 900/943 POM_5V_GPU 0/0 POM_5V_CPU 123/123"
)
TX1 = (
    "RAM 1179/3983MB (lfb 120x4MB) IRAM 0/252kB(lfb 252kB) CPU [1%@102,4%@102,0%@102,0%@102] "
    "EMC_FREQ 7%@408 GR3D_FREQ 0%@76 APE 25 AO@42.5C CPU@37.5C GPU@39C PLL@37C Tdiode@42.75C "
    "PMIC@100C Tboard@42C thermal@38.5C VDD_IN 2532/2698 VDD_CPU 76/178 VDD_GPU 19/19"
)
TX1_JETPACK_3 = (
    "RAM 3607/3983MB (lfb 47x4MB) SWAP 873/8192MB (cached 281MB) cpu [17%,11%,65%,0%]@1734 "
    "EMC 1%@1600 APE 25 GR3D 39%@76"
)
TX2_CORES_OFF = (
    "RAM 1345/7829MB (lfb 1290x4MB) SWAP 0/512MB (cached 0MB) CPU [2%@345,off,off,off,off,off] "
    "EMC_FREQ 13%@40 GR3D_FREQ 0%@114 APE 150 BCPU@35C MCPU@35C GPU@41C PLL@35C AO@35.5C "
    "Tboard@35C Tdiode@36C PMIC@100C thermal@35.5C VDD_IN 2003/2658 VDD_CPU 320/518 "
    "VDD_GPU 400/735 VDD_SOC 400/415 VDD_WIFI 0/0 VDD_DDR 240/348"
)
XAVIER_NX = (
    "RAM 2690/6854MB (lfb 6x1MB) SWAP 479/3427MB (cached 3MB) "
    "CPU [3%@1904,7%@1906,1%@1905,0%@1907,off,off] EMC_FREQ 0%@1600 GR3D_FREQ 0%@[510] "
    "VIC_FREQ 601 APE 150 AUX@39C CPU@39.5C AO@37.5C GPU@37.5C PMIC@50C VDD_IN 5079mW/5079mW "
    "VDD_CPU_GPU_CV 696mW/696mW VDD_SOC 1104mW/1104mW"
)
AGX_XAVIER = (
    "RAM 10881/31919MB (lfb 4230x4MB) SWAP 0/15959MB (cached 0MB) CPU [17%@1190,17%@1190,18%@1190,"
    "25%@1190,17%@1336,15%@1340,23%@1543,15%@1574] EMC_FREQ 55%@2133 GR3D_FREQ 95%@1377 APE 150 "
    "MTS fg 0% bg 10% AO@48C GPU@54.5C Tdiode@53.25C PMIC@100C AUX@46C CPU@49C thermal@49.45C "
    "Tboard@47C GPU 18401/18525 CPU 2301/2330 SOC 4602/4602 CV 0/0 VDDRQ 2914/2911 SYS5V 4632/4620"
)
AGX_ORIN_JETPACK_5 = (
    "10-16-2023 10:59:22 RAM 1205/30623MB (lfb 6429x4MB) SWAP 0/15311MB (cached 0MB) CPU [0%@729,"
    "0%@729,1%@729,0%@729,0%@729,0%@730,0%@730,0%@729,0%@729,0%@729,0%@729,0%@729] EMC_FREQ 0%@204 "
    "GR3D_FREQ 0%@114 GR3D2_FREQ 0%@114 NVJPG1 729 VIC_FREQ 729 APE 233 CV0@-256C CPU@43.5C "
    "Tdiode@32.5C SOC2@40.062C SOC0@40.5C CV1@-256C GPU@38.156C SOC1@39.125C CV2@-256C "
    "VDD_GPU_SOC 4788mW/4788mW VDD_CPU_CV 798mW/798mW VIN_SYS_5V0 3842mW/3842mW NC 0mW/0mW "
    "VDDQ_VDD2_1V8AO 707mW/707mW NC 0mW/0mW"
)
AGX_ORIN_JETPACK_6 = (
    "03-17-2024 18:54:10 RAM 10239/62841MB (lfb 442x4MB) SWAP 1/31421MB (cached 0MB) CPU [0%@1728,"
    "0%@1728,0%@1728,0%@1728,0%@1420,0%@1420,0%@1420,0%@1420,off,off,off,off] GR3D_FREQ 0% "
    "cpu@37.5C tboard@27C soc2@34.562C tdiode@27.5C soc0@34.531C tj@37.5C soc1@33.656C "
    "VDD_GPU_SOC 1592mW/1592mW VDD_CPU_CV -398mW/-398mW VIN_SYS_5V0 2624mW/2624mW "
    "VDDQ_VDD2_1V8AO 403mW/403mW"
)
ORIN_NX_POWERED_DOWN = (
    "01-24-2024 09:17:09 RAM 3503/7337MB (lfb 7x1MB) SWAP 430/3668MB (cached 1MB) "
    "CPU [11%@729,13%@729,9%@729,18%@729,off,off] EMC_FREQ 0%@2133 GR3D_FREQ 0%@305 "
    "GR3D2_FREQ 0%@0 VIC_FREQ 115 APE 174 CV0@42.718C CPU@44.093C SOC2@42.625C SOC0@43.281C "
    "CV1@42.25C GPU@41.343C tj@46.968C SOC1@46.968C CV2@42.875C VDD_IN 4915mW/4915mW "
    "VDD_CPU_GPU_CV 449mW/449mW VDD_SOC 1431mW/1431mW"
)
THOR_JETPACK_7_2 = (
    "08-08-2026 21:00:39 RAM 8353/125749MB (lfb 31x4MB) CPU [90%@2601,75%@2601,off,7%@2601] "
    "EMC_FREQ 34%@4266 GR3D_FREQ 87%@[1574,1574,1574] NVENC0_FREQ @1691 VIC off "
    "cpu@58.25C/61.75C tj@66.625C/66.625C gpu@56.937C/66.625C soc012@55.375C/58.781C "
    "soc345@55.812C/60.031C VDD_GPU 37939mW/8660mW/37939mW VDD_CPU_SOC_MSS 30059mW/12281mW/30059mW "
    "VIN_SYS_5V0 15486mW/7424mW/15486mW VIN 124486mW/36487mW/124486mW"
)
LINES = (
    ORIN_BUSY,
    ORIN_USER,
    TX2,
    THOR,
    NANO,
    TX1,
    TX1_JETPACK_3,
    TX2_CORES_OFF,
    XAVIER_NX,
    AGX_XAVIER,
    AGX_ORIN_JETPACK_5,
    AGX_ORIN_JETPACK_6,
    ORIN_NX_POWERED_DOWN,
    THOR_JETPACK_7_2,
)


def test_a_busy_orin() -> None:
    assert parse(ORIN_BUSY) == Readings(
        ram_total_bytes=7620 * MIB,
        ram_available_bytes=(7620 - 6185) * MIB,
        cpu_core_loads=(0.15, 0.11, 0.14, 0.13, 0.11, 0.08),
        gpu_load=0.63,
        gpu_clock_hz=621 * MHZ,
        temperatures=(
            ("cpu", 53.968),
            ("soc2", 52.437),
            ("soc0", 50.75),
            ("gpu", 53.343),
            ("tj", 53.968),
            ("soc1", 51.656),
        ),
        power_w=12.479,
        power_rails=(("VDD_IN", 12.479), ("VDD_CPU_GPU_CV", 4.667), ("VDD_SOC", 2.817)),
    )


def test_an_orin_asked_without_root() -> None:
    assert parse(ORIN_USER) == Readings(
        ram_total_bytes=7620 * MIB,
        ram_available_bytes=(7620 - 3452) * MIB,
        cpu_core_loads=(0.01, 0.02, 0.0, 0.02, 0.02, 0.01),
        gpu_load=0.0,
        temperatures=(
            ("cpu", 50.031),
            ("soc2", 49.031),
            ("soc0", 50.0),
            ("gpu", 49.031),
            ("tj", 50.25),
            ("soc1", 50.25),
        ),
        power_rails=(Rail("VDD_IN", 4.824), Rail("VDD_CPU_GPU_CV", 0.518), Rail("VDD_SOC", 1.475)),
        power_w=4.824,
    )


def test_a_tx2() -> None:
    assert parse(TX2) == Readings(
        ram_total_bytes=7859 * MIB,
        ram_available_bytes=(7859 - 3276) * MIB,
        cpu_core_loads=(0.44, 0.49, 0.67, 0.17, 0.25, 0.08),
        gpu_load=0.0,
        gpu_clock_hz=114 * MHZ,
        temperatures=(
            ("PLL", 42.5),
            ("MCPU", 42.5),
            ("Tboard", 38.0),
            ("GPU", 39.5),
            ("BCPU", 42.5),
            ("thermal", 41.3),
            ("Tdiode", 39.25),
        ),
        power_rails=(
            Rail("VDD_SYS_GPU", 0.182),
            Rail("VDD_SYS_SOC", 0.73),
            Rail("VDD_4V0_WIFI", 0.0),
            Rail("VDD_IN", 5.297),
            Rail("VDD_SYS_CPU", 1.917),
            Rail("VDD_SYS_DDR", 1.241),
        ),
        power_w=5.297,
    )


def test_a_thor_has_three_clocks_and_no_load() -> None:
    assert parse(THOR) == Readings(
        ram_total_bytes=125_772 * MIB,
        ram_available_bytes=(125_772 - 105_265) * MIB,
        cpu_core_loads=(0.0, 0.0),
        gpu_clock_hz=314 * MHZ,
        temperatures=(
            ("cpu", 37.343),
            ("tj", 38.875),
            ("soc012", 37.468),
            ("gpu", 38.875),
            ("soc345", 37.406),
        ),
        power_rails=(
            Rail("VDD_GPU", 1.962),
            Rail("VDD_CPU_SOC_MSS", 5.887),
            Rail("VIN_SYS_5V0", 5.635),
            Rail("VIN", 19.78),
        ),
        power_w=19.78,
    )


@pytest.mark.parametrize(
    ("line", "cores", "gpu_load", "gpu_mhz", "gpu_c", "total_w", "rails"),
    [
        (NANO, 4, 0.0, 0, 41.0, 0.9, 3),
        (TX1, 4, 0.0, 76, 39.0, 2.532, 3),
        (TX1_JETPACK_3, 4, 0.39, 76, None, None, 0),
        (TX2_CORES_OFF, 6, 0.0, 114, 41.0, 2.003, 6),
        (XAVIER_NX, 6, 0.0, 510, 37.5, 5.079, 3),
        (AGX_XAVIER, 8, 0.95, 1377, 54.5, 32.85, 6),
        (AGX_ORIN_JETPACK_5, 12, 0.0, 114, 38.156, 9.428, 4),
        (AGX_ORIN_JETPACK_6, 12, 0.0, 0, None, 3.818, 4),
        (ORIN_NX_POWERED_DOWN, 6, 0.0, 305, 41.343, 4.915, 3),
        (THOR_JETPACK_7_2, 4, 0.87, 1574, 56.937, 124.486, 4),
    ],
)
def test_boards_from_jetpack_3_to_7(
    line: str,
    cores: int,
    gpu_load: float,
    gpu_mhz: int,
    gpu_c: float | None,
    total_w: float | None,
    rails: int,
) -> None:
    reading = parse(line)
    assert len(reading["cpu_core_loads"]) == cores
    assert reading["cpu_core_loads"].count(None) == line.count(",off")
    assert reading["gpu_load"] == gpu_load
    assert reading.get("gpu_clock_hz", 0) == gpu_mhz * MHZ
    by_name = {sensor.name.lower(): sensor.celsius for sensor in reading.get("temperatures", ())}
    assert by_name.get("gpu") == gpu_c
    assert len(reading.get("power_rails", ())) == rails
    assert reading.get("power_w") == pytest.approx(total_w)
    assert reading["ram_total_bytes"] == int(line.split("/")[1].split("MB")[0]) * MIB


# --------------------------------------------------------------------------- variants, by field


@pytest.mark.parametrize(
    ("line", "load", "clock"),
    [
        ("GR3D_FREQ 12%", 0.12, 0),
        ("GR3D_FREQ 12%@114", 0.12, 114),
        ("GR3D_FREQ 100%@[621]", 1.0, 621),
        ("GR3D_FREQ 0%@[0,305]", 0.0, 305),
        ("GR3D_FREQ @[314,314,314]", None, 314),
        ("GR3D_FREQ @314", None, 314),
        ("GR3D_FREQ 20%@[300,off,600]", 0.2, 600),
        ("GR3D_FREQ @[300, off,,N/A,600]", None, 600),
        ("GR3D_FREQ 9%@off", 0.09, 0),
        ("GR3D 7%@998", 0.07, 998),
        ("GR3D_FREQ 12%@600 GR3D2_FREQ 40%@700", 0.4, 700),
        ("GR3D 12%@600 GR3D2 4%@700", 0.12, 700),
        ("GR3D_FREQ off", None, 0),
        ("GR3D_FREQ", None, 0),
        ("GR3D_FREQ 101%", None, 0),
        ("GR3D_FREQ 1000%@5", None, 0),
        ("XGR3D_FREQ 5%", None, 0),
    ],
)
def test_the_gpus_load_and_the_fastest_clock(line: str, load: float | None, clock: int) -> None:
    reading = parse(f"APE 150 {line} VIC off")
    assert reading.get("gpu_load") == load
    assert reading.get("gpu_clock_hz", 0) == clock * MHZ


@pytest.mark.parametrize(
    ("cores", "loads"),
    [
        ("[0%,5%,off]@2601", (0.0, 0.05, None)),
        ("[off,off,9%@1190]", (None, None, 0.09)),
        ("[1%@102, 2%@102]", (0.01, 0.02)),
        ("[3%]", (0.03,)),
        ("[?,4%@5]", (None, 0.04)),
    ],
)
def test_the_cores(cores: str, loads: tuple[float | None, ...]) -> None:
    for name in ("CPU", "cpu"):
        assert parse(f"RAM 1/2MB {name} {cores} EMC_FREQ 0%")["cpu_core_loads"] == loads


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
        ("PMIC@100C PMIC-Die@50C pmic@50C PMICX@41C", (("PMICX", 41.0),)),
        ("cpu@729 NVENC0_FREQ @314 cpu@C x@5CC @50C", ()),
        ("cpu@50.1.2C", ()),
    ],
)
def test_temperatures(line: str, temperatures: tuple[tuple[str, float], ...]) -> None:
    assert parse(f"APE 150 {line} VDD_IN 5/5").get("temperatures", ()) == temperatures


@pytest.mark.parametrize(
    ("line", "rails"),
    [
        ("VDD_IN 5297", (Rail("VDD_IN", 5.297),)),
        ("VDD_IN 5297mW", (Rail("VDD_IN", 5.297),)),
        ("VDD_IN 5297/5000", (Rail("VDD_IN", 5.297),)),
        ("VDD_IN 5297mW/5000mW", (Rail("VDD_IN", 5.297),)),
        ("VDD_IN 5297/5000/9000", (Rail("VDD_IN", 5.297),)),
        ("VDD_IN 5297mW/5000mW/9000mW", (Rail("VDD_IN", 5.297),)),
        ("GPU 120mW", (Rail("GPU", 0.12),)),
        ("SYS5V 1458/1400", (Rail("SYS5V", 1.458),)),
        ("POM_5V_IN 2532/2532", (Rail("POM_5V_IN", 2.532),)),
        ("VDD_GPU -392mW/-392mW", (Rail("VDD_GPU", -0.392),)),
        ("NC 0mW/0mW NC 0mW/0mW", ()),
        ("APE 150 MSENC 268 SE 300", ()),
        ("VDD_IN 1/2/3/4 VDD_IN mW VDD_IN 5W VDD_IN /5", ()),
    ],
)
def test_power(line: str, rails: tuple[Rail, ...]) -> None:
    assert parse(f"GR3D_FREQ 0% {line}").get("power_rails", ()) == rails


def test_the_totals_of_the_large_boards_are_sums() -> None:
    orin = "VDD_GPU_SOC 1000mW/1mW NC 0mW/0mW VDD_CPU_CV 200mW/1mW VIN_SYS_5V0 3000mW/1mW"
    assert parse(orin)["power_w"] == pytest.approx(4.2)
    xavier = "GPU 120/100 CPU 468/450 SOC 937/900 CV 0/0 VDDRQ 312/234 SYS5V 1458/1400"
    assert parse(xavier)["power_w"] == pytest.approx(3.295)
    assert "power_w" not in parse("VDD_GPU_SOC 1000mW/1mW VDD_CPU_CV 200mW/1mW")


@pytest.mark.parametrize(
    ("line", "free", "total"),
    [
        ("RAM 1/2MB", MIB, 2 * MIB),
        ("RAM 1024/2048kB (lfb 1x4MB)", MIB, 2 * MIB),
        ("RAM 1/2GB", 1024 * MIB, 2048 * MIB),
        ("IRAM 0/252kB(lfb 252kB)", None, None),
        ("RAM 1/MB", None, None),
    ],
)
def test_memory(line: str, free: int | None, total: int | None) -> None:
    reading = parse(f"{line} CPU [1%]")
    names = ("ram_available_bytes", "ram_total_bytes")
    assert tuple(map(reading.get, names)) == (free, total)


def test_more_in_use_than_there_is_leaves_nothing_available() -> None:
    assert parse("RAM 9/8MB")["ram_available_bytes"] == 0


# --------------------------------------------------------------------------------- nonsense


@pytest.mark.parametrize(
    "line", ["", " ", "\n", "tegrastats: not found", "\0" * 100, "\x1b[31m", "@"]
)
def test_a_line_without_figures_is_empty(line: str) -> None:
    assert parse(line) == Readings()
    assert parse(line) == Readings()


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
        readings = parse("".join(line))
        assert all(load is None or 0 <= load <= 1 for load in readings.get("cpu_core_loads", ()))
        assert 0 <= readings.get("gpu_load", 0) <= 1


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
