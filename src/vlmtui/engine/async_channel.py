"""One end of a connection for a process with an event loop; the frames are those of `wire`."""

from __future__ import annotations

import asyncio
from typing import Generic, TypeVar

import msgspec

from vlmtui.engine.wire import LENGTH, MAX_FRAME_BYTES, Command, Report

_MOST_UNREAD = 2 * MAX_FRAME_BYTES
"""Bytes that a peer may leave unread; more, and it is let go of."""

Received = TypeVar("Received")


class AsyncChannel(Generic[Received]):
    """See `wire.Channel`; here nothing blocks."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, receives: type[Received]
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(receives)

    def send(self, frame: Command | Report) -> None:
        """Send one frame as soon as the peer takes it; to a peer that is gone, nothing is sent."""
        if self._writer.is_closing():
            return
        body = self._encoder.encode(frame)
        self._writer.write(LENGTH.pack(len(body)) + body)
        if self._writer.transport.get_write_buffer_size() > _MOST_UNREAD:
            self._writer.transport.abort()

    async def receive(self) -> Received | None:
        """The next frame; None when the peer is gone, or sent something that is no frame."""
        try:
            (length,) = LENGTH.unpack(await self._reader.readexactly(LENGTH.size))
            if length > MAX_FRAME_BYTES:
                return None
            return self._decoder.decode(await self._reader.readexactly(length))
        except (OSError, EOFError, msgspec.MsgspecError):
            return None

    def close(self) -> None:
        """Close this end, once what was sent is taken."""
        self._writer.close()
