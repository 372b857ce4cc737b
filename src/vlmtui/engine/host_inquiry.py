"""Questions to hosts, of whoever asks no engine anything: what is there, and that it shall end."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Generator, Iterator
from contextlib import suppress
from pathlib import Path

from vlmtui import __version__
from vlmtui.engine import host_socket
from vlmtui.engine.engine_events import Alive, Event, Failed, Finished
from vlmtui.engine.host_language import Hello, HostEvent, HostRequest, HostState, Look
from vlmtui.engine.host_link import who
from vlmtui.engine.host_socket import NoHost
from vlmtui.engine.wire import Channel, Command, Report, WireError

_SILENCE_S = 10.0
"""So long a host may show no sign of life."""

_LOOK_S = 3.0
"""So long it may take to tell what there is: nobody has to come first for that."""


def states() -> Iterator[tuple[Path, HostState | None]]:
    """The hosts of this user: the socket of each, and what it tells; None where it doesn't."""
    for path in host_socket.running():
        state = None
        with suppress(NoHost):
            if not is_listening(path):
                continue
            for answer in ask(path, Look(), _LOOK_S):
                if isinstance(answer, HostState):
                    state = answer
        yield path, state


def unused_engines() -> list[int]:
    """Process ids of the engines that make way for whoever wants to load something."""
    views = [view for _, state in states() if state is not None for view in state.engines]
    return [view.pid for view in views if not view.clients and not view.answering]


def is_listening(path: Path) -> bool:
    """Whether a process holds a socket, be it that it doesn't answer.

    Raises:
        NoHost: Whoever listens is somebody else.
    """
    connection = host_socket.connect(path)
    if connection is not None:
        connection.close()
    return connection is not None


def kill(path: Path) -> None:
    """End the host of a socket that doesn't answer, and with it its engines."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (process / "cmdline").read_bytes()
            if b"vlmtui.engine.host" in words and os.fsencode(path) in words:
                os.kill(int(process.name), signal.SIGKILL)
    path.unlink(missing_ok=True)


def ask(
    path: Path, request: HostRequest, timeout: float = _SILENCE_S
) -> Generator[Event | HostEvent, None, None]:
    """Ask a host something, if one listens there; closing the iterator cancels it.

    Yields:
        What it says, at least once a second an `Alive`.

    Raises:
        NoHost: Whoever listens is somebody else, or doesn't answer.
    """
    connection = host_socket.connect(path)
    if connection is None:
        return
    channel: Channel[Report] = Channel(connection, Report)
    heard = time.monotonic()
    try:
        channel.send(Command(0, Hello(__version__, who(), 0.0, os.devnull)))
        channel.send(Command(1, request))
        while time.monotonic() - heard < timeout:
            try:
                report = channel.receive(1.0)
            except TimeoutError:
                yield Alive()
                continue
            if report is None:
                return
            heard = time.monotonic()
            yield report.event
            if isinstance(report.event, Finished | Failed):
                return
        raise NoHost("The host doesn't answer")
    except (OSError, WireError):
        return  # it has just ended, or is of a version that speaks otherwise
    finally:
        channel.close()
