"""What an answer costs in energy: measured power integrated over the phases of its turn.

A pure calculation over samples that somebody else takes; it measures nothing and knows no engine.
Energy is the trapezoidal integral of power over time, as in J = sum((P[i] + P[i-1]) / 2 * dt). A
share of it is what the board draws anyway, so what it drew before the turn, at rest, is taken off.
"""

from __future__ import annotations

from collections import deque
from statistics import median

import msgspec

REST_SAMPLES = 30
"""Samples at rest that the idle power is the median of: half a minute at one a second."""

_LONGEST_GAP_S = 5.0
"""Between samples further apart nobody knows what happened; that time is not counted."""


class Energy(msgspec.Struct, frozen=True):
    """What a turn took, all of the board and its part above idle, in joules."""

    total_j: float
    net_j: float
    """Less what the board would have drawn at rest; at least 0. The same as `total_j` where it was
    never seen at rest."""

    idle_w: float | None
    """Power at rest, in watts; None where it was never seen at rest."""

    seconds: float
    """Time that was measured: less than the turn's where samples are missing."""

    phases: dict[str, float]
    """Joules of each phase by its name, idle power taken off."""


class EnergyMeter:
    """Takes samples of power, and tells what a turn took."""

    def __init__(self) -> None:
        self._rest: deque[float] = deque(maxlen=REST_SAMPLES)
        self._last: tuple[float, float] | None = None
        self._gross: dict[str, float] = {}
        self._seconds: dict[str, float] = {}

    @property
    def idle_w(self) -> float | None:
        """Power at rest, in watts; None as long as no sample was taken at rest."""
        return median(self._rest) if self._rest else None

    def begin(self) -> None:
        """A turn begins: forget the one before. Samples at rest are kept."""
        self._gross.clear()
        self._seconds.clear()

    def sample(self, time: float, watts: float | None, phase: str | None) -> None:
        """Take one sample.

        Args:
            time: Seconds from any point, not going back.
            watts: Power now; None when nobody could measure it.
            phase: What has gone on since the sample before; None for nothing: the board is at rest.
        """
        last, self._last = self._last, None if watts is None else (time, watts)
        if watts is None:
            return
        if phase is None:
            self._rest.append(watts)
        elif last is not None and 0 < time - last[0] <= _LONGEST_GAP_S:
            seconds = time - last[0]
            joules = (watts + last[1]) / 2 * seconds
            self._gross[phase] = self._gross.get(phase, 0.0) + joules
            self._seconds[phase] = self._seconds.get(phase, 0.0) + seconds

    def energy(self) -> Energy | None:
        """What the turn has taken so far; None when nothing could be measured."""
        if not self._seconds:
            return None
        idle = self.idle_w
        net = {
            # what is left of equal numbers is no energy
            phase: max(round(joules - (idle or 0.0) * self._seconds[phase], 6), 0.0)
            for phase, joules in self._gross.items()
        }
        return Energy(
            total_j=sum(self._gross.values()),
            net_j=sum(net.values()),
            idle_w=idle,
            seconds=sum(self._seconds.values()),
            phases=net,
        )
