"""The app's end of the engine: starts its process, speaks to it, and notices when it dies.

Implements `engine.base.Engine`. It imports nothing that is heavy; all of llama.cpp lies behind the
socket. A death of the process becomes an `EngineCrashed` that says in which phase, and the next
request starts a new process and loads the last model again.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Generator, Iterator
from contextlib import closing, suppress
from pathlib import Path

from vlmtui import errors
from vlmtui.engine import death
from vlmtui.engine.base import (
    Cancel,
    Delta,
    Encoded,
    Encoding,
    Event,
    Failed,
    Finished,
    Generate,
    Load,
    Loaded,
    Loading,
    ModelInfo,
    Plan,
    Planned,
    Prefill,
    Request,
    Shutdown,
    Trimmed,
)
from vlmtui.engine.logs import open_log
from vlmtui.engine.wire import Channel, Command, Report, WireError
from vlmtui.messages import Message, TextPart

_START = (
    "import sys; sys.path[:] = [p for p in sys.path if p]; from vlmtui.engine.worker import main"
)
"""`python -c` puts the current directory on the path: a file named like a library there must not
run."""

_EXIT_PATIENCE_S = 3.0
_LOG_TAIL_LINES = 40


class EngineClient:
    """One engine process, started when first needed. See `engine.base.Engine` for the methods."""

    def __init__(self, log_path: Path) -> None:
        """Prepare; starts nothing.

        Args:
            log_path: Where the process' output goes; its directory is created.
        """
        self._log_path = log_path
        self._log_start = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: Channel[Report] | None = None
        self._number = 0
        self._running: int | None = None
        self._busy = threading.Lock()
        self._state = threading.Lock()
        self._closed = False
        self._load: Load | None = None
        self._info: ModelInfo | None = None
        self._phase = "idle"

    # ------------------------------------------------------------------------------------ requests

    def load(self, request: Load) -> Iterator[Event]:
        """Load a model; see `Engine.load`."""
        return self._in_turn(self._load_given(request))

    def generate(self, request: Generate) -> Iterator[Event]:
        """Answer a conversation; see `Engine.generate`."""
        return self._in_turn(self._load_and_generate(request))

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
        if planned is None:  # closed meanwhile
            raise errors.EngineError("The engine has been closed")
        return planned

    def unload(self) -> None:
        """Give back all memory of the model; see `Engine.unload`."""
        with self._busy:
            self._load = self._info = None
            with self._state:
                channel, process = self._channel, self._process
                self._channel = self._process = None
            self._end(channel, process)

    def cancel(self) -> None:
        """Cancel the running request; see `Engine.cancel`."""
        with self._state:
            if self._running is None or self._channel is None:
                return
            # when the process has died, whoever waits for its events finds out
            with suppress(OSError):
                self._channel.send(Command(self._running, Cancel()))

    def close(self) -> None:
        """End the process; see `Engine.close`."""
        with self._state:
            self._closed = True
            channel, process = self._channel, self._process
        self._end(channel, process)

    @property
    def pid(self) -> int | None:
        """Process id, None while no process runs."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    @property
    def info(self) -> ModelInfo | None:
        """What is loaded, None while nothing is."""
        return self._info if self._alive() else None

    @property
    def log_path(self) -> Path:
        """Where the process' output goes."""
        return self._log_path

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
        yield from self._request(_encodable(request), "prefill")

    def _load_now(self, request: Load) -> Generator[Event, None, None]:
        self._info = None
        for event in self._request(request, "load"):
            if isinstance(event, Loaded):
                self._info = event.info
            yield event

    def _request(self, request: Request, phase: str) -> Generator[Event, None, None]:
        """Send a request and yield its events; cancels and drains it when closed early."""
        if not self._alive():
            self._start()
        with self._state:
            if self._closed:
                raise errors.EngineError("The engine has been closed")
            channel = self._channel
            assert channel is not None
            self._number += 1
            number = self._running = self._number
        self._phase = phase
        ended = False
        try:
            try:
                channel.send(Command(number, request))
            except OSError:
                raise self._crashed() from None
            while not ended:
                event = self._next(channel, number)
                self._follow(event)
                ended = isinstance(event, Finished | Failed)
                if isinstance(event, Failed):
                    raise _error_of(event)
                yield event
        except GeneratorExit:
            self.cancel()
            while not ended and (report := _receive(channel)) is not None:
                ended = report.number == number and isinstance(report.event, Finished | Failed)
            raise
        finally:
            with self._state:
                self._running = None
            self._phase = "idle"

    def _next(self, channel: Channel[Report], number: int) -> Event:
        while True:
            report = _receive(channel)
            if report is None:
                if self._closed:
                    return Finished("cancelled")
                raise self._crashed()
            if report.number == number:
                return report.event

    def _follow(self, event: Event) -> None:
        """Keep track of what the process is doing, for the report of its death."""
        match event:
            case Loading():
                self._phase = "load"
            case Encoding():
                self._phase = "encode"
            case Encoded() | Prefill() | Trimmed():
                self._phase = "prefill"
            case Delta():
                self._phase = "decode"

    # ------------------------------------------------------------------------------------- process

    def _alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _start(self) -> None:
        self._discard()
        ours, theirs = socket.socketpair()
        try:
            log, self._log_start = open_log(self._log_path)
            with log:
                process = subprocess.Popen(
                    [sys.executable, "-c", f"{_START}; main({theirs.fileno()})"],
                    pass_fds=(theirs.fileno(),),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    # a debugger's backtrace would push the failed assertion out of the log's tail
                    env={**os.environ, "GGML_NO_BACKTRACE": "1"},
                    # Ctrl+C in the terminal is for the app, which then cancels or closes us
                    start_new_session=True,
                )
        except OSError as error:
            ours.close()
            raise errors.EngineCrashed(
                f"The engine's process can't be started: {error}", phase="starting"
            ) from None
        finally:
            theirs.close()
        with self._state:
            self._process = process
            self._channel = Channel(ours, Report)
        if self._closed:  # closed while we were starting
            self.close()

    def _end(
        self, channel: Channel[Report] | None, process: subprocess.Popen[bytes] | None
    ) -> None:
        if channel is not None:
            with suppress(OSError):
                channel.send(Command(0, Shutdown()))
        if process is not None:
            self._reap(process)
        if channel is not None:
            channel.close()

    def _discard(self) -> None:
        if self._channel is not None:
            self._channel.close()
        if self._process is not None:
            self._reap(self._process)
        self._info = None

    def _reap(self, process: subprocess.Popen[bytes]) -> None:
        try:
            process.wait(_EXIT_PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _crashed(self) -> errors.EngineCrashed:
        phase = self._phase
        process = self._process
        assert process is not None
        self._reap(process)
        self._info = None
        name = self._load.title if self._load else "no model"
        cause, hint = death.explain(process.returncode, phase)
        return errors.EngineCrashed(
            f"The engine died while {death.DOING.get(phase, 'idle')} ({name}): {cause}",
            f"{hint} The chat is safe; the next message starts the engine again. "
            f"Its log: {self._log_path}",
            phase=phase,
            log_tail=self._log_tail(),
            memory_was_short=death.memory_was_short(process.returncode),
        )

    def _log_tail(self) -> str:
        try:
            with self._log_path.open("rb") as log:
                log.seek(self._log_start)
                lines = log.read().decode(errors="replace").splitlines()
        except OSError:
            return ""
        return "\n".join(lines[-_LOG_TAIL_LINES:])


def _encodable(request: Generate) -> Generate:
    """The request with question marks for lone surrogates.

    A command line in another encoding than UTF-8 brings them, and no frame can carry them.
    """
    try:
        "".join(message.text for message in request.messages).encode()
    except UnicodeEncodeError:
        messages = tuple(
            Message(
                message.role,
                tuple(
                    TextPart(part.text.encode(errors="replace").decode())
                    if isinstance(part, TextPart)
                    else part
                    for part in message.parts
                ),
            )
            for message in request.messages
        )
        return Generate(messages, request.sampling)
    return request


def _receive(channel: Channel[Report]) -> Report | None:
    try:
        return channel.receive()
    except WireError:
        return None  # a process that sends garbage is as good as dead


def _error_of(event: Failed) -> errors.VlmtuiError:
    kind = getattr(errors, event.kind, None)
    if isinstance(kind, type) and issubclass(kind, errors.VlmtuiError):
        return kind(event.message, event.hint)
    return errors.EngineError(event.message, event.hint)
