"""Reading ahead: what is certain of the next question is in the engine before it is asked.

It has the engine only while nothing else wants it, and adds nothing to what is asked: an answer is
the same with and without it, only earlier.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

import msgspec

from vlmtui.chat.loading import obeying
from vlmtui.chat.prompt_messages import present
from vlmtui.chat.turn_lock import Task, TurnLock
from vlmtui.engine.base import Engine
from vlmtui.engine.engine_events import Event
from vlmtui.engine.engine_requests import Prepare
from vlmtui.errors import EngineCrashed, VlmtuiError
from vlmtui.messages import Message


class ReadingAhead:
    """What `ChatSession.prepare` does."""

    def __init__(self, engine: Engine, lock: TurnLock) -> None:
        self._engine = engine
        self._lock = lock
        self._fatal: tuple[Message, ...] | None = None
        """What the engine died of: a question that begins so is read when it is asked."""

    def run(self, make: Callable[[], Prepare], quiet: Callable[[], bool]) -> Iterator[Event]:
        """See `ChatSession.prepare`.

        Args:
            make: Says what is certain.
            quiet: Tells when the machine should have its rest.
        """
        task = Task(yields=True)
        with self._lock.idle_engine(task) as taken:
            info = self._engine.info
            if not taken or quiet() or info is None or "prepare" not in info.can:
                return
            told: tuple[Message, ...] = ()
            try:
                request = make()
                told, _ = present(request.messages)
                request = msgspec.structs.replace(request, messages=told)
                if not told or self._begins_fatally(told):
                    return
                events = obeying(task, self._engine, self._engine.prepare(request))
                with closing(events):
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
