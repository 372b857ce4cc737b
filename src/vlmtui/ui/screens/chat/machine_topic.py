"""The machine on the chat screen: its last minutes, and what each answer took of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from vlmtui.chat.chat_events import AnswerSaved
from vlmtui.commands.stats_commands import AnswerStats
from vlmtui.errors import StorageError
from vlmtui.stats.engine_state import EngineState
from vlmtui.storage.records import StoredMessage
from vlmtui.ui.background import in_thread
from vlmtui.ui.screens.chat.chat_facts import PanesMounted, TurnBegan
from vlmtui.ui.screens.chat.topic import ChatContext, Topic, key

if TYPE_CHECKING:  # not needed for the first paint
    from vlmtui.engine.engine_events import ModelInfo
    from vlmtui.hardware.base import Snapshot
    from vlmtui.stats.answer_costs import Pricing


class Priced(msgspec.Struct, frozen=True):
    """What an answer took of the machine is known and stored."""

    answer: StoredMessage


class MachineTopic(Topic):
    """Follows the machine while the chat is open."""

    BINDINGS = (key("f3", "monitor", "Machine monitor"),)

    def __init__(self, chat: ChatContext) -> None:
        super().__init__(chat)
        chat.watch("snapshot", self._sample)
        self._pricing_of_this: Pricing | None = None
        chat.actions["monitor"] = chat.commands.dialogs["monitor"] = self._monitor
        chat.commands.shows[AnswerStats] = self._show_stats
        chat.handlers[PanesMounted].append(lambda _: self._follow())
        chat.handlers[TurnBegan].append(lambda _: self.pricing.begin())
        chat.handlers[AnswerSaved].append(self._answer_saved)
        chat.handlers[Priced].append(self._priced)

    @property
    def pricing(self) -> Pricing:
        """What is known of the machine; imported when it is first asked for."""
        if self._pricing_of_this is None:
            from vlmtui.stats.answer_costs import Pricing

            self._pricing_of_this = Pricing()
        return self._pricing_of_this

    # ------------------------------------------------------------------ following

    def _follow(self) -> None:
        """Note each phase: many are over before the next snapshot."""
        screen = self.chat.screen
        screen.watch(screen, "engine_state", self._note_phase)

    def _note_phase(self, engine_state: EngineState) -> None:
        self.pricing.timeline.saw(engine_state.phase)

    def _sample(self, snapshot: Snapshot | None) -> None:
        if snapshot is not None:
            state = self.chat.screen.engine_state
            self.pricing.sample(snapshot, state, in_turn=self.chat.busy)

    def _answer_saved(self, event: AnswerSaved) -> None:
        if event.stored.stats is not None:
            taken = self.pricing.taken(event.stored.stats)
            model = self.chat.screen.engine_state.info
            price = self._price(event.stored, event.stored.stats, taken, model)
            self.chat.start(price, "price", exclusive=False)

    async def _price(
        self,
        answer: StoredMessage,
        stats: dict[str, Any],
        taken: dict[str, Any],
        model: ModelInfo | None,
    ) -> None:
        extra = {**taken, **await in_thread(lambda: self.pricing.bandwidth(stats, model))}
        if not extra:
            return
        try:
            await self.chat.on_session(lambda session: session.annotate(answer.id, extra))
        except StorageError:
            return  # the answer itself is safe, or was told not to be
        self.chat.emit_now(Priced(msgspec.structs.replace(answer, stats={**stats, **extra})))

    def _priced(self, event: Priced) -> None:
        """Have it where the message's details are looked up."""
        entry = self.chat.transcript.entry(event.answer.id)
        if entry is not None:
            entry.stored = event.answer

    # ------------------------------------------------------------------ looking

    def _monitor(self) -> None:
        app = self.chat.screen.app
        if app.screen is self.chat.screen:
            from vlmtui.ui.screens.monitor_screen import MonitorScreen

            app.push_screen(MonitorScreen(self.pricing.timeline))

    def _show_stats(self, stats: AnswerStats) -> None:
        from vlmtui.ui.screens.stats_screen import StatsScreen

        self.chat.screen.app.push_screen(StatsScreen(stats.thread))
