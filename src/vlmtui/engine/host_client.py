"""A client of the host, as the host sees it: what it asks, one thing after the other.

A cancel, the end of a thought and an abort are heard at once, whatever the client waits for. When
the connection ends, however that came, what the client asked is cancelled, its place in every queue
is given up, and the engine is the others'.
"""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from vlmtui import __version__
from vlmtui.engine.async_channel import AsyncChannel
from vlmtui.engine.client_places import ClientPlaces
from vlmtui.engine.engine_events import Absent, Event, Failed, Finished, Joined, Loaded
from vlmtui.engine.engine_requests import (
    Cancel,
    Conclude,
    Generate,
    Load,
    Measure,
    Plan,
    Prepare,
    Shutdown,
)
from vlmtui.engine.host_language import (
    Abort,
    Died,
    Gone,
    Hello,
    HostEvent,
    Join,
    Look,
    MakeRoom,
    Release,
    Running,
    Stop,
    Welcome,
)
from vlmtui.engine.host_socket import is_ours
from vlmtui.engine.hosted_engine import HostedEngine, Stopping, Work, as_warm
from vlmtui.engine.wire import Command, Report
from vlmtui.errors import EngineCrashed

if TYPE_CHECKING:
    from vlmtui.engine.host import Host

Ending = Finished | Failed | Died | Gone
"""What a request ends with."""


class HostClient:
    """A connected client."""

    def __init__(
        self, host: Host, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._host = host
        self._writer = writer
        self._channel: AsyncChannel[Command] = AsyncChannel(reader, writer, Command)
        self._commands: asyncio.Queue[Command] = asyncio.Queue()
        self._hello = Hello("", "", 0.0, os.devnull)
        self._number = -1
        """Of the request that it is at."""

        self._cancelled = -1
        """Highest number of a request that was cancelled; numbers only grow."""

        self._left = False
        self._engine: HostedEngine | None = None
        self._running_on: HostedEngine | None = None
        self._asked: Load | None = None
        self._places = ClientPlaces(host.loading, self._tell)

    async def serve(self) -> None:
        if not _is_ours(self._writer) or not await self._greeted():
            self._channel.close()
            return
        working = asyncio.ensure_future(self._work())
        # by a defect only; then the client shall hear of it, and not wait for ever
        working.add_done_callback(lambda _: self._channel.close())
        try:
            while (command := await self._channel.receive()) is not None:
                if isinstance(command.request, Shutdown):
                    break
                self._take(command)
        finally:
            self._channel.close()
            self._left = True
            self._places.stopping.abandon()
            self._commands.put_nowait(Command(0, Shutdown()))
            try:
                await working
            finally:
                self._places.withdraw()
                if self._engine is not None and self._engine.load is None:  # it has only planned
                    await self._release()
                self._detach()

    def _take(self, command: Command) -> None:
        """Have a request wait for its turn; what is about the one that runs counts at once."""
        match command.request:
            case Cancel():
                self._cancelled = max(self._cancelled, command.number)
                if command.number == self._number:
                    self._places.stopping.cancel()
            case Conclude():
                if self._running_on is not None and command.number == self._number:
                    self._running_on.conclude()
            case Abort():
                if self._running_on is not None:
                    self._running_on.kill()
            case _:
                self._commands.put_nowait(command)

    def close(self) -> None:
        self._channel.close()

    # ------------------------------------------------------------------------------------ requests

    async def _greeted(self) -> bool:
        command = await self._channel.receive()
        if command is None or not isinstance(command.request, Hello):
            return False
        self._hello = command.request
        self._places.who = command.request.who
        self._channel.send(Report(command.number, Welcome(__version__, os.getpid())))
        return True

    async def _work(self) -> None:
        while True:
            withdrawal = asyncio.ensure_future(self._places.withdraw_later())
            command = await self._commands.get()
            withdrawal.cancel()
            if self._left:
                return
            self._places.stopping = Stopping()
            self._number = command.number
            if self._cancelled >= command.number:
                self._places.stopping.cancel()
            self._tell(await self._answer(command))

    async def _answer(self, command: Command) -> Ending:
        request = command.request
        if not isinstance(request, Load | Join | MakeRoom | Plan):
            self._places.withdraw()
        try:
            match request:
                case Join(asked=asked):
                    return await self._join(asked)
                case Load():
                    return await self._load(request)
                case Plan():
                    return await self._plan(request)
                case Generate():
                    return await self._generate(request)
                case Prepare() | Measure():
                    return await self._at_leisure(request)
                case MakeRoom():
                    return await self._make_room()
                case Release():
                    await self._release()
                case Look():
                    self._tell(self._host.state())
                case Stop(now=now):
                    return await self._stop_host(now)
        except EngineCrashed as error:
            return Failed("EngineCrashed", error.message, error.hint)
        return Finished("done")

    async def _join(self, asked: Load) -> Ending:
        if self._engine is not None and not self._engine.is_of(asked):
            await self._release()
        while True:
            engine = self._host.find(asked)
            if engine is not None:
                joined = await self._use(engine, asked)
                if joined is not None:
                    return joined
            elif self._places.reserved:
                break
            elif not await self._places.reserve():
                return Finished("cancelled")
        self._asked = asked
        others = any(each is not self._engine for each in self._host.engines)
        self._tell(Absent(others))
        return Finished("done")

    async def _use(self, engine: HostedEngine, asked: Load) -> Ending | None:
        """Use an engine that has the model, or is going to; None when it came to nothing."""
        if self._engine is not None and self._engine is not engine:
            await self._release()
        if engine.info is None:
            async with self._places.turn(engine.queue) as mine:
                if not mine:
                    return Finished("cancelled")
        loaded = engine.loaded
        if loaded is None:
            return None
        self._places.withdraw()
        self._asked = asked
        self._attach(engine)
        self._tell(Joined(loaded[0]))
        self._tell(Loaded(as_warm(loaded[1])))
        return Finished("done")

    async def _load(self, load: Load) -> Ending:
        asked = self._asked or load
        while (engine := self._host.find(load)) is not None or not self._places.reserved:
            if engine is not None:
                joined = await self._use(engine, asked)
                if joined is not None:
                    return joined
            elif not await self._places.reserve():
                return Finished("cancelled")
        if self._engine is not None and self._engine.load is not None:
            await self._release()
        engine = self._engine or self._host.start_engine(self._hello.log)
        engine.will_load(load, asked)
        self._host.engines.append(engine)
        self._attach(engine)
        async with self._places.turn(engine.queue):  # nobody else can be there
            ending = await self._run(engine, load)
        if engine.info is None or engine.ended:
            self._detach()
            await self._host.end_engine(engine)
        self._places.withdraw()
        return ending

    async def _plan(self, request: Plan) -> Ending:
        """Simulate a load in a process that can then be the one which loads."""
        if self._engine is None or self._engine.load is not None or self._engine.ended:
            await self._release()
            self._attach(self._host.start_engine(self._hello.log))
        engine = self._engine
        assert engine is not None
        async with self._places.turn(engine.queue):
            ending = await self._run(engine, request)
        return await self._looked_after(engine, ending)

    async def _generate(self, request: Generate) -> Ending:
        engine = self._engine
        if engine is None or engine.ended:
            return Gone()
        async with self._places.turn(engine.queue) as mine:
            if not mine:
                return Finished("cancelled")
            if engine.loaded is None:
                return Gone()
            ending = await self._run(engine, request)
        return await self._looked_after(engine, ending)

    async def _at_leisure(self, request: Prepare | Measure) -> Ending:
        """Do what is worth no waiting: nobody else has the engine, and reading ahead gives way."""
        ahead = isinstance(request, Prepare)
        undone = Finished("cancelled" if ahead else "done")
        engine = self._engine
        if engine is None or engine.loaded is None or engine.queue.busy:
            return undone
        give_way = self._places.stopping.cancel if ahead else None
        async with self._places.turn(engine.queue, give_way) as mine:
            if not mine or engine.loaded is None:
                return undone
            ending = await self._run(engine, request)
        return await self._looked_after(engine, ending)

    async def _make_room(self) -> Ending:
        while others := self._others():
            engine = min(others, key=HostedEngine.eviction_order)
            async with self._places.turn(engine.queue, model=engine.title) as mine:
                if not mine:
                    return Finished("cancelled")
                if not engine.grace_s and not engine.ended:
                    await self._host.end_engine(engine)
                    self._tell(Absent(bool(self._others())))
                    break
            await asyncio.wait({self._places.stopping.cancelled}, timeout=min(engine.grace_s, 0.2))
        return Finished("done")

    def _others(self) -> list[HostedEngine]:
        return [each for each in self._host.engines if each is not self._engine and not each.ended]

    async def _stop_host(self, now: bool) -> Ending:
        while self._others() and not now:
            if (ending := await self._make_room()) != Finished("done"):
                return ending
        self._host.stop()
        return Finished("done")

    # --------------------------------------------------------------------------------- its engine

    async def _run(self, engine: HostedEngine, request: Work) -> Ending:
        self._running_on = engine
        try:
            ending: Ending = await engine.run(request, self._tell, self._places.stopping)
        finally:
            self._running_on = None
        if engine.ended:
            self._host.changed()
        return ending

    async def _looked_after(self, engine: HostedEngine, ending: Ending) -> Ending:
        """Let go of an engine that a request was the end of."""
        if engine.ended:
            await self._release()
        return ending

    def _attach(self, engine: HostedEngine) -> None:
        if self._engine is not engine:
            self._detach()
        self._engine = engine
        engine.clients[self] = self._hello.who
        engine.keep_alive = self._hello.keep_alive
        self._tell(Running(engine.pid))

    def _detach(self) -> None:
        """Use no engine; it stays for others, and for a while."""
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.clients.pop(self, None)
            engine.unused_since = time.monotonic()
            self._tell(Running(0))
        self._host.changed()

    async def _release(self) -> None:
        """Use no engine, and give its memory back unless others use it."""
        engine = self._engine
        self._detach()
        if engine is not None and (engine.ended or not (engine.clients or engine.queue.busy)):
            await self._host.end_engine(engine)

    def _tell(self, event: Event | HostEvent) -> None:
        self._channel.send(Report(self._number, event))


def _is_ours(writer: asyncio.StreamWriter) -> bool:
    with suppress(OSError):
        return is_ours(writer.get_extra_info("socket"))
    return False
