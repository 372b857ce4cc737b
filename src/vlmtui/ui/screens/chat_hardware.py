"""The machine on the chat screen: its last minutes, and what each answer took of it."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec
from textual import work
from textual.binding import Binding, BindingType
from textual.message import Message

from vlmtui.chat.events import AnswerSaved
from vlmtui.engine.base import ModelInfo
from vlmtui.errors import StorageError, VlmtuiError
from vlmtui.hardware import bandwidth
from vlmtui.hardware.base import Snapshot
from vlmtui.hardware.energy import EnergyMeter
from vlmtui.storage.records import StoredMessage
from vlmtui.ui.figures import Figures
from vlmtui.ui.screens.chat_turns import ChatTurns
from vlmtui.ui.timeline import Timeline


class ChatHardware(ChatTurns):
    """Follows the machine while the chat is open."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f3", "monitor", "Monitor of the machine", id="chat.monitor", priority=True)
    ]

    class Priced(Message):
        """What an answer took is known and stored."""

        def __init__(self, answer: StoredMessage) -> None:
            super().__init__()
            self.answer = answer

    class StatsRead(Message):
        """The messages of the chat, for its statistics."""

        def __init__(self, thread: list[StoredMessage]) -> None:
            super().__init__()
            self.thread = thread

    _timeline: Timeline | None = None
    _energy: EnergyMeter | None = None
    _peak = 0
    _peak_gpu = 0

    @property
    def timeline(self) -> Timeline:
        """The last minutes."""
        if self._timeline is None:
            self._timeline = Timeline()
        return self._timeline

    @property
    def energy(self) -> EnergyMeter:
        """What the present turn has taken, or the one before."""
        if self._energy is None:
            self._energy = EnergyMeter()
        return self._energy

    # ------------------------------------------------------------------ following

    def watch_figures(self, figures: Figures) -> None:
        """Note each phase: many are over before the next snapshot."""
        self.timeline.saw(figures.phase)

    def watch_snapshot(self, snapshot: Snapshot | None) -> None:
        """A second has passed."""
        if snapshot is None:
            return
        moment = self.timeline.add(snapshot, self.figures.phase, self.figures.tokens_per_s)
        phase = moment.phase.value if moment.phase is not None else None
        if phase is None and self._turn:
            phase = "between"  # not at rest, though nothing is marked
        self.energy.sample(snapshot.time, snapshot.power_w, phase)
        self._peak = max(self._peak, snapshot.engine_rss_bytes or 0)
        self._peak_gpu = max(self._peak_gpu, snapshot.engine_gpu_bytes or 0)

    def _begin_turn(self) -> None:
        self.energy.begin()
        self._peak = self._peak_gpu = 0
        super()._begin_turn()

    async def _react(self, item: object) -> None:
        await super()._react(item)
        if isinstance(item, AnswerSaved) and item.stored.stats is not None:
            self._store_price(item.stored, self._taken(item.stored.stats), self.figures.info)

    def _taken(self, stats: dict[str, Any]) -> dict[str, Any]:
        """What the machine gave for this answer, as far as it was measured."""
        last = self.timeline.last
        if last is None:
            return {}
        extra: dict[str, Any] = {}
        # a turn shorter than the interval of the snapshots has none of its own
        if peak := self._peak or last.snapshot.engine_rss_bytes:
            extra["peak_memory_bytes"] = peak
        if self._peak_gpu:
            extra["peak_gpu_bytes"] = self._peak_gpu
        energy = self.energy.energy()
        if energy is not None:
            extra["energy"] = msgspec.structs.asdict(energy)
            decode = energy.phases.get("decoding")
            if decode is not None and stats.get("generated_tokens"):
                extra["joules_per_token"] = decode / stats["generated_tokens"]
        return extra

    @work(thread=True, group="price", exit_on_error=False)
    def _store_price(
        self, answer: StoredMessage, extra: dict[str, Any], model: ModelInfo | None
    ) -> None:
        last, stats = self.timeline.last, answer.stats or {}
        rate = stats.get("decode_tokens_per_s")
        if last is not None and rate and model is not None and model.size_bytes:
            limit = bandwidth.known(last.snapshot)
            if limit is not None and bandwidth.bounds(limit, gpu=model.gpu):
                share = bandwidth.share(rate, model.size_bytes, limit)
                extra = {**extra, "bandwidth_share": share}
        if not extra:
            return
        try:
            self._session.annotate(answer.id, extra)
        except StorageError:
            return  # the answer itself is safe, or was told not to be
        stats = {**stats, **extra}
        self.post_message(self.Priced(msgspec.structs.replace(answer, stats=stats)))

    def on_chat_hardware_priced(self, event: Priced) -> None:
        """Have it where the message's details are looked up."""
        entry = self.transcript.entry(event.answer.id)
        if entry is not None:
            entry.stored = event.answer

    # ------------------------------------------------------------------ looking

    def action_monitor(self) -> None:
        """Show everything that the machine tells."""
        if self.app.screen is self:
            from vlmtui.ui.screens.monitor import MonitorScreen

            self.app.push_screen(MonitorScreen(self.timeline))

    def command_monitor(self, _: str) -> None:
        """Show everything that the machine tells."""
        self.action_monitor()

    def command_stats(self, _: str) -> None:
        """Show what the answers of this chat took."""
        self._read_stats()

    @work(thread=True, exclusive=True, group="stats", exit_on_error=False)
    def _read_stats(self) -> None:
        try:
            thread = self._session.transcript()
        except VlmtuiError:
            thread = []
        self.post_message(self.StatsRead(thread))

    def on_chat_hardware_stats_read(self, event: StatsRead) -> None:
        """Show them."""
        from vlmtui.ui.screens.stats import StatsScreen

        self.app.push_screen(StatsScreen(event.thread))
