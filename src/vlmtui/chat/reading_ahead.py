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

        Anything else that wants the engine ends it, and finds done what was done. Nothing comes of
        it where the engine is busy, has no model, or can't; what goes wrong is told when the
        question is asked.

        Args:
            begun: The question, as far as it is written.
            quiet: Tells when the machine should have its rest.
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
                system, sampling = self._preferences.system, self._preferences.sampling
                shown = self._branches.shown()
                told, _ = present(prompt(shown, system, self._model.name, begun))
                if not told or self._begins_fatally(told):
                    return
                name = self._branches.state_name
                request = Prepare(told, sampling.detail, sampling.think, name)
                with closing(obeying(task, self._engine, self._engine.prepare(request))) as events:
                    for event in events:
                        yield event
                        if quiet():
                            return
            except EngineCrashed:
                self._fatal = told
            except VlmtuiError:
                return  # it is told when the question is asked

    def _begins_fatally(self, told: tuple[Message, ...]) -> bool:
        fatal = self._fatal
        if fatal is None:
            return False
        images = {image for message in fatal for image in message.images}
        return not images or bool(images & {i for message in told for i in message.images})
