"""Figures as people read them, also where rounding takes one to the next unit."""

from __future__ import annotations

import pytest

from vlmtui import units


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (None, "–"),
        (0, "0 B"),
        (999, "999 B"),
        (999_499, "999 kB"),
        (999_500, "1 MB"),
        (312_400_000, "312 MB"),
        (999_499_999, "999 MB"),
        (999_500_000, "1.0 GB"),
        (4_081_000_000, "4.1 GB"),
    ],
)
def test_sizes(count: int | None, shown: str) -> None:
    assert units.size(count) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"),
        (0.0, "0 ms"),
        (0.085, "85 ms"),
        (0.0996, "0.10 s"),
        (1.294, "1.29 s"),
        (9.994, "9.99 s"),
        (9.996, "10.0 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 0 s"),
        (72.3, "1 min 12 s"),
        (119.6, "2 min 0 s"),
    ],
)
def test_seconds(value: float | None, shown: str) -> None:
    assert units.seconds(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.2, "1 s"), (38.4, "38 s"), (59.6, "1 min"), (95, "1 min 35 s"), (7500, "2 h 05 min")],
)
def test_time_left(value: float, shown: str) -> None:
    assert units.duration(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "–"), (4.24, "4.2"), (99.94, "99.9"), (99.96, "100"), (128.4, "128")],
)
def test_rates(value: float | None, shown: str) -> None:
    assert units.rate(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (812, "812"),
        (4096, "4,096"),
        (5_000_000, "5M"),
        (999_885_952, "1B"),
        (7_240_000_000, "7.24B"),
    ],
)
def test_counts(value: int, shown: str) -> None:
    assert units.count(value) == shown


def test_shares_power_and_temperatures() -> None:
    assert (units.percent(0.634), units.percent(1)) == ("63 %", "100 %")
    assert [units.watts(value) for value in (12.46, 99.96, 128.4)] == ["12.5 W", "100 W", "128 W"]
    assert units.celsius(52.6) == "53 °C"
