"""Frames between the app and the engine's process: a length, then msgpack.

A `Channel` is one end of a connected stream socket. Sending is safe from any thread; receiving is
for one thread. The structs are checked against their types on arrival, so a broken peer is an error
here and not a surprise later.
"""

from __future__ import annotations

import errno
import select
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Generic, TypeVar

import msgspec

from vlmtui import printable
from vlmtui.engine.engine_events import Event
from vlmtui.engine.engine_requests import Generate, Prepare, Request
from vlmtui.engine.host_language import HostEvent, HostRequest
from vlmtui.errors import InputError
from vlmtui.messages import Message, TextPart

MAX_FRAME_BYTES = 64 * 1024 * 1024
"""A longer frame is a broken peer: pictures travel as paths, so frames hold text only."""

LENGTH = struct.Struct(">I")
"""Comes before each frame: how many bytes it has."""

_PIECE = 256 * 1024


class Command(msgspec.Struct, frozen=True):
    """A request on its way to the worker. A `Cancel` carries the number of what it cancels."""

    number: int
    request: Request | HostRequest


class Report(msgspec.Struct, frozen=True):
    """An event on its way back, with the number of the request it belongs to."""

    number: int
    event: Event | HostEvent


class WireError(Exception):
    """The peer sent something that is not a frame."""


Received = TypeVar("Received")
Conversation = TypeVar("Conversation", Generate, Prepare)


class Channel(Generic[Received]):
    """One end of the connection; `receives` is the type of the frames that arrive at it.

    A peer may be stopped in the middle of anything, so whoever must not hang with it uses
    `sending`, `try_send` and a timeout.
    """

    def __init__(self, connection: socket.socket, receives: type[Received]) -> None:
        self._connection = connection
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(receives)
        self._sending = threading.Lock()
        self._arrived = bytearray()

    def send(self, frame: Command | Report) -> None:
        """Send one frame.

        Raises:
            OSError: The peer is gone.
        """
        with self._sending:
            self._connection.sendall(self._packed(frame))

    def sending(self, frame: Command | Report, timeout: float) -> Iterator[None]:
        """Send one frame; yields each time the peer has taken nothing for `timeout` seconds.

        Once begun, it has to come to its end, or the connection is of no more use.

        Raises:
            OSError: The peer is gone.
        """
        left = memoryview(self._packed(frame))
        with self._sending:
            while left:
                if not self._ready(select.POLLOUT, timeout):
                    yield
                    continue
                with suppress(BlockingIOError):
                    left = left[self._connection.send(left, socket.MSG_DONTWAIT) :]

    def try_send(self, frame: Command | Report) -> bool:
        """Send one short frame if that can be done at once; whether it was."""
        if not self._sending.acquire(blocking=False):
            return False
        try:
            if not self._ready(select.POLLOUT, 0):
                return False
            # what is this short is taken as a whole
            self._connection.send(self._packed(frame), socket.MSG_DONTWAIT)
        except OSError:
            return False
        finally:
            self._sending.release()
        return True

    def receive(self, timeout: float | None = None) -> Received | None:
        """Wait for one frame; None when the peer has closed its end or died.

        `timeout` is for a silence, in seconds; None waits for ever.

        Raises:
            WireError: What came is no frame.
            TimeoutError: Nothing came. What has come of a frame stays for the next call.
        """
        while (body := self._take()) is None:
            try:
                if not self._ready(select.POLLIN, timeout):
                    raise TimeoutError
                piece = self._connection.recv(_PIECE)
            except TimeoutError:
                raise
            except OSError:  # reset by a peer that died with our frames unread
                return None
            if not piece:
                return None
            self._arrived += piece
        try:
            return self._decoder.decode(body)
        except msgspec.MsgspecError as error:
            raise WireError(str(error)) from None

    @property
    def descriptor(self) -> int:
        """File descriptor of the connection; -1 when it is closed."""
        return self._connection.fileno()

    def close(self) -> None:
        """Close this end; the peer sees the end of the stream."""
        with suppress(OSError):  # the peer was first
            self._connection.shutdown(socket.SHUT_RDWR)
        self._connection.close()

    def _packed(self, frame: Command | Report) -> bytes:
        try:
            body = self._encoder.encode(frame)
        except UnicodeEncodeError as error:  # a path, since texts are looked at where they come in
            name = printable.line(error.object, 200)
            raise InputError(
                f"{name} is not valid UTF-8, and can't be passed to the engine",
                "Rename it, or set VLMTUI_HOME to a directory with another name.",
            ) from None
        return LENGTH.pack(len(body)) + body

    def _take(self) -> bytes | None:
        """The body of the first frame that has arrived; None while none is whole."""
        if len(self._arrived) < LENGTH.size:
            return None
        (length,) = LENGTH.unpack_from(self._arrived)
        if length > MAX_FRAME_BYTES:
            raise WireError(f"a frame of {length} bytes was announced")
        end = LENGTH.size + length
        if len(self._arrived) < end:
            return None
        body = bytes(memoryview(self._arrived)[LENGTH.size : end])
        del self._arrived[:end]
        return body

    def _ready(self, event: int, timeout: float | None) -> bool:
        """Whether the socket can be used so within some seconds.

        Raises:
            OSError: It is closed.
        """
        descriptor = self.descriptor
        if descriptor < 0:
            raise OSError(errno.EBADF, "closed")
        poll = select.poll()
        poll.register(descriptor, event)
        return bool(poll.poll(None if timeout is None else timeout * 1000))


def encodable(request: Conversation) -> Conversation:
    """The request with question marks for lone surrogates.

    A command line in another encoding than UTF-8 brings them, and no frame can carry them.
    """
    try:
        "".join(message.text + message.thought for message in request.messages).encode()
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
                message.thought.encode(errors="replace").decode(),
            )
            for message in request.messages
        )
        return msgspec.structs.replace(request, messages=messages)
    return request
