"""The machine on the chat screen: its last minutes, and what each answer took of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from textual import work
from textual.binding import Binding, BindingType
from textual.message import Message

from vlmtui.chat.events import AnswerSaved
from vlmtui.errors import StorageError, VlmtuiError
from vlmtui.stats.engine_state import EngineState, Phase
from vlmtui.storage.records import StoredMessage
from vlmtui.ui.screens.chat.chat_turns import ChatTurns

if TYPE_CHECKING:  # not needed for the first paint
    from vlmtui.engine.base import ModelInfo
    from vlmtui.hardware.base import Snapshot
    from vlmtui.hardware.energy import EnergyMeter
    from vlmtui.stats.answer_costs import Pricing
    from vlmtui.stats.timeline import Timeline


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

    _pricing_of_this: Pricing | None = None

    @property
    def _pricing(self) -> Pricing:
        if self._pricing_of_this is None:
            from vlmtui.stats.answer_costs import Pricing

            self._pricing_of_this = Pricing()
        return self._pricing_of_this

    @property
    def timeline(self) -> Timeline:
        """The last minutes."""
        return self._pricing.timeline

    @property
    def energy(self) -> EnergyMeter:
        """What the present turn has taken, or the one before."""
        return self._pricing.energy

    # ------------------------------------------------------------------ following

    def watch_engine_state(self, engine_state: EngineState) -> None:
        """Note each phase: many are over before the next snapshot."""
        if engine_state.phase is not Phase.ABSENT:  # as it is until the first paint
            self.timeline.saw(engine_state.phase)

    def watch_snapshot(self, snapshot: Snapshot | None) -> None:
        """A second has passed."""
        if snapshot is not None:
            self._pricing.sample(snapshot, self.engine_state, in_turn=self._turn)

    def _begin_turn(self) -> None:
        self._pricing.begin()
        super()._begin_turn()

    async def _react(self, item: object) -> None:
        await super()._react(item)
        if isinstance(item, AnswerSaved) and item.stored.stats is not None:
            taken = self._pricing.taken(item.stored.stats)
            self._store_price(item.stored, taken, self.engine_state.info)

    @work(thread=True, group="price", exit_on_error=False)
    def _store_price(
        self, answer: StoredMessage, extra: dict[str, Any], model: ModelInfo | None
    ) -> None:
        stats = answer.stats or {}
        extra = {**extra, **self._pricing.bandwidth(stats, model)}
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
            from vlmtui.ui.screens.monitor_screen import MonitorScreen

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
        from vlmtui.ui.screens.stats_screen import StatsScreen

        self.app.push_screen(StatsScreen(event.thread))
