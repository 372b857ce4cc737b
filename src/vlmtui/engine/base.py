"""The protocol that every engine speaks: requests go in, events come out.

This module knows neither how frames travel (`wire`) nor what runs behind them (`backends`).
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar, runtime_checkable

from vlmtui.engine.engine_events import Event, Finished, ModelInfo, Planned
from vlmtui.engine.engine_requests import Generate, Load, Measure, Prepare

EventT = TypeVar("EventT")


@contextmanager
def closing_events(events: Iterator[Event]) -> Iterator[Iterator[Event]]:
    """A stream that is closed at once when it is left, which cancels its request.

    Otherwise that would happen when the garbage collector comes by. Not every iterator can be
    closed, and the protocol doesn't ask it to.
    """
    try:
        yield events
    finally:
        if isinstance(events, Generator):
            events.close()


def up_to_finished(events: Iterator[EventT]) -> Generator[EventT, None, Finished | None]:
    """The events but the last, `Finished`, which is returned: None where there was none."""
    ended: Finished | None = None
    for event in events:
        if isinstance(event, Finished):
            ended = event
        else:
            yield event
    return ended


@runtime_checkable
class SharedEngine(Protocol):
    """An engine whose model others may have loaded, or whose memory others may hold.

    The iterators are as those of `Engine`.
    """

    def join(self, request: Load) -> Iterator[Event]:
        """Use a model if it is loaded already, and let go of any other.

        Yields `Joined` and `Loaded`, or `Absent`: then this engine may load next.
        """

    def make_room(self) -> Iterator[Event]:
        """Have a model of others unloaded, as soon as its engine has answered.

        It is the one that is missed the least. Yields `Absent`, which says whether there are more;
        and for each wait `Waiting`.
        """


class Engine(Protocol):
    """One engine, one model, one request at a time.

    The iterators block, so they belong in a worker thread. They yield every event up to and with
    `Finished`, and raise the `EngineError` or `ImageError` that a `Failed` names instead of
    yielding it. Closing an iterator early cancels its request.
    """

    def load(self, request: Load) -> Iterator[Event]:
        """Load a model, starting the engine's process if it does not run.

        Raises:
            LoadFailed: The model can't be loaded; nothing is loaded now. `OutOfMemory`, a subclass,
                where memory was short.
            EngineCrashed: The process died; the next request starts a new one.
        """

    def generate(self, request: Generate) -> Iterator[Event]:
        """Answer a conversation.

        After a crash the last model is loaded again first, and the stream begins with the
        `Loading` and `Loaded` events of that load.

        Raises:
            ModelGone: The model made way for another.
            ImageError: A picture of the conversation can't be decoded.
            ContextOverflow: One message alone is larger than the context.
            GenerateFailed: llama.cpp refused.
            EngineCrashed: The process died; the next request starts a new one.
        """

    def prepare(self, request: Prepare) -> Iterator[Event]:
        """Read ahead, with a model that is loaded and can; does nothing where there is none.

        What goes wrong here goes wrong once more when the question is asked.

        Raises:
            EngineError, ImageError: As in `generate`.
        """

    def unload(self) -> None:
        """Give back all memory of the model: the process ends. Only when no request runs."""

    def plan(self, request: Load) -> Planned:
        """Simulate a load; blocks for a moment, and leaves what is loaded alone.

        Raises:
            LoadFailed: The model can't be loaded, or its backend can't simulate.
            EngineCrashed: The simulation died.
        """

    def measure(self, request: Measure) -> tuple[int, ...]:
        """Tell what pictures would take, in tokens; blocks for a moment.

        Empty where nobody can tell: nothing is loaded, or it runs on a server.
        """

    def cancel(self) -> None:
        """Ask the running request to stop, from any thread; returns at once.

        It stops when what can't be divided is done: a step of the prefill, a picture. A `Notice`
        tells when that takes long. Does nothing when no request runs.
        """

    def conclude(self) -> None:
        """Ask the running request to end its thought and to answer, from any thread.

        Returns at once. Does nothing where nothing is thought, or the engine can't (see
        `Capability`).
        """

    def abort(self) -> None:
        """End the running request now, with the process, from any thread; returns at once.

        The stream ends as if it had been cancelled. The next request starts a new process and
        loads the model again. Does nothing when no request runs.
        """

    def close(self) -> None:
        """End the process; at most a few seconds, with a kill at the end. Safe to call twice."""

    @property
    def pid(self) -> int | None:
        """Process id of the engine, None while it does not run."""

    @property
    def info(self) -> ModelInfo | None:
        """What is loaded."""
