"""A server on loopback in front of an engine that plays scripts, asked over real connections."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import uvicorn

from tests.fakes import INFO, LOAD, TIMEOUT, FakeEngine
from vlmtui.engine.engine_events import ModelInfo
from vlmtui.engine.engine_requests import Sampling
from vlmtui.serve import serving
from vlmtui.serve.admission import Admission, Rules
from vlmtui.serve.http_app import HttpApp


class Served:
    """A server that runs, and a client of it."""

    def __init__(self, engine: FakeEngine, rules: Rules, model: ModelInfo) -> None:
        for _ in engine.load(LOAD):
            pass
        self.engine = engine
        self.log: list[str] = []
        self._connections: list[http.client.HTTPConnection] = []
        self.app: HttpApp | None = None
        self.loop: asyncio.AbstractEventLoop | None = None
        listener = socket.create_server(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]

        async def application(scope: Any, receive: Any, send: Any) -> None:
            if self.app is None:  # in the loop that it belongs to
                self.loop = asyncio.get_running_loop()
                self.app = HttpApp(engine, model, rules, self.log.append)
            await self.app(scope, receive, send)

        self._server = uvicorn.Server(serving.config(application))
        self._thread = threading.Thread(target=self._server.run, args=([listener],), daemon=True)
        self._thread.start()

    def connect(self) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)
        self._connections.append(connection)
        return connection

    def begin(self, path: str, body: object = None, **headers: str) -> http.client.HTTPConnection:
        """Send a request, and don't wait for its answer."""
        connection = self.connect()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is None:
            connection.request("GET", path, headers=named)
        else:
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            connection.request("POST", path, content, named)
        return connection

    def ask(self, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
        """Status and JSON of an answer."""
        connection = self.begin(path, body, **headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, json.loads(content or b"null")

    def complete(self, text: str = "Hi", **more: Any) -> tuple[int, Any]:
        return self.ask("/v1/chat/completions", question(text, **more))

    def metric(self, name: str) -> float:
        connection = self.begin("/metrics")
        lines = connection.getresponse().read().decode().splitlines()
        connection.close()
        return next(float(line.split()[-1]) for line in lines if line.startswith(f"vlmtui_{name}"))

    def wait_until(self, true: Callable[[], bool]) -> None:
        deadline = time.monotonic() + TIMEOUT
        while not true():
            assert time.monotonic() < deadline, "it never came to that"
            time.sleep(0.005)

    def call(self, what: Callable[[], None]) -> None:
        """Have something done where the server does everything."""
        assert self.loop is not None
        self.loop.call_soon_threadsafe(what)

    def close(self) -> None:
        for connection in self._connections:
            connection.close()
        self._server.should_exit = self._server.force_exit = True
        self._thread.join(TIMEOUT)


def question(text: str = "Hi", **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}], **more}


def events(answer: http.client.HTTPResponse) -> list[Any]:
    """The data of all events of a stream; the last word as a text."""
    found = [line[6:].strip() for line in answer if line.startswith(b"data: ")]
    return [each.decode() if each == b"[DONE]" else json.loads(each) for each in found]


Serve = Callable[..., Served]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts servers: `serve(engine, key="…", waiting=1)`."""
    started: list[Served] = []

    def start(
        engine: FakeEngine | None = None,
        *,
        model: ModelInfo = INFO,
        key: str = "",
        origins: tuple[str, ...] = (),
        **rules: Any,
    ) -> Served:
        given = Rules(Admission(key, origins), Sampling(temperature=0.2), **rules)
        started.append(Served(engine or FakeEngine(), given, model))
        return started[-1]

    yield start
    for served in started:
        served.close()
