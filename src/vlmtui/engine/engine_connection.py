"""A connection to the process of an engine, to one of one's own or to the host that all share.

It starts what is needed, sends one request, yields what comes of it, and notices when the process
dies: that becomes an `EngineCrashed` which says in which phase. It imports nothing that is heavy;
all of llama.cpp lies behind the socket. Models of this machine are loaded by the host, unless that
can't be or isn't wanted: then, and for endpoints, a process of its own does it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from pathlib import Path

from vlmtui import errors
from vlmtui.engine import death
from vlmtui.engine.engine_events import (
    Alive,
    Delta,
    Encoded,
    Encoding,
    Event,
    Failed,
    Finished,
    Loading,
    ModelInfo,
    Notice,
    Prefill,
    Thought,
    Trimmed,
    Waiting,
)
from vlmtui.engine.engine_process import EngineProcess
from vlmtui.engine.engine_requests import Conclude, Files, Load, Plan, Request
from vlmtui.engine.host_language import Died, Gone, HostEvent, HostRequest, Join, MakeRoom, Running
from vlmtui.engine.host_link import HostLink
from vlmtui.engine.host_socket import NoHost
from vlmtui.engine.running_request import RunningRequest
from vlmtui.engine.wire import Channel, Command, Report, WireError

_TICK_S = 1.0
"""How long is waited for a frame before looking at the clock."""

_DRAIN_S = 10.0
"""How long a request that nobody waits for any more may take to end; then its process is ended."""

_ENDINGS = (Finished, Failed, Died, Gone)


class ModelGone(errors.EngineError):
    """The model made way for another, or its process died while nobody asked it anything."""

    def __init__(self) -> None:
        super().__init__(
            "Other programs keep taking the engine's memory", "Ask again, or quit them."
        )


class EngineConnection:
    """What is there, and the request that runs. For the public methods see `engine.base.Engine`."""

    def __init__(self, log_path: Path, keep_alive: float = 0.0) -> None:
        """Prepare; starts nothing.

        Args:
            log_path: Where the process' output goes; its directory is created.
            keep_alive: Seconds that the model stays loaded, for whoever wants it next; negative:
                for ever; 0: nothing is shared, and the process ends with this client.
        """
        self._log_path = log_path
        self._keep_alive = keep_alive
        self._process: EngineProcess | HostLink | None = None
        self._notice: Notice | None = None
        self._number = 0
        self._running: RunningRequest | None = None
        self._state = threading.Lock()
        self._closed = False
        self._load: Load | None = None
        self._info: ModelInfo | None = None
        self._phase = "idle"
        self._stopped = False
        """Nobody waits any more for hosts that this client doesn't use."""

    def cancel(self) -> None:
        self._stopped = True
        with self._state:
            if self._running is not None and self._process is not None:
                self._running.cancel(self._process.channel)

    def conclude(self) -> None:
        with self._state:
            if self._running is not None and self._process is not None:
                self._process.channel.try_send(Command(self._running.number, Conclude()))

    def abort(self) -> None:
        self._stopped = True
        with self._state:
            if self._running is not None and self._process is not None:
                self._running.aborted = True
                self._process.kill()

    def close(self) -> None:
        self._stopped = True
        with self._state:
            self._closed = True
            process = self._process
        if process is not None:
            process.end()

    @property
    def pid(self) -> int | None:
        process = self._process
        return process.pid if process is not None and process.alive else None

    @property
    def info(self) -> ModelInfo | None:
        return self._info if self._alive() else None

    # ----------------------------------------------------------------------------------- a request

    def _request(self, request: Request | HostRequest, phase: str) -> Generator[Event, None, None]:
        """Send a request and yield its events; cancels and drains it when closed early.

        Raises:
            NoHost: It is for a host, and there is none.
            ModelGone: It needs a model that isn't loaded any more.
        """
        if not self._alive() or not self._suits(request):
            if self._load is not None and not isinstance(request, Load | Plan | Join | MakeRoom):
                raise ModelGone
            self._start(request)
        if self._notice is not None:
            notice, self._notice = self._notice, None
            yield notice
        run, channel = self._begin()
        self._phase = phase
        ended = False
        try:
            for event in self._events(run, channel, request):
                ended = isinstance(event, _ENDINGS)
                if isinstance(event, HostEvent):
                    self._heard_of_host(event)
                elif isinstance(event, Failed):
                    raise errors.named(event.kind, event.message, event.hint, errors.EngineError)
                else:
                    self._follow(event)
                    yield event
        except GeneratorExit:
            if not ended:
                self._drain(run, channel)
            raise
        finally:
            with self._state:
                self._running = None
            self._phase = "idle"

    def _begin(self) -> tuple[RunningRequest, Channel[Report]]:
        with self._state:
            if self._closed:
                raise errors.EngineError("The engine has been closed")
            assert self._process is not None
            self._number += 1
            self._running = RunningRequest(self._number)
            return self._running, self._process.channel

    def _heard_of_host(self, event: HostEvent) -> None:
        """Take note of what the host says of itself and of the engine.

        Raises:
            EngineCrashed: The engine died.
            ModelGone: Its model isn't loaded any more.
        """
        if isinstance(event, Died | Running) and isinstance(self._process, HostLink):
            self._process.take(event)
        if isinstance(event, Died):
            raise self._crashed()
        if isinstance(event, Gone):
            self._info = None
            raise ModelGone

    def _events(
        self, run: RunningRequest, channel: Channel[Report], request: Request | HostRequest
    ) -> Generator[Event | HostEvent, None, None]:
        """Send a request, and yield what comes of it up to its end, and what to tell meanwhile.

        Raises:
            EngineCrashed: The process died.
        """
        ended = False
        try:
            for _ in channel.sending(Command(run.number, request), _TICK_S):
                yield from run.notices(self._phase)
            run.whole = True
            while not ended:
                run.pass_on_cancel(channel)
                try:
                    report = _receive(channel, _TICK_S)
                except TimeoutError:
                    yield from run.notices(self._phase)
                    continue
                if report is None:
                    raise OSError
                if report.number == run.number:
                    run.heard()
                    if isinstance(report.event, Alive):
                        yield from run.notices(self._phase)
                    else:
                        ended = isinstance(report.event, _ENDINGS)
                        yield report.event
        except OSError:
            if not run.aborted and not self._closed:
                raise self._crashed() from None
            self._discard()
            yield Finished("cancelled")

    def _drain(self, run: RunningRequest, channel: Channel[Report]) -> None:
        """Have a request ended that nobody waits for any more."""
        self.cancel()
        # where half a frame is on its way, nothing can be said any more
        deadline = time.monotonic() + (_DRAIN_S if run.whole else 0)
        while (left := deadline - time.monotonic()) > 0:
            try:
                report = _receive(channel, min(left, _TICK_S))
            except TimeoutError:
                continue
            if report is None:
                return
            if report.number == run.number and isinstance(report.event, _ENDINGS):
                return
        self.abort()
        self._discard()

    def _follow(self, event: Event) -> None:
        """Keep track of what the process is doing, for the report of its death."""
        match event:
            case Waiting():
                self._phase = "wait"
            case Loading():
                self._phase = "load"
            case Encoding():
                self._phase = "encode"
            case Encoded() | Prefill() | Trimmed():
                self._phase = "prefill"
            case Thought() | Delta():
                self._phase = "decode"

    # ------------------------------------------------------------------------------------- process

    def _alive(self) -> bool:
        return self._process is not None and self._process.alive

    def _shares(self, request: Load) -> bool:
        """Whether a model is loaded by the host that all share."""
        return self._keep_alive != 0 and isinstance(request.source, Files)

    def _suits(self, request: Request | HostRequest) -> bool:
        """Whether what there is, a host or a process, is the right one for a request."""
        hosted = isinstance(self._process, HostLink)
        load = _load_of(request)
        if isinstance(request, Join | MakeRoom):
            return hosted and (load is None or self._shares(load))
        return load is None or hosted == self._shares(load)

    def _start(self, request: Request | HostRequest) -> None:
        load = _load_of(request)
        for_host = isinstance(request, Join | MakeRoom)
        if for_host and not (load and self._shares(load)):
            raise NoHost("It isn't wanted")
        self._discard()
        process: EngineProcess | HostLink | None = None
        if load and self._shares(load):
            try:
                process = HostLink(self._log_path, self._keep_alive)
            except NoHost as error:
                self._keep_alive = 0.0
                if error.refused:
                    self._notice = Notice(
                        "host", str(error), "This vlmtui loads the model for itself alone."
                    )
                if for_host:
                    raise
        process = process or EngineProcess(self._log_path)
        with self._state:
            self._process = process
        if self._closed:  # closed while we were starting
            self.close()

    def _discard(self) -> None:
        if self._process is not None:
            self._process.discard()
        self._info = None

    def _crashed(self) -> errors.EngineCrashed:
        phase = self._phase
        process = self._process
        assert process is not None
        status = process.reap()
        self._info = None
        name = self._load.title if self._load else "no model"
        log = process.log_tail()
        cause, hint = death.explain(status, phase, log)
        return errors.EngineCrashed(
            f"The engine died while {death.DOING.get(phase, 'idle')} ({name}): {cause}",
            f"{hint} The chat is safe; the next message starts the engine again. "
            f"Its log: {process.log_path}",
            phase=phase,
            log_tail=log,
            memory_was_short=death.memory_was_short(status, log),
        )


def _load_of(request: Request | HostRequest) -> Load | None:
    match request:
        case Load():
            return request
        case Plan(load=load) | Join(asked=load):
            return load
    return None


def _receive(channel: Channel[Report], timeout: float) -> Report | None:
    try:
        return channel.receive(timeout)
    except WireError:
        return None  # a process that sends garbage is as good as dead
