"""The host: a process that keeps engines for every vlmtui of a user, and stays for a while.

It loads nothing itself: each model has a process of its own (`hosted_engine`), which ends with the
host. What a client may ask is in `host_client`; here is which engines there are, which make way,
and when all is over. One event loop does everything, so that nothing here waits for a lock.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path

from vlmtui import __version__
from vlmtui.engine.engine_requests import Load
from vlmtui.engine.host_client import HostClient
from vlmtui.engine.host_language import HostState
from vlmtui.engine.hosted_engine import HostedEngine
from vlmtui.engine.wait_queue import WaitQueue

_LOOK_S = 15.0
"""How often is looked whether the socket is still where clients find it."""

_FIRST_CLIENT_S = 60.0
"""So long a host waits for the client that started it."""


class Host:
    """Engines, and the clients that use them.

    Attributes:
        engines: Those that load or have loaded a model.
        loading: Whoever loads has the first place here: what fits is told by what is free, and that
            changes while another loads.
    """

    def __init__(self, socket_path: Path) -> None:
        self.engines: list[HostedEngine] = []
        self.loading = WaitQueue()
        self._socket_path = socket_path
        self._clients: set[HostClient] = set()
        self._changed = asyncio.Event()
        self._stopped = False
        self._logs = 0

    async def serve(self, listener: socket.socket) -> None:
        ours = _identity(self._socket_path)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self.stop)
        server = await asyncio.start_unix_server(self._serve_client, sock=listener)
        try:
            timeout = _FIRST_CLIENT_S
            while not self._stopped:
                self._changed.clear()
                with suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), timeout)
                reachable = _identity(self._socket_path) == ours
                await self._end_unused(at_once=not reachable)
                if not self._clients and not self.engines:
                    break
                left = [each.left_s for each in self.engines]
                timeout = min([_LOOK_S, *(seconds + 0.01 for seconds in left if seconds)])
        finally:
            if _identity(self._socket_path) == ours:
                self._socket_path.unlink(missing_ok=True)
            server.close()
            for client in list(self._clients):
                client.close()
            for engine in self.engines:
                if engine.queue.busy:
                    engine.kill()
            # the others keep what is worth it
            await asyncio.gather(*(engine.end() for engine in self.engines))

    def stop(self) -> None:
        self._stopped = True
        self.changed()

    def changed(self) -> None:
        """Somebody came or left, or an engine did."""
        self._changed.set()

    def find(self, asked: Load) -> HostedEngine | None:
        return next((each for each in self.engines if each.is_of(asked)), None)

    def start_engine(self, log: str) -> HostedEngine:
        """Start an engine's process; its log lies beside that of the client.

        Raises:
            EngineCrashed: It can't be started.
        """
        self._logs += 1
        path = Path(log)
        if log != os.devnull:
            path = path.with_name(f"engine-{os.getpid()}-{self._logs}.log")
        return HostedEngine(path)

    async def end_engine(self, engine: HostedEngine) -> None:
        """End an engine and wait until its memory is given back."""
        if engine in self.engines:
            self.engines.remove(engine)
        await engine.end()
        self.changed()

    def state(self) -> HostState:
        return HostState(os.getpid(), __version__, tuple(each.view() for each in self.engines))

    async def _serve_client(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        client = HostClient(self, reader, writer)
        self._clients.add(client)
        try:
            await client.serve()
        finally:
            self._clients.discard(client)
            self.changed()

    async def _end_unused(self, *, at_once: bool) -> None:
        for engine in list(self.engines):
            unused = not engine.clients and not engine.queue.busy
            if engine.ended or (unused and (at_once or engine.left_s == 0.0)):
                await self.end_engine(engine)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def main(descriptor: int, socket_path: str) -> None:
    """Run a host on an inherited listening socket; does not return.

    It leaves the client that started it: neither its death nor a signal to it shall reach the host.
    """
    if os.fork():
        os._exit(0)
    os.chdir("/")
    listener = socket.socket(fileno=descriptor)
    asyncio.run(_serve_and_end(Host(Path(socket_path)), listener))


async def _serve_and_end(host: Host, listener: socket.socket) -> None:
    try:
        await host.serve(listener)
    finally:
        sys.stderr.flush()
        os._exit(0)  # nothing that still waits has anybody to wait for
