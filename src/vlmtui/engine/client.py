"""The app's end of the engine: one model, one request at a time, whatever becomes of the process.

Implements `engine.base.Engine` and `SharedEngine` over a connection (`engine_connection`). A model
whose process died is loaded again with the next question.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from contextlib import closing, suppress
from pathlib import Path

from vlmtui import errors
from vlmtui.engine import host_inquiry, host_socket
from vlmtui.engine.engine_connection import EngineConnection, ModelGone
from vlmtui.engine.engine_events import (
    Absent,
    Event,
    Finished,
    Joined,
    Loaded,
    Measured,
    Notice,
    Planned,
    Waiting,
)
from vlmtui.engine.engine_requests import Generate, Load, Measure, Plan, Prepare
from vlmtui.engine.host_language import Join, MakeRoom
from vlmtui.engine.host_link import HostLink
from vlmtui.engine.host_socket import NoHost
from vlmtui.engine.wire import encodable


class EngineClient(EngineConnection):
    """One engine process, started when first needed. See `engine.base.Engine` for the methods."""

    def __init__(self, log_path: Path, keep_alive: float = 0.0) -> None:
        super().__init__(log_path, keep_alive)
        self._busy = threading.Lock()

    # ------------------------------------------------------------------------------------ requests

    def load(self, request: Load) -> Iterator[Event]:
        return self._in_turn(self._load_given(request))

    def generate(self, request: Generate) -> Iterator[Event]:
        return self._in_turn(self._load_and_generate(request))

    def prepare(self, request: Prepare) -> Iterator[Event]:
        return self._in_turn(self._read_ahead(request))

    def plan(self, request: Load) -> Planned:
        """Simulate a load; see `Engine.plan`.

        Where a model is loaded, another process does it: an assertion that fails in there must not
        take the model away.
        """
        if self._info is not None:
            planner = EngineClient(self._log_path.with_name(f"{self._log_path.stem}-plan.log"))
            try:
                return planner.plan(request)
            finally:
                planner.close()
        planned: Planned | None = None
        for event in self._in_turn(self._request(Plan(request), "plan")):
            if isinstance(event, Planned):
                planned = event
            elif isinstance(event, Notice):  # nothing that is worth waiting for
                self.abort()
        if planned is None and not self._closed:
            raise errors.LoadFailed(f"The load of {request.title} can't be simulated")
        if planned is None:
            raise errors.EngineError("The engine has been closed")
        return planned

    def join(self, request: Load) -> Iterator[Event]:
        """Use a model that is loaded already; see `SharedEngine.join`."""
        return self._in_turn(self._join(request))

    def make_room(self) -> Iterator[Event]:
        """Have a model of others unloaded; see `SharedEngine.make_room`."""
        return self._in_turn(self._make_room())

    def measure(self, request: Measure) -> tuple[int, ...]:
        """Tell what pictures would take; see `Engine.measure`.

        Nothing is told while something else goes on: nobody should wait for an answer's end.
        """
        if self.info is None or self._busy.locked():
            return ()
        with suppress(ModelGone):
            for event in self._in_turn(self._request(request, "measure")):
                if isinstance(event, Measured):
                    return event.tokens
        return ()

    def unload(self) -> None:
        with self._busy:
            self._load = self._info = None
            with self._state:
                process, self._process = self._process, None
            if process is not None:
                process.release()

    # ------------------------------------------------------------------------------------- streams

    def _in_turn(self, stream: Generator[Event, None, None]) -> Iterator[Event]:
        """Run a stream when no other runs.

        The engine is free again before the last event is given out: a reader that stops there,
        without asking for more, must not block the next request.
        """
        last: Event | None = None
        with self._busy, closing(stream):
            for event in stream:
                if isinstance(event, Finished):
                    last = event
                else:
                    yield event
        if last is not None:
            yield last

    def _load_given(self, request: Load) -> Generator[Event, None, None]:
        self._load = request
        yield from self._load_now(request)

    def _load_and_generate(self, request: Generate) -> Generator[Event, None, None]:
        if self._load is not None and (not self._alive() or self._info is None):
            for event in self._load_now(self._load):
                if not isinstance(event, Finished):
                    yield event
                elif event.reason == "cancelled":
                    yield event
                    return
        yield from self._request(encodable(request), "prefill")

    def _join(self, request: Load) -> Generator[Event, None, None]:
        self._info = None
        try:
            for event in self._request(Join(request), "wait"):
                if isinstance(event, Joined):
                    self._load = event.load
                elif isinstance(event, Loaded):
                    self._info = event.info
                elif isinstance(event, Absent):
                    event = Absent(event.others or len(host_socket.running()) > 1)
                yield event
        except NoHost:
            yield Absent(others=bool(host_socket.running()))
            yield Finished("done")

    def _make_room(self) -> Generator[Event, None, None]:
        """First in the host that this client uses, then in all others."""
        self._stopped = False
        made: Absent | None = None
        with suppress(NoHost):
            for event in self._request(MakeRoom(), "wait"):
                if isinstance(event, Absent):
                    made = event
                elif not isinstance(event, Finished):
                    yield event
                elif event.reason == "cancelled":
                    yield event
                    return
        mine = self._process.path if isinstance(self._process, HostLink) else None
        others = [path for path in host_socket.running() if path != mine]
        while made is None and others:
            with suppress(NoHost), closing(host_inquiry.ask(others.pop(), MakeRoom())) as answers:
                for answer in answers:
                    if self._stopped or self._closed:
                        yield Finished("cancelled")
                        return
                    if isinstance(answer, Absent):
                        made = answer
                    elif isinstance(answer, Waiting):
                        yield answer
        yield Absent(made is not None and (made.others or bool(others)))
        yield Finished("done")

    def _read_ahead(self, request: Prepare) -> Generator[Event, None, None]:
        if self.info is None:  # not worth a load
            yield Finished("cancelled")
            return
        try:
            yield from self._request(encodable(request), "prefill")
        except ModelGone:
            yield Finished("cancelled")

    def _load_now(self, request: Load) -> Generator[Event, None, None]:
        self._info = None
        for event in self._request(request, "load"):
            if isinstance(event, Loaded):
                self._info = event.info
            elif isinstance(event, Joined):
                self._load = event.load
            yield event
