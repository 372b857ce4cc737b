"""The model behind a conversation: loaded when it is needed, and exchanged for another.

A switch gives all memory of the old model back before the new one is read, since on a small board
both rarely fit, and brings the old one back when the new one can't be loaded. This module knows
neither chats nor the disk.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing

from vlmtui.chat.chat_events import GoingBack
from vlmtui.chat.turn_lock import Task, TurnLock
from vlmtui.engine.base import Engine, closing_events
from vlmtui.engine.engine_events import Event, Finished, Loaded, ModelInfo, Waiting
from vlmtui.engine.engine_requests import Load
from vlmtui.errors import SwitchFailed, VlmtuiError


class CurrentModel:
    """Which model answers. One task at a time has the engine, see `turn_lock`."""

    def __init__(self, engine: Engine, lock: TurnLock, load: Load) -> None:
        """Load nothing yet; `load` is the model to begin with, `lock` says who has the engine."""
        self._engine = engine
        self._lock = lock
        self.request = load
        """What the engine is, or will be, asked to load."""

        self._ready: Load | None = None

    @property
    def name(self) -> str:
        """What the user calls the model."""
        return self.request.title

    @property
    def info(self) -> ModelInfo | None:
        """What is loaded; None while nothing is."""
        return self._engine.info

    def load(self) -> Generator[Event, None, None]:
        """Load it ahead of the first question; nothing happens when it is loaded.

        Raises `LoadFailed`, or `EngineCrashed` where the engine's process died.
        """
        task = Task()
        with self._lock.engine(task) as taken:
            if taken and not self._is_loaded(self.request):
                loaded = yield from self._load(self.request, task)
                yield Finished("done" if loaded else "cancelled")

    def ensure(self, task: Task) -> Generator[Event, None, None]:
        """The events of a load, without `Finished`, if one is needed by who has the engine."""
        if not self._is_loaded(self.request):
            yield from self._load(self.request, task)

    def switch(self, load: Load) -> Generator[Event | GoingBack, None, None]:
        """Exchange the model for another; see `ChatSession.switch`."""
        task = Task()
        with self._lock.engine_next(task) as interrupted:
            old = self.request
            if self._is_loaded(load):
                return
            had_old = interrupted or self._is_loaded(old)
            failure: VlmtuiError | None = None
            loaded = False
            try:
                if not task.stopped:
                    loaded = yield from self._load(load, task, afresh=True)
            except VlmtuiError as error:
                failure = error
            if not loaded or failure:
                self.request = old
                yield from self._go_back(old, load, task, failure, needed=had_old)
            yield Finished("done" if loaded else "cancelled")

    def _go_back(
        self, old: Load, new: Load, task: Task, failure: VlmtuiError | None, *, needed: bool
    ) -> Generator[Event | GoingBack, None, None]:
        """Load the old model again where it was loaded, and raise what the switch came to."""
        name = new.title
        back = False
        if needed and self._lock.renew(task):
            yield GoingBack(old.title, failure.message if failure else "")
            try:
                back = yield from self._load(old, task, afresh=True)
            except VlmtuiError as error:
                first = f"{failure.message}. " if failure else ""
                raise SwitchFailed(
                    f"{first}{old.title} can't be loaded again either: {error.message}",
                    error.hint,
                    model=name,
                ) from error
        if failure:
            raise SwitchFailed(failure.message, failure.hint, model=name, back=back) from failure

    def _load(
        self, request: Load, task: Task, *, afresh: bool = False
    ) -> Generator[Event, None, bool]:
        """The events of a load, without `Finished`; returns whether the model is loaded."""
        self._ready = None
        if afresh:
            self._engine.unload()
            if task.stopped:
                return False
        with closing(obeying(task, self._engine, self._engine.load(request))) as events:
            for event in events:
                task.queued = isinstance(event, Waiting)
                if isinstance(event, Loaded):
                    self.request = self._ready = request
                if not isinstance(event, Finished):
                    yield event
        return self._ready is not None

    def _is_loaded(self, request: Load) -> bool:
        info = self._engine.info
        if info is None:
            return False
        if self._ready is None:  # it was loaded before the engine came here
            return info.source == request.source
        return self._ready == request


def obeying(task: Task, engine: Engine, events: Iterator[Event]) -> Generator[Event, None, None]:
    """The events; a stop that came before the engine had begun is repeated to it."""
    repeated = False
    with closing_events(events):
        for event in events:
            if task.stopped and not repeated:
                repeated = True
                engine.cancel()
            yield event
