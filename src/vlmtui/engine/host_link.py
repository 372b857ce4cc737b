"""A client's connection to a host: stands where a process of its own stands in `client`."""

from __future__ import annotations

import os
import select
from contextlib import suppress
from pathlib import Path

from vlmtui import __version__
from vlmtui.engine import host_socket
from vlmtui.engine.engine_events import Failed, Finished
from vlmtui.engine.host_language import Abort, Died, Hello, HostRequest, Release, Running, Welcome
from vlmtui.engine.host_socket import NoHost
from vlmtui.engine.wire import Channel, Command, Report, WireError

WELCOME_S = 20.0
"""How long a host may take to answer: it may be starting on a machine that is busy."""

_RELEASE_S = 5.0
"""How long an engine may take to give its memory back."""

_ATTEMPTS = 3
"""A host may be leaving when it is found."""


class HostLink:
    """A connection to a host, and what it said of the engine behind it."""

    def __init__(self, log_path: Path, keep_alive: float) -> None:
        """Connect; starts a host where there is none. See `EngineConnection` for the arguments.

        Raises:
            NoHost: There can't be one here, or it doesn't answer.
        """
        self.log_path = log_path
        self._died: Died | None = None
        self.pid: int | None = None
        """Process id of the engine behind it; None while there is none."""
        self.path = host_socket.address()
        hello = Hello(__version__, who(), keep_alive, os.fspath(log_path))
        for _ in range(_ATTEMPTS):
            own_log = log_path if log_path == Path(os.devnull) else log_path.with_name("host.log")
            connection = host_socket.connect_or_start(self.path, own_log)
            self.channel: Channel[Report] = Channel(connection, Report)
            if self._is_welcome(hello):
                return
            self.channel.close()
        raise NoHost("The host ends as soon as it is contacted")

    def _is_welcome(self, hello: Hello) -> bool:
        try:
            self.channel.send(Command(0, hello))
            report = self.channel.receive(WELCOME_S)
        except TimeoutError:
            self.channel.close()
            raise NoHost(
                "The host of the engines doesn't answer: `vlmtui engine stop` ends it", refused=True
            ) from None
        except (OSError, WireError):
            return False
        return (
            report is not None
            and isinstance(report.event, Welcome)
            and report.event.version == __version__
        )

    @property
    def alive(self) -> bool:
        descriptor = self.channel.descriptor
        if descriptor < 0:
            return False
        poll = select.poll()
        poll.register(descriptor, select.POLLRDHUP)
        return not poll.poll(0)

    def take(self, event: Running | Died) -> None:
        if isinstance(event, Died):
            self._died = event
            self.pid = None
            self.log_path = Path(event.log)
        else:
            self.pid = event.pid or None

    def kill(self) -> None:
        """End the request that runs, with its process; the connection is of no more use."""
        self.channel.try_send(Command(0, Abort()))
        self.channel.close()

    def release(self) -> None:
        """Give the model's memory back unless others use it, and leave."""
        if self._ask(Release(), _RELEASE_S):
            self.pid = None
        self.end()

    def end(self) -> None:
        """Leave; the model stays for a while."""
        self.channel.close()

    discard = end

    def reap(self) -> int | None:
        """The exit status of the engine's process; None where the host itself has died."""
        return self._died.status if self._died is not None else None

    def log_tail(self) -> str:
        return self._died.log_tail if self._died is not None else ""

    def _ask(self, request: HostRequest, timeout: float) -> bool:
        """Ask between two requests of the client; whether it was done in time."""
        with suppress(OSError, WireError, TimeoutError):
            if self.channel.try_send(Command(0, request)):
                while (report := self.channel.receive(timeout)) is not None:
                    if report.number == 0 and isinstance(report.event, Finished | Failed):
                        return True
        return False


def who() -> str:
    """What others are told who wait for this process."""
    for stream in (0, 1, 2):
        with suppress(OSError):
            return os.ttyname(stream).removeprefix("/dev/")
    return f"process {os.getpid()}"
