"""An engine in a host: its process, what is loaded there, and who uses it.

It runs one request at a time, for whoever has the first place in its queue. It knows nothing of
other engines.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from vlmtui.engine.async_channel import AsyncChannel
from vlmtui.engine.engine_events import Encoded, Event, Failed, Finished, Loaded, ModelInfo
from vlmtui.engine.engine_process import EngineProcess
from vlmtui.engine.engine_requests import (
    Cancel,
    Conclude,
    Files,
    Generate,
    Load,
    Measure,
    Plan,
    Prepare,
)
from vlmtui.engine.host_language import Died, EngineView, HostEvent
from vlmtui.engine.wait_queue import WaitQueue
from vlmtui.engine.wire import Command, Report

DRAIN_S = 10.0
"""How long a request whose client is gone may take to end; then its process is ended."""

GRACE_S = 5.0
"""So long a model that was just loaded waits for its first question before it may have to make way.
Two clients whose models don't fit together would otherwise unload each other's for ever."""

Work = Load | Generate | Measure | Plan | Prepare
"""What an engine's process is asked."""

FileStates = tuple[tuple[str, int, int, int] | None, ...]


class Stopping:
    """How a request may be told to end before it has."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.cancelled: asyncio.Future[None] = loop.create_future()
        """Done when its client wants its end."""

        self.abandoned: asyncio.Future[None] = loop.create_future()
        """Done when nobody waits for its end any more; it is cancelled, too."""

    def cancel(self) -> None:
        """Have it end. Safe to call twice."""
        if not self.cancelled.done():
            self.cancelled.set_result(None)

    def abandon(self) -> None:
        """Have it end, soon. Safe to call twice."""
        self.cancel()
        if not self.abandoned.done():
            self.abandoned.set_result(None)


class HostedEngine:
    """An engine that several clients use.

    Attributes:
        asked: What the client that loaded it wanted, before it was made to fit.
        load: What is loaded, or being loaded; None before.
        info: What it said of itself; None while it isn't loaded.
        queue: Who has it, and who waits.
        clients: The names of those who use it, by whatever stands for them.
        keep_alive: Seconds it stays when the last of them has left; negative: for ever.
        unused_since: When that was, by the monotonic clock.
    """

    def __init__(self, log: Path) -> None:
        """Start its process.

        Raises:
            EngineCrashed: It can't be started.
        """
        self.log = log
        self.asked: Load | None = None
        self.load: Load | None = None
        self.info: ModelInfo | None = None
        self.queue = WaitQueue()
        self.clients: dict[object, str] = {}
        self.keep_alive = 0.0
        self.unused_since = time.monotonic()
        self._ended = False
        self._files: FileStates = ()
        self._grace_until = 0.0
        self._number = 0
        self._context_used = 0
        self._pictures = 0
        self._process = EngineProcess(log)
        self._channel: AsyncChannel[Report] | None = None

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def ended(self) -> bool:
        """Whether its process has ended, or is told to."""
        return self._ended or not self._process.alive

    @property
    def loaded(self) -> tuple[Load, ModelInfo] | None:
        """What is loaded and what it is; None while nothing is."""
        if self.ended or self.load is None or self.info is None:
            return None
        return self.load, self.info

    @property
    def grace_s(self) -> float:
        """Seconds in which it must not make way yet."""
        return max(0.0, self._grace_until - time.monotonic()) if self.clients else 0.0

    @property
    def left_s(self) -> float | None:
        """Seconds until it has been unused for long enough; None where that isn't to be."""
        if self.clients or self.queue.busy or self.keep_alive < 0:
            return None
        return max(0.0, self.unused_since + self.keep_alive - time.monotonic())

    @property
    def title(self) -> str:
        """What its model is called; empty before there is one."""
        return self.load.title if self.load is not None else ""

    def eviction_order(self) -> tuple[bool, bool, bool, float]:
        """How much it would be missed, to compare: one that answers the most, then one in use."""
        return self.queue.busy, self.grace_s > 0, bool(self.clients), self.unused_since

    def is_of(self, asked: Load) -> bool:
        """Whether this is the model that somebody asks for, and its files are still the same."""
        return (
            not self.ended
            and asked in (self.asked, self.load)
            and self._files == _file_states(asked)
        )

    def view(self) -> EngineView:
        assert self.load is not None
        return EngineView(
            self.pid,
            self.load,
            self.info,
            tuple(self.clients.values()),
            self.queue.first,
            self.queue.waiting,
            self._context_used,
            self._pictures,
            self.left_s,
        )

    def will_load(self, load: Load, asked: Load) -> None:
        """Be known as the engine of a model, before its load begins."""
        self.load, self.asked, self._files = load, asked, _file_states(load)

    async def run(
        self, request: Work, emit: Callable[[Event | HostEvent], None], stopping: Stopping
    ) -> Finished | Failed | Died:
        """Work on a request, for whoever has the first place in the queue.

        Returns:
            Its last event.
        """
        channel = await self._connected()
        self._number += 1
        channel.send(Command(self._number, request))
        frame = asyncio.ensure_future(channel.receive())
        watched: set[asyncio.Future[None]] = {stopping.cancelled, stopping.abandoned}
        deadline: float | None = None
        try:
            while True:
                left = None if deadline is None else max(0.0, deadline - time.monotonic())
                awaited: set[asyncio.Future[Any]] = {frame, *watched}
                await asyncio.wait(awaited, timeout=left, return_when=asyncio.FIRST_COMPLETED)
                if stopping.cancelled in watched and stopping.cancelled.done():
                    watched.remove(stopping.cancelled)
                    channel.send(Command(self._number, Cancel()))
                if stopping.abandoned in watched and stopping.abandoned.done():
                    watched.remove(stopping.abandoned)
                    deadline = time.monotonic() + DRAIN_S
                if deadline is not None and time.monotonic() >= deadline:
                    deadline = None
                    self.kill()
                if frame.done():
                    report = frame.result()
                    if report is None:
                        return await self._died()
                    if report.number == self._number:
                        event = report.event
                        if isinstance(event, Finished | Failed):
                            self._came_to_an_end(request, event)
                            return event
                        self._take(event)
                        emit(event)
                    frame = asyncio.ensure_future(channel.receive())
        finally:
            frame.cancel()

    async def _connected(self) -> AsyncChannel[Report]:
        if self._channel is None:
            reader, writer = await asyncio.open_connection(sock=self._process.connection)
            self._channel = AsyncChannel(reader, writer, Report)
        return self._channel

    def conclude(self) -> None:
        if self._channel is not None:
            self._channel.send(Command(self._number, Conclude()))

    def kill(self) -> None:
        """End its process in the middle of anything; who runs a request finds out."""
        self._ended = True
        self._process.kill()

    async def end(self) -> None:
        """End its process, and wait until its memory is given back."""
        self._ended = True
        if self._channel is not None:
            self._channel.close()
        else:
            self._process.connection.close()
        await asyncio.to_thread(self._process.reap)

    def _take(self, event: object) -> None:
        if isinstance(event, Loaded):
            self.info = event.info
        elif isinstance(event, Encoded) and not event.reused:
            self._pictures += 1

    def _came_to_an_end(self, request: Work, ending: Finished | Failed) -> None:
        if isinstance(ending, Finished) and ending.stats.context_used:
            self._context_used = ending.stats.context_used
        now = time.monotonic()
        self.unused_since = now
        if not isinstance(request, Prepare):
            self._grace_until = now + GRACE_S if isinstance(request, Load) else 0.0

    async def _died(self) -> Died:
        self._ended = True
        status = await asyncio.to_thread(self._process.reap)
        return Died(status, str(self.log), self._process.log_tail())


def _file_states(load: Load) -> FileStates:
    """What tells a load's files from others that come in their places later."""
    if not isinstance(load.source, Files):
        return ()
    tower = load.tower.path if load.tower is not None else None
    return tuple(_state_of(path) for path in (load.source.model, load.source.mmproj, tower))


def _state_of(path: str | None) -> tuple[str, int, int, int] | None:
    if path is None:
        return None
    try:
        found = os.stat(path)
    except OSError:
        return None
    return path, found.st_ino, found.st_size, found.st_mtime_ns


def as_warm(info: ModelInfo) -> ModelInfo:
    """What a client is told of a model that is there already: its load took it no time."""
    return msgspec.structs.replace(info, load_s=0.0)
