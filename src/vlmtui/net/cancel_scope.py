"""Ends a wait for a server from another thread: it hangs up on the connection."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any


class Stopped(Exception):
    """A stop was asked for."""


class CancelScope:
    """Lets one thread wait and another one end that. Good for one request at a time."""

    def __init__(self) -> None:
        self._stopped = threading.Event()
        self._stream: Any = None
        self.late = False
        """Whether the time of `within` ran out."""

    def stop(self) -> None:
        """End all waiting, now and later."""
        self._stopped.set()
        self._hang_up()

    def check(self) -> None:
        """Raises `Stopped` after `stop`."""
        if self._stopped.is_set():
            raise Stopped

    def wait(self, seconds: float) -> None:
        """Wait; raises `Stopped` at once after `stop`."""
        if self._stopped.wait(seconds):
            raise Stopped

    def hold(self, stream: Any) -> None:
        """Note the connection that is waited on, a network stream of httpcore2; None for none."""
        self._stream = stream
        if self.late or self._stopped.is_set():
            self._hang_up()

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Hang up when the body isn't through after so many seconds.

        A server that sends a byte now and then outlasts every timeout of a single read.
        """

        def expire() -> None:
            self.late = True
            self._hang_up()

        self.late = False
        clock = threading.Timer(seconds, expire)
        clock.daemon = True
        clock.start()
        try:
            yield
        finally:
            clock.cancel()

    def _hang_up(self) -> None:
        stream = self._stream
        connection = stream.get_extra_info("socket") if stream is not None else None
        if isinstance(connection, socket.socket):
            with suppress(OSError):
                # not the method of an SSL socket, which drops the decryption while that is at work
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
