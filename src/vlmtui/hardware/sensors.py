"""What boards call their sensors, and which of them mean something.

This module reads nothing: it knows names and limits, wherever a value came from.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from vlmtui.hardware.base import Rail

UNCONNECTED = "NC"
"""Name of a power channel to which the board has nothing connected."""

_PLAUSIBLE_C = (-60.0, 200.0)
"""A sensor that is switched off says -256."""

_THRESHOLD = re.compile(r"PMIC\b", re.IGNORECASE)
"""The power chip only tells whether it is above a limit, and its sensor always says 50 or 100: as a
temperature it would be the hottest of the board for ever."""

_SUFFIX = re.compile(r"[-_]therm(al)?$", re.IGNORECASE)

# Boards measure some rails that feed others, so adding up all of them would count twice.
_TOTALS: tuple[frozenset[str], ...] = (
    frozenset({"VDD_IN"}),  # Orin Nano and NX, Xavier NX, TX2
    frozenset({"VIN"}),  # Thor
    frozenset({"POM_5V_IN"}),  # Nano
    frozenset({"VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0"}),  # AGX Orin
    frozenset({"GPU", "CPU", "SOC", "CV", "VDDRQ", "SYS5V"}),  # AGX Xavier
)


def total_watts(rails: Iterable[Rail]) -> float | None:
    """What the whole board draws; None where the rails don't tell, or one of a sum is missing."""
    watts = {rail.name: rail.watts for rail in rails}
    for names in _TOTALS:
        if names <= watts.keys():
            return sum(watts[name] for name in names)
    return None


def plausible(sensor: str, celsius: float) -> bool:
    """Whether this is a temperature: silicon can have it, and the sensor measures one."""
    low, high = _PLAUSIBLE_C
    return low <= celsius <= high and not _THRESHOLD.match(sensor)


def place(sensor: str) -> str:
    """The place that a temperature sensor is named for: "gpu" of "gpu-thermal"."""
    return _SUFFIX.sub("", sensor)
