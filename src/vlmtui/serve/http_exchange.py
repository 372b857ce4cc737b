"""One request and its answer over ASGI: the body within limits, the client's going heard.

There are five addresses to answer, so this is all the framework there is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, TypeVar

import msgspec

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

CLIENT_GONE = 499
"""The status that logs have for a client that didn't wait for its answer."""

_T = TypeVar("_T")


class ClientGone(Exception):
    """The client has hung up."""


class TooLarge(Exception):
    """The body has more bytes than it may."""


class Exchange:
    """One request.

    Attributes:
        status: Of the answer; 0 until it has begun.
        headers: To be sent with whatever is answered.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self.status = 0
        self.headers: dict[str, str] = {}

    @property
    def method(self) -> str:
        return str(self._scope["method"])

    @property
    def path(self) -> str:
        """Without the query."""
        return str(self._scope["path"])

    @property
    def client(self) -> str:
        client = self._scope.get("client")
        return str(client[0]) if client else "-"

    def header(self, name: str) -> str:
        """A header of the request; empty where it has none of that name."""
        wanted = name.encode()
        return next((v.decode("latin-1") for k, v in self._scope["headers"] if k == wanted), "")

    async def body(self, most: int, seconds: float) -> bytes:
        """All of the request's body.

        Raises:
            TooLarge: It has more than `most` bytes.
            ClientGone: It ended before its end.
            asyncio.TimeoutError: It took longer.
        """
        length = self.header("content-length")
        if length.isdigit() and int(length) > most:
            raise TooLarge
        return await asyncio.wait_for(self._whole(most), seconds)

    async def _whole(self, most: int) -> bytes:
        content = bytearray()
        try:
            while True:
                message = await self._receive()
                if message["type"] == "http.disconnect":
                    raise ClientGone
                content += message.get("body", b"")
                if len(content) > most:
                    raise TooLarge
                if not message.get("more_body"):
                    return bytes(content)
        finally:
            content.clear()  # an error and the task that ends by it hold each other, and this

    async def while_there(self, work: Coroutine[Any, Any, _T], seconds: float) -> _T:
        """Do something for the client, whose body is read, for as long as it waits.

        Raises:
            ClientGone: It has hung up; the work was cancelled.
            asyncio.TimeoutError: It took longer; the same.
        """
        task = asyncio.ensure_future(work)
        gone = asyncio.ensure_future(self._hangs_up())
        try:
            await asyncio.wait({task, gone}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            raise ClientGone if gone.done() else asyncio.TimeoutError
        finally:
            gone.cancel()
            if not task.done():
                task.cancel()
                await asyncio.wait({task})

    async def _hangs_up(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def respond(self, status: int, content: bytes, kind: str, **headers: str) -> None:
        headers["content-length"] = str(len(content))
        await self._begin(status, kind, headers)
        await self._send({"type": "http.response.body", "body": content})

    async def respond_json(self, status: int, value: object, **headers: str) -> None:
        """Answer with JSON. Underscores in names of headers are hyphens."""
        await self.respond(status, msgspec.json.encode(value), "application/json", **headers)

    async def begin_events(self) -> None:
        """Begin a stream of server-sent events, which no proxy (nginx) is to hold back."""
        headers = {"cache-control": "no-cache", "x-accel-buffering": "no"}
        await self._begin(200, "text/event-stream", headers)

    async def event(self, value: object) -> None:
        """An event: JSON, or the last one's word as it is."""
        data = value.encode() if isinstance(value, str) else msgspec.json.encode(value)
        await self._piece(b"data: " + data + b"\n\n", more=True)

    async def comment(self, text: str) -> None:
        """A line of a stream that is no event."""
        await self._piece(f": {text}\n\n".encode(), more=True)

    async def end_events(self) -> None:
        await self._piece(b"", more=False)

    async def _piece(self, content: bytes, *, more: bool) -> None:
        await self._send({"type": "http.response.body", "body": content, "more_body": more})

    async def _begin(self, status: int, kind: str, headers: Mapping[str, str]) -> None:
        self.status = status
        sent = {"content-type": kind, **self.headers, **headers}
        raw = [(k.replace("_", "-").encode(), v.encode("latin-1")) for k, v in sent.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": raw})
