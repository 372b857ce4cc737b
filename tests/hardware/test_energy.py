from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlmtui.hardware.energy import EnergyMeter


def test_power_is_integrated_over_the_turn_and_idle_power_taken_off() -> None:
    meter = EnergyMeter()
    for second in range(5):
        meter.sample(second, 5.0, None)
    meter.begin()
    for second in range(5, 9):
        meter.sample(second, 15.0, "decode")
    energy = meter.energy()
    assert energy is not None
    # 5 W to 15 W over one second is 10 J, then three seconds of 15 W
    assert energy.total_j == pytest.approx(10 + 3 * 15)
    assert energy.idle_w == 5.0
    assert energy.net_j == pytest.approx(55 - 4 * 5)
    assert energy.seconds == 4


def test_each_phase_has_its_own_share() -> None:
    meter = EnergyMeter()
    meter.sample(0, 4.0, None)
    meter.begin()
    meter.sample(1, 4.0, "encode")
    meter.sample(2, 14.0, "decode")
    meter.sample(3, 14.0, "decode")
    energy = meter.energy()
    assert energy is not None
    assert energy.phases == {"encode": pytest.approx(0.0), "decode": pytest.approx(5.0 + 10.0)}


def test_a_turn_at_the_power_of_rest_takes_nothing() -> None:
    meter = EnergyMeter()
    meter.sample(0.1, 12.479, None)
    meter.begin()
    for fifth in range(1, 30):
        meter.sample(0.1 + fifth * 0.2, 12.479, "decode")
    energy = meter.energy()
    assert energy is not None
    assert energy.net_j == 0
    assert energy.phases == {"decode": 0}


def test_without_a_power_sensor_there_is_no_energy() -> None:
    meter = EnergyMeter()
    meter.begin()
    meter.sample(0, None, "decode")
    meter.sample(1, None, "decode")
    assert meter.energy() is None


def test_time_without_samples_is_not_invented() -> None:
    meter = EnergyMeter()
    meter.begin()
    meter.sample(0, 10.0, "decode")
    meter.sample(100, 10.0, "decode")
    meter.sample(101, None, "decode")
    meter.sample(102, 10.0, "decode")
    meter.sample(103, 10.0, "decode")
    energy = meter.energy()
    assert energy is not None
    assert energy.seconds == 1
    assert energy.total_j == pytest.approx(10.0)
    assert energy.net_j == pytest.approx(10.0)  # never seen at rest: nothing to take off


def test_the_next_turn_begins_at_zero_and_remembers_the_rest() -> None:
    meter = EnergyMeter()
    meter.sample(0, 3.0, None)
    meter.begin()
    meter.sample(1, 9.0, "decode")
    meter.begin()
    assert meter.energy() is None
    assert meter.idle_w == 3.0


@given(st.lists(st.tuples(st.floats(0.1, 4), st.floats(0, 200)), min_size=1, max_size=50))
def test_net_energy_is_never_negative_nor_more_than_all(steps: list[tuple[float, float]]) -> None:
    meter = EnergyMeter()
    time = 0.0
    meter.sample(time, 50.0, None)
    meter.begin()
    for seconds, watts in steps:
        time += seconds
        meter.sample(time, watts, "decode")
    energy = meter.energy()
    assert energy is not None
    assert 0 <= energy.net_j <= energy.total_j
