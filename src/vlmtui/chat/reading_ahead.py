"""Reading ahead: what is certain of the next question is in the engine before it is asked.

It has the engine only while nothing else wants it, and adds nothing to what is asked: an answer is
the same with and without it, only earlier.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

from vlmtui.chat.branches import Branches
from vlmtui.chat.loading import CurrentModel, obeying
from vlmtui.chat.preferences import Preferences
from vlmtui.chat.prompt_messages import present, prompt
from vlmtui.chat.turn_lock import Task, TurnLock
from vlmtui.engine.base import Engine
from vlmtui.engine.engine_events import Event
from vlmtui.engine.engine_requests import Prepare
from vlmtui.errors import EngineCrashed, VlmtuiError
from vlmtui.messages import Message


class ReadingAhead:
    """Has the engine read an open chat and a question before that is asked."""

    def __init__(
        self,
        engine: Engine,
        lock: TurnLock,
        model: CurrentModel,
        branches: Branches,
        preferences: Preferences,
        *,
        wanted: bool = True,
    ) -> None:
        self._engine = engine
        self._lock = lock
        self._model = model
        self._branches = branches
        self._preferences = preferences
        self._wanted = wanted
        self._fatal: tuple[Message, ...] | None = None
        """What the engine died of: a question that begins so is read when it is asked."""

    def run(
        self, begun: Message | None = None, quiet: Callable[[], bool] = lambda: False
    ) -> Iterator[Event]:
        """Read what is certain of the next prompt.

        Anything else that wants the engine ends it, and finds done what was done.

        Args:
            begun: The question, as far as it is written.
            quiet: Tells when the machine should have its rest.

        Yields:
            The engine's events; nothing where it is busy, has no model, or can't. What goes wrong
            is told when the question is asked.
        """
        if not self._wanted:
            return
        task = Task(yields=True)
        with self._lock.idle_engine(task) as taken:
            info = self._engine.info
            if not taken or quiet() or info is None or "prepare" not in info.can:
                return
            told: tuple[Message, ...] = ()
            try:
                told, _ = present(self._certain(begun))
                if not told or self._begins_fatally(told):
                    return
                events = obeying(task, self._engine, self._engine.prepare(self._request(told)))
                with closing(events):
                    for event in events:
                        yield event
                        if quiet():
                            return
            except EngineCrashed:
                self._fatal = told
            except VlmtuiError:
                return  # it is told when the question is asked

    def _certain(self, begun: Message | None) -> tuple[Message, ...]:
        system = self._preferences.system
        return prompt(self._branches.shown(), system, self._model.name, begun)

    def _request(self, told: tuple[Message, ...]) -> Prepare:
        sampling = self._preferences.sampling
        return Prepare(told, sampling.detail, sampling.think, self._branches.state_name)

    def _begins_fatally(self, told: tuple[Message, ...]) -> bool:
        fatal = self._fatal
        if fatal is None:
            return False
        images = {image for message in fatal for image in message.images}
        return not images or bool(images & {i for message in told for i in message.images})
