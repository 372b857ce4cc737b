"""A flag that stops a running request, readable from C without Python's lock.

llama.cpp asks its abort callback between the nodes of a compute graph, thousands of times a token.
A Python function there would take the interpreter's lock each time (measured by others as several
percent of the decode speed; it also delays the thread that could set the flag). So the callback is
libc's own `strlen`, and its data a C string: "" is 0, go on; "x" is 1, stop.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Aborted(Exception):
    """The flag stopped what was going on."""


class CancelFlag:
    """Set from one thread, read by another and by llama.cpp."""

    def __init__(self) -> None:
        self._text = ctypes.create_string_buffer(2)
        self._stop: Callable[[], object] | None = None
        self.concludes = False
        """The running request is to end its thought and to answer."""

    def set(self) -> None:
        self._text[0] = b"x"
        if (stop := self._stop) is not None:
            stop()

    def clear(self) -> None:
        """Make ready for the next request."""
        self.concludes = False
        self._text[0] = b"\0"

    @contextmanager
    def calling(self, stop: Callable[[], object]) -> Iterator[None]:
        """Have `stop` called, in the thread that sets the flag, while the body runs.

        For work that can't look at a flag since it waits for somebody else.
        """
        self._stop = stop
        try:
            if self.is_set:  # it came first
                stop()
            yield
        finally:
            self._stop = None

    @property
    def is_set(self) -> bool:
        return self._text.value != b""

    @property
    def abort_callback(self) -> int:
        """Address of a C function of the type of `ggml_abort_callback`."""
        function = ctypes.CDLL(None).strlen
        address = ctypes.cast(function, ctypes.c_void_p).value
        if address is None:
            raise OSError("libc has no strlen")  # pragma: no cover
        return address

    @property
    def abort_data(self) -> int:
        """Address to hand to the callback; valid while this object lives."""
        return ctypes.addressof(self._text)
