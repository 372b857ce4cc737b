from __future__ import annotations

import pytest

from vlmtui.hardware.bandwidth import Bandwidth, measure, of_board, share


@pytest.mark.parametrize(
    ("name", "mode", "gigabytes"),
    [
        ("NVIDIA Jetson Orin Nano Engineering Reference Developer Kit", "15W", 68.0),
        ("NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super", None, 102.4),
        ("NVIDIA Jetson Orin Nano Developer Kit", "MAXN_SUPER", 102.4),
        ("NVIDIA Jetson Orin NX Engineering Reference Developer Kit", None, 102.4),
        ("Jetson AGX Orin Developer Kit", "MAXN", 204.8),
        ("NVIDIA Jetson AGX Thor Developer Kit", None, 273.0),
        ("Jetson-AGX Xavier", None, 136.5),
        ("NVIDIA Jetson Xavier NX Developer Kit", None, 59.7),
        ("Jetson-AGX", None, None),
        ("Raspberry Pi 5 Model B", None, None),
        (None, None, None),
    ],
)
def test_a_boards_bandwidth_is_known_by_its_name(
    name: str | None, mode: str | None, gigabytes: float | None
) -> None:
    found = of_board(name, mode)
    assert (found.bytes_per_s / 1e9 if found else None) == gigabytes


def test_the_share_of_the_limit_is_what_the_documents_figures_say() -> None:
    orin = of_board("Jetson AGX Orin Developer Kit")
    assert orin is not None
    # 4.08 GB at 204.8 GB/s: 50.2 tokens/s at most
    assert share(50.2, 4_080_000_000, orin) == pytest.approx(1.0, abs=0.001)
    assert share(19.3, 4_080_000_000, Bandwidth(102.4e9, "table")) == pytest.approx(0.77, abs=0.005)


def test_measuring_gives_a_plausible_figure() -> None:
    found = measure(seconds=0.05, size=4 * 1024 * 1024)
    assert found.origin == "measured"
    assert 0.1e9 < found.bytes_per_s < 10_000e9
