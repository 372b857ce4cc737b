"""The last minutes of the machine and the engine: what the monitor draws. Knows no widget."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import msgspec

from vlmtui.hardware.base import Snapshot
from vlmtui.stats.engine_state import Phase

MINUTES = 10
"""How far back it goes, at one moment a second: about 1 MB of snapshots."""

ACTIVE = (Phase.DECODING, Phase.ENCODING, Phase.PREFILL, Phase.LOADING)
"""Phases that are marked, the one that says most first: several may fall into one second."""


class Moment(msgspec.Struct, frozen=True):
    """One second."""

    snapshot: Snapshot
    phase: Phase | None
    """What the engine was doing; None for nothing."""

    tokens_per_s: float | None
    """While it decoded."""


Series = Callable[[Moment], "float | None"]


class Timeline:
    """Moments, the oldest first; the oldest are forgotten.

    Attributes:
        roofline: Tokens per second that the memory's bandwidth allows the model, once known.
    """

    def __init__(self) -> None:
        self.roofline: float | None = None
        self._moments: deque[Moment] = deque(maxlen=MINUTES * 60)
        self._phases: set[Phase] = set()

    def __len__(self) -> int:
        return len(self._moments)

    @property
    def last(self) -> Moment | None:
        return self._moments[-1] if self._moments else None

    def saw(self, phase: Phase) -> None:
        """The engine went into a phase; it may be over before the next snapshot."""
        if phase is Phase.THINKING:
            phase = Phase.DECODING  # to the machine they are the same
        if phase in ACTIVE:
            self._phases.add(phase)

    def add(self, snapshot: Snapshot, phase: Phase, tokens_per_s: float | None) -> Moment:
        """A second has passed, at whose end the engine is in this phase."""
        self.saw(phase)
        seen = next((each for each in ACTIVE if each in self._phases), None)
        self._phases.clear()
        rate = tokens_per_s if seen is Phase.DECODING else None
        moment = Moment(snapshot, seen, rate)
        self._moments.append(moment)
        return moment

    def columns(self, width: int, series: Series) -> tuple[list[float | None], int]:
        """A series in so many columns, the newest last, each the most of its seconds.

        Returns:
            The columns, and the seconds in each: as few as show all there is, or three minutes.
        """
        groups, seconds = self._groups(width)
        columns: list[float | None] = []
        for group in groups:
            known = [value for moment in group if (value := series(moment)) is not None]
            columns.append(max(known, default=None))
        return columns, seconds

    def phases(self, width: int) -> list[Phase | None]:
        """The phase of each column, the one that says most where there were several."""
        groups, _ = self._groups(width)
        return [
            next((phase for phase in ACTIVE if any(m.phase is phase for m in group)), None)
            for group in groups
        ]

    def _groups(self, width: int) -> tuple[list[list[Moment]], int]:
        moments = list(self._moments)
        seconds = max(1, -(-min(len(moments), 180) // width))
        # whole groups counted from the beginning, so that a column stays what it was as it moves on
        extra = len(moments) % seconds
        ends = range(len(moments) - extra + (seconds if extra else 0), 0, -seconds)
        groups = [moments[max(end - seconds, 0) : end] for end in ends][:width]
        return groups[::-1], seconds
