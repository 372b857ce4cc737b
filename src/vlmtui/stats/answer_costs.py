"""What an answer takes of the machine: GPU memory, energy, the share of the bandwidth.

Follows the machine's snapshots and the engine's phases. Pure: others take the snapshots. What main
memory an answer takes, the process that gives it says itself: snapshots may still be of another.
"""

from __future__ import annotations

from typing import Any

import msgspec

from vlmtui.engine.engine_events import ModelInfo
from vlmtui.hardware import bandwidth
from vlmtui.hardware.base import Snapshot
from vlmtui.hardware.energy import EnergyMeter
from vlmtui.stats.engine_state import EngineState, Phase
from vlmtui.stats.timeline import Timeline


class Pricing:
    """Follows one turn after the other.

    Attributes:
        timeline: The last minutes.
        energy: What the present turn has taken, or the one before.
    """

    def __init__(self) -> None:
        self.timeline = Timeline()
        self.energy = EnergyMeter()
        self._peak_gpu = 0

    def begin(self) -> None:
        self.energy.begin()
        self._peak_gpu = 0

    def sample(self, snapshot: Snapshot, engine_state: EngineState, *, in_turn: bool) -> None:
        """A second has passed; the machine is now as in the snapshot."""
        moment = self.timeline.add(snapshot, engine_state.phase, engine_state.tokens_per_s)
        phase = moment.phase.value if moment.phase is not None else None
        if phase is None and in_turn:
            phase = "between"  # not at rest, though nothing is marked
        self.energy.sample(snapshot.time, snapshot.power_w, phase)
        if engine_state.phase is Phase.LOADING:
            self._peak_gpu, self.timeline.roofline = 0, None  # of the model that made way
        self._peak_gpu = max(self._peak_gpu, snapshot.engine_gpu_bytes or 0)

    def taken(self, stats: dict[str, Any]) -> dict[str, Any]:
        """What the machine gave for an answer that has just ended, as far as it was measured."""
        last = self.timeline.last
        if last is None:
            return {}
        extra: dict[str, Any] = {}
        if self._peak_gpu:
            extra["peak_gpu_bytes"] = self._peak_gpu
        energy = self.energy.energy()
        if energy is not None:
            extra["energy"] = msgspec.structs.asdict(energy)
            decode = energy.phases.get("decoding")
            if decode is not None and stats.get("generated_tokens"):
                extra["joules_per_token"] = decode / stats["generated_tokens"]
        return extra

    def bandwidth(self, stats: dict[str, Any], model: ModelInfo | None) -> dict[str, Any]:
        """How near an answer came to what memory bandwidth allows; reads files, so it may block."""
        last, rate = self.timeline.last, stats.get("decode_tokens_per_s")
        if last is None or not rate or model is None or not model.size_bytes:
            return {}
        limit = bandwidth.known(last.snapshot)
        if limit is None or not bandwidth.bounds(limit, gpu=model.gpu):
            return {}
        share = bandwidth.share(rate, model.size_bytes, limit)
        self.timeline.roofline = rate / share
        return {"bandwidth_share": share}
