"""The line to a server: one waits on it, tries it again, and hangs up at any time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec


class Stopped(Exception):
    """A cancel was asked for."""


class Patience(msgspec.Struct, frozen=True):
    """How often something is tried again, and after how long."""

    tries: int = 8
    """In a row without a byte coming; a download that goes on is never given up."""

    first_tries: int = 3
    """Before anything came at all: an address may simply be wrong."""

    base_s: float = 1.0
    """Before the second try; doubled before each further one."""

    most_s: float = 30.0
    most_asked_s: float = 900.0
    """The longest wait that a server may ask for."""

    timeout_s: float = 15.0
    """For the server to answer, and between two pieces of a file."""

    def before(self, attempt: int) -> float:
        """Seconds before a try; `attempt` counts from 1, the first that failed."""
        return float(min(self.most_s, self.base_s * 2 ** (attempt - 1)))


class Line:
    """Lets one thread wait and another one end that."""

    def __init__(self) -> None:
        self._stopped = threading.Event()
        self._hang_up: Callable[[], None] | None = None

    def stop(self) -> None:
        """End all waiting, now and later."""
        self._stopped.set()
        hang_up = self._hang_up
        if hang_up is not None:
            hang_up()

    def check(self) -> None:
        """Raises `Stopped` after `stop`."""
        if self._stopped.is_set():
            raise Stopped

    def wait(self, seconds: float) -> None:
        """Wait; raises `Stopped` at once after `stop`."""
        if self._stopped.wait(seconds):
            raise Stopped

    @contextmanager
    def open(self, hang_up: Callable[[], None]) -> Iterator[None]:
        """While the body reads from a connection, `stop` ends that by `hang_up`."""
        self._hang_up = hang_up
        try:
            self.check()
            yield
        finally:
            self._hang_up = None
