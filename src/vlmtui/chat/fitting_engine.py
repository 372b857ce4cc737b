"""An engine that looks before it loads, and tries once more with less when memory runs out.

A source that isn't files takes no memory here, so there is nothing to look at.

Stands where the engine's client stands, for the chat and for questions alike. Whatever it changes
about a load, it tells in an `Adjusted`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator

from vlmtui.chat.fitting import Prospect, shortage, this_machine
from vlmtui.engine.base import Engine, SharedEngine, closing_events, up_to_finished
from vlmtui.engine.engine_connection import ModelGone
from vlmtui.engine.engine_events import (
    Absent,
    Adjusted,
    Delta,
    Event,
    Finished,
    Joined,
    ModelInfo,
    Planned,
    Thought,
)
from vlmtui.engine.engine_requests import Files, Generate, Load, Measure, Prepare
from vlmtui.errors import EngineCrashed, OutOfMemory, VlmtuiError
from vlmtui.models.fit import Fit, Machine, changed, describe, judge, step_down
from vlmtui.models.memory import Setup

_ATTEMPTS = 3
"""How often a question is asked of a model that makes way for others as soon as it is there."""


class FittingEngine:
    """Makes loads fit. See `engine.base.Engine` for the methods."""

    def __init__(
        self, engine: Engine, machine: Callable[[int | None], Machine] = this_machine
    ) -> None:
        """Prepare; `close` closes the engine, too.

        `machine` tells what memory there is, given the process whose model makes way.
        """
        self._engine = engine
        self._machine = machine
        self._prospect: Prospect | None = None
        self._asked: Load | None = None
        self._setup: Setup | None = None
        self._stepped = False
        """Memory ran out once since the model was asked for: a second time is told as an error."""

    def load(self, request: Load) -> Iterator[Event]:
        """Load a model; see `Engine.load`.

        Raises:
            BadModelFile: A file of it is damaged or no model; no process was started.
        """
        self._stepped, self._prospect = False, None
        if not isinstance(request.source, Files):  # it takes no memory of this machine
            yield from self._engine.load(request)
            return
        self._asked = request
        others = yield from self._joined(request)
        if others is None:
            return
        prospect = self._prospect = Prospect.of(request)
        machine = self._machine(self._engine.pid)
        fit = prospect.fitted(machine, self._engine)
        wanted = prospect.wanted
        # until there is room beside the models of others, or none of them is left
        while others and (fit.verdict != "yes" or fit.setup != wanted):
            others = yield from self._evicted()
            if others is None:
                return
            machine = self._machine(self._engine.pid)
            fit = prospect.fitted(machine, self._engine)
        if fit.setup != wanted:
            asked = judge(wanted, prospect.simulated(wanted, machine, self._engine), machine)
            yield _adjusted(shortage(request.title, asked), fit.setup, wanted)
        elif fit.verdict == "no":
            yield Adjusted(shortage(request.title, fit), "")
        yield from self._load(prospect, fit)

    def generate(self, request: Generate) -> Iterator[Event]:
        """Answer a conversation; see `Engine.generate`.

        A model that made way for another is loaded again, as it fits now. When memory runs out
        before the first word, the model is loaded smaller and the answer begun again.
        """
        for _ in range(_ATTEMPTS - 1):
            try:
                yield from self._answer(request)
                return
            except ModelGone:
                if self._asked is None:
                    raise
            with closing_events(self.load(self._asked)) as events:
                ended = yield from up_to_finished(events)
            if ended is None or ended.reason == "cancelled":
                yield ended or Finished("cancelled")
                return
        yield from self._answer(request)

    def _answer(self, request: Generate) -> Iterator[Event]:
        answered = False
        try:
            with closing_events(self._engine.generate(request)) as events:
                for event in events:
                    answered = answered or isinstance(event, Thought | Delta)
                    yield event
            return
        except EngineCrashed as error:
            setup = None if answered else self._smaller(error)
            if setup is None:
                raise
            failed = error
        ended = yield from self._step_down(setup, failed)
        if ended.reason == "cancelled":
            yield ended
        else:
            yield from self._engine.generate(request)

    def prepare(self, request: Prepare) -> Iterator[Event]:
        return self._engine.prepare(request)

    def plan(self, request: Load) -> Planned:
        return self._engine.plan(request)

    def measure(self, request: Measure) -> tuple[int, ...]:
        return self._engine.measure(request)

    def unload(self) -> None:
        self._engine.unload()

    def cancel(self) -> None:
        self._engine.cancel()

    def conclude(self) -> None:
        self._engine.conclude()

    def abort(self) -> None:
        self._engine.abort()

    def close(self) -> None:
        self._engine.close()

    @property
    def pid(self) -> int | None:
        return self._engine.pid

    @property
    def info(self) -> ModelInfo | None:
        return self._engine.info

    def _joined(self, request: Load) -> Generator[Event, None, bool | None]:
        """Use the model if others have loaded it.

        Returns:
            Whether others hold memory that could be had; None when there is nothing left to do.
        """
        if not isinstance(self._engine, SharedEngine):
            return False
        others: bool | None = None
        with closing_events(self._engine.join(request)) as events:
            for event in events:
                match event:
                    case Absent():
                        others = event.others
                    case Joined(load=load):
                        self._setup = Setup(
                            load.ctx, load.kv, load.gpu_layers, load.mmproj_gpu, load.batch
                        )
                        if load != request:
                            wanted = Prospect.of(request).wanted
                            why = f"{request.title} is already loaded with less"
                            yield _adjusted(why, self._setup, wanted)
                    case Finished(reason="done") if others is not None:
                        pass
                    case _:
                        yield event
        return others

    def _evicted(self) -> Generator[Event, None, bool | None]:
        """Have the model of others unloaded that is missed the least.

        Returns:
            Whether there are more; None when the load was cancelled.
        """
        assert isinstance(self._engine, SharedEngine)
        more = False
        with closing_events(self._engine.make_room()) as events:
            for event in events:
                if isinstance(event, Absent):
                    more = event.others
                elif not isinstance(event, Finished):
                    yield event
                elif event.reason != "done":
                    yield event
                    return None
        return more

    def _load(self, prospect: Prospect, fit: Fit) -> Generator[Event, None, None]:
        """Load with a setup, and once more with a smaller one when memory runs out."""
        self._setup = fit.setup
        unchanged = fit.setup == prospect.wanted
        request = prospect.load if unchanged else prospect.request(fit.setup)
        try:
            with closing_events(self._engine.load(request)) as events:
                yield from events
            return
        except (OutOfMemory, EngineCrashed) as error:
            setup = self._smaller(error)
            if setup is None:
                raise
            failed = error
        yield (yield from self._step_down(setup, failed))

    def _smaller(self, error: VlmtuiError) -> Setup | None:
        """The setup to try after an error; None when it isn't for want of memory, or was tried."""
        short = isinstance(error, OutOfMemory) or getattr(error, "memory_was_short", False)
        if not short or self._stepped or self._setup is None or self._asked is None:
            return None
        if self._prospect is None:  # others had loaded it
            self._prospect = Prospect.of(self._asked)
            if self._setup.ctx == 0:
                self._setup = self._prospect.wanted
        return step_down(self._setup, self._prospect.options(self._machine(None)))

    def _step_down(self, setup: Setup, error: VlmtuiError) -> Generator[Event, None, Finished]:
        """Load again with a smaller setup; returns the last event instead of yielding it."""
        assert self._prospect is not None
        assert self._setup is not None
        self._stepped = True
        yield _adjusted(error.message, setup, self._setup)
        self._setup = setup
        with closing_events(self._engine.load(self._prospect.request(setup))) as events:
            ended = yield from up_to_finished(events)
        return ended or Finished("cancelled")


def _adjusted(why: str, setup: Setup, wanted: Setup) -> Adjusted:
    return Adjusted(why, describe(setup, wanted), changed(setup, wanted))
