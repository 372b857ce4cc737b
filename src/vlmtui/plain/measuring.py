"""What the machine and the engine do while one talks, and what each answer takes of them."""

from __future__ import annotations

import threading
from contextlib import suppress
from time import monotonic

import msgspec

from vlmtui.chat.chat_events import AnswerSaved, AnswerStarted
from vlmtui.chat.comparison import Began, Exchanged
from vlmtui.chat.session import ChatSession
from vlmtui.engine.engine_events import ModelInfo
from vlmtui.errors import StorageError
from vlmtui.hardware.base import Snapshot
from vlmtui.stats.answer_costs import Pricing
from vlmtui.stats.engine_progress import begin, fold
from vlmtui.stats.engine_state import EngineState
from vlmtui.stats.timeline import Moment
from vlmtui.storage.records import StoredMessage

_FIRST_SECONDS = 5.0
"""The monitor needs a second for its first readings."""


class Measuring:
    """Takes note of snapshots and events, each from whatever thread it comes."""

    def __init__(self, session: ChatSession) -> None:
        self._session = session
        self._pricing = Pricing()
        self._lock = threading.Lock()
        self._first = threading.Event()
        self._engine_state = EngineState(model=session.model.request.name)
        self._in_turn = False
        self.throttled = False
        """Whether heat or current slow the machine down."""

    @property
    def model(self) -> ModelInfo | None:
        return self._engine_state.info

    def moment(self) -> Moment | None:
        """The last one that was measured; waits for the first."""
        self._first.wait(_FIRST_SECONDS)
        with self._lock:
            return self._pricing.timeline.last

    def take(self, snapshot: Snapshot) -> None:
        """A second has passed; called in the monitor's thread."""
        with self._lock:
            self._pricing.sample(snapshot, self._engine_state, in_turn=self._in_turn)
        self.throttled = bool(snapshot.throttled_by)
        self._first.set()

    def end_turn(self) -> None:
        """What comes now is no part of an answer."""
        self._in_turn = False

    def notice(self, event: object) -> object:
        """Take note of an event; returns it, with the costs of an answer where it has some."""
        with self._lock:
            if isinstance(event, AnswerStarted):
                self._pricing.begin()
                self._engine_state = begin(self._engine_state, monotonic())
                self._in_turn = True
            if isinstance(event, Began | Exchanged):
                self._engine_state = EngineState(model=event.model)
            self._engine_state = fold(self._engine_state, event, monotonic())
            self._pricing.timeline.saw(self._engine_state.phase)
            if not isinstance(event, AnswerSaved):
                return event
            self._in_turn = False
        return msgspec.structs.replace(event, stored=self._priced(event.stored))

    def _priced(self, answer: StoredMessage) -> StoredMessage:
        stats = answer.stats
        if stats is None:
            return answer
        with self._lock:
            extra = self._pricing.taken(stats)
        extra |= self._pricing.bandwidth(stats, self._engine_state.info)
        if extra:
            with suppress(StorageError):  # the answer itself is safe, or was told not to be
                self._session.annotate(answer.id, extra)
        return msgspec.structs.replace(answer, stats={**stats, **extra})
