from __future__ import annotations

import ctypes
import os
from pathlib import Path

import pytest

from tests.hardware.boards import orin_nano
from vlmtui.hardware import bandwidth
from vlmtui.hardware.bandwidth import Bandwidth, bounds, measure, of_machine, share
from vlmtui.hardware.base import Snapshot
from vlmtui.hardware.jetson import readings_now
from vlmtui.hardware.sysroot import Sysroot


def board(
    name: str | None, mode: str | None = None, memory_mhz: int | None = None, gib: int | None = None
) -> Snapshot:
    return Snapshot(
        time=0,
        board_name=name,
        power_mode=mode,
        memory_clock_max_hz=memory_mhz * 1_000_000 if memory_mhz else None,
        ram_total_bytes=gib * 1024**3 if gib else None,
    )


SUPER = "NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super"


@pytest.mark.parametrize(
    ("machine", "gigabytes"),
    [
        (board("NVIDIA Jetson Orin Nano Engineering Reference Developer Kit", "15W"), 68.0),
        (board(SUPER, None), 102.4),
        (board("NVIDIA Jetson Orin Nano Developer Kit", "MAXN_SUPER"), 102.4),
        (board("NVIDIA Jetson Orin NX Engineering Reference Developer Kit"), 102.4),
        (board("Jetson AGX Orin Developer Kit", "MAXN"), 204.8),
        (board("NVIDIA Jetson AGX Thor Developer Kit"), 273.0),
        (board("Jetson-AGX Xavier"), 136.5),
        (board("NVIDIA Jetson Xavier NX Developer Kit"), 59.7),
        (board("NVIDIA Jetson TX1 Developer Kit"), 25.6),
        (board("Jetson-AGX"), None),
        (board("Raspberry Pi 5 Model B"), None),
        (board(None), None),
    ],
)
def test_a_boards_bandwidth_is_known_by_its_name(
    machine: Snapshot, gigabytes: float | None
) -> None:
    found = of_machine(machine)
    assert (found.bytes_per_s / 1e9 if found else None) == gigabytes


@pytest.mark.parametrize(
    ("machine", "gigabytes"),
    [
        (board(SUPER, "15W", 2133), 68.3),
        (board(SUPER, "25W", 3199), 102.4),
        (board("NVIDIA Jetson Orin Nano Developer Kit", "25W", 3199), 102.0),
        (board("Jetson AGX Orin Developer Kit", "MODE_30W", 2133), 136.6),
        (board(SUPER, "MAXN_SUPER", None, 4), 51.2),
        (board("NVIDIA Jetson Orin Nano Developer Kit", "10W", 2133, 4), 34.0),
        (board("NVIDIA Jetson Orin NX Engineering Reference Developer Kit", "25W", 3199, 8), 102.4),
    ],
)
def test_a_power_mode_that_clocks_the_memory_lower_and_half_the_memory_have_less(
    machine: Snapshot, gigabytes: float
) -> None:
    found = of_machine(machine)
    assert found is not None
    assert found.bytes_per_s / 1e9 == pytest.approx(gigabytes, abs=0.05)


def test_a_boards_files_give_the_bandwidth_of_the_mode_that_it_is_in(tmp_path: Path) -> None:
    files = orin_nano(tmp_path)
    for mode, gigabytes in ((0, 68.3), (1, 102.4), (2, 102.4)):
        files.power_mode(mode)
        now = Snapshot(time=0, **readings_now(Sysroot(tmp_path)))
        found = of_machine(now)
        assert found is not None
        assert found.bytes_per_s / 1e9 == pytest.approx(gigabytes, abs=0.05)


def test_the_share_of_the_limit_is_what_the_documents_figures_say() -> None:
    orin = of_machine(board("Jetson AGX Orin Developer Kit"))
    assert orin is not None
    # 4.08 GB at 204.8 GB/s: 50.2 tokens/s at most
    assert share(50.2, 4_080_000_000, orin) == pytest.approx(1.0, abs=0.001)
    assert share(19.3, 4_080_000_000, Bandwidth(102.4e9, "table")) == pytest.approx(0.77, abs=0.005)


def test_what_the_processor_measured_bounds_no_model_on_a_gpu() -> None:
    assert bounds(Bandwidth(1e10, "measured"), gpu=False)
    assert not bounds(Bandwidth(1e10, "measured"), gpu=True)
    assert bounds(Bandwidth(1e10, "table"), gpu=True)


def test_measuring_takes_no_more_than_a_quarter_of_the_available_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Twelve cores with two buffers of 64 MiB each would take 1.5 GiB from a small board."""
    sizes: list[int] = []
    make = ctypes.create_string_buffer

    def note(size: int) -> ctypes.Array[ctypes.c_char]:
        sizes.append(size)
        return make(size)

    available = 80_000_000
    monkeypatch.setattr(ctypes, "create_string_buffer", note)
    monkeypatch.setattr(bandwidth, "_available", lambda: available)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    measure(seconds=0)
    assert len(sizes) == 4
    assert sum(sizes) <= available // 4


def test_measuring_gives_a_plausible_figure() -> None:
    found = measure(seconds=0.05, size=4 * 1024 * 1024)
    assert found.origin == "measured"
    assert 0.1e9 < found.bytes_per_s < 10_000e9
