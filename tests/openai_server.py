"""A server of chat completions on loopback, which plays what a test tells it to."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Play = Callable[["Exchange"], None]
"""Answers one request to `/v1/chat/completions`."""


class Exchange:
    """One request, and the way to answer it."""

    def __init__(self, handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        self.body = body
        self.headers = handler.headers
        self.path = handler.path
        self._handler = handler

    def refuse(self, status: int, content: object, **headers: str) -> None:
        """Answer with something else than an answer."""
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self._handler.send_response(status)
        for name, value in headers.items():
            self._handler.send_header(name.replace("_", "-"), value)
        self._handler.send_header("Content-Length", str(len(body)))
        self._handler.end_headers()
        self._handler.wfile.write(body)

    def stream(self, *events: object, end: bool = True) -> None:
        """Stream events; what is no text is sent as JSON."""
        self.begin()
        for event in events:
            self.send(event)
        if end:
            self.send("[DONE]")

    def begin(self) -> None:
        """The head of a stream."""
        self._handler.send_response(200)
        self._handler.send_header("Content-Type", "text/event-stream")
        self._handler.end_headers()

    def send(self, event: object) -> None:
        """One event of a stream."""
        data = event if isinstance(event, str) else json.dumps(event)
        self._handler.wfile.write(f"data: {data}\n\n".encode())
        self._handler.wfile.flush()

    def send_raw(self, content: bytes) -> None:
        """A part of a stream, as it is."""
        self._handler.wfile.write(content)
        self._handler.wfile.flush()

    def break_off(self) -> None:
        """Reset the connection, as a line that breaks does."""
        off = struct.pack("ii", 1, 0)
        self._handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, off)
        self._handler.rfile.close()
        self._handler.wfile.close()
        self._handler.connection.close()
        raise ConnectionResetError

    def hung_up(self) -> bool:
        """Wait until the client hangs up."""
        with suppress(OSError):
            return self._handler.connection.recv(1) == b""
        return True


def words(*texts: str, finish: str = "stop", **more: Any) -> Iterator[dict[str, Any]]:
    """The events of an answer with these pieces."""
    for text in texts:
        yield {"choices": [{"delta": {"content": text}, "finish_reason": None}]}
    yield {"choices": [{"delta": {}, "finish_reason": finish}], **more}


class OpenAIServer:
    """Plays each request with the next of its scripts; the last one goes on.

    Attributes:
        asked: The bodies that came.
        authorizations: The keys that came, one for each request.
        paths: All addresses that were asked for.
        deleted: Those that were to be deleted.
    """

    def __init__(self, *scripts: Play, models: object = None) -> None:
        self.asked: list[dict[str, Any]] = []
        self.authorizations: list[str | None] = []
        self.paths: list[str] = []
        self.deleted: list[str] = []
        self.answers: dict[str, object] = {
            "/v1/models": {"data": [{"id": "llava", "owned_by": "acme"}]}
            if models is None
            else models
        }
        self._scripts = list(scripts)
        served = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                served._note(self)
                answer = served.answers.get(self.path.partition("?")[0])
                exchange = Exchange(self, {})
                if callable(answer):
                    with suppress(BrokenPipeError, ConnectionResetError):
                        answer(exchange)
                else:
                    exchange.refuse(404 if answer is None else 200, answer or {})

            def do_DELETE(self) -> None:
                served._note(self)
                served.deleted.append(self.path)
                Exchange(self, {}).refuse(204, b"")

            def do_POST(self) -> None:
                served._note(self)
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                served.asked.append(body)
                script = served._scripts.pop(0) if len(served._scripts) > 1 else served._scripts[0]
                with suppress(BrokenPipeError, ConnectionResetError):
                    script(Exchange(self, body))

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def _note(self, handler: BaseHTTPRequestHandler) -> None:
        self.paths.append(handler.path)
        self.authorizations.append(handler.headers["Authorization"])

    @property
    def url(self) -> str:
        """Where its interface begins."""
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()
