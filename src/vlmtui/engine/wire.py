"""Frames between the app and the engine's process: a length, then msgpack.

A `Channel` is one end of a connected stream socket. Sending is safe from any thread; receiving is
for one thread. The structs are checked against their types on arrival, so a broken peer is an error
here and not a surprise later.
"""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress
from typing import Generic, TypeVar

import msgspec

from vlmtui.engine.base import Event, Request

MAX_FRAME_BYTES = 64 * 1024 * 1024
"""A longer frame is a broken peer: pictures travel as paths, so frames hold text only."""

_LENGTH = struct.Struct(">I")


class Command(msgspec.Struct, frozen=True):
    """A request on its way to the worker. A `Cancel` carries the number of what it cancels."""

    number: int
    request: Request


class Report(msgspec.Struct, frozen=True):
    """An event on its way back, with the number of the request it belongs to."""

    number: int
    event: Event


class WireError(Exception):
    """The peer sent something that is not a frame."""


Received = TypeVar("Received")


class Channel(Generic[Received]):
    """One end of the connection; `receives` is the type of the frames that arrive at it."""

    def __init__(self, connection: socket.socket, receives: type[Received]) -> None:
        self._connection = connection
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(receives)
        self._sending = threading.Lock()

    def send(self, frame: Command | Report) -> None:
        """Send one frame.

        Raises:
            OSError: The peer is gone.
        """
        body = self._encoder.encode(frame)
        with self._sending:
            self._connection.sendall(_LENGTH.pack(len(body)) + body)

    def receive(self) -> Received | None:
        """Wait for one frame; None when the peer has closed its end or died.

        Raises:
            WireError: What came is no frame.
        """
        head = self._read(_LENGTH.size)
        if head is None:
            return None
        (length,) = _LENGTH.unpack(head)
        if length > MAX_FRAME_BYTES:
            raise WireError(f"a frame of {length} bytes was announced")
        body = self._read(length)
        if body is None:
            return None
        try:
            return self._decoder.decode(body)
        except msgspec.MsgspecError as error:
            raise WireError(str(error)) from None

    def close(self) -> None:
        """Close this end; the peer sees the end of the stream."""
        with suppress(OSError):  # the peer was first
            self._connection.shutdown(socket.SHUT_RDWR)
        self._connection.close()

    def _read(self, count: int) -> bytes | None:
        data = bytearray()
        while len(data) < count:
            try:
                piece = self._connection.recv(count - len(data))
            except OSError:  # reset by a peer that died with our frames unread
                return None
            if not piece:
                return None
            data += piece
        return bytes(data)
