"""Running the server: socket, model, requests until somebody ends it."""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING

from vlmtui.chat.chat_runtime import engine_log
from vlmtui.chat.fitting_engine import FittingEngine
from vlmtui.commands.event_words import note_on
from vlmtui.engine.base import Engine
from vlmtui.engine.client import EngineClient
from vlmtui.engine.engine_events import Adjusted, Loaded, ModelInfo, Notice
from vlmtui.engine.engine_requests import Load
from vlmtui.errors import EngineError, InputError, os_errors_as
from vlmtui.hardware.monitor import Monitor
from vlmtui.printable import line
from vlmtui.serve.admission import Rules
from vlmtui.serve.http_app import HttpApp
from vlmtui.serve.http_exchange import Receive, Scope, Send

if TYPE_CHECKING:
    from uvicorn import Config, Server

Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_GRACE_S = 10
"""What is being answered when the server is to end has so long."""

_CONNECTIONS = 64


def serve(load: Load, host: str, port: int, rules: Rules, keep_alive: float) -> None:
    """Serve a model until a signal ends it; does not return otherwise.

    Args:
        load: The model.
        host: Where to listen: an address, or a name of this machine.
        port: 0 for any that is free.
        rules: What is done for whom.
        keep_alive: Seconds that the model stays when the server has ended; negative: for ever, 0:
            not at all, and then it is shared with no other vlmtui.

    Raises:
        InputError: Nobody can listen there, or not without a key.
        EngineError: The model can't be loaded.
    """
    with ExitStack() as cleanup:
        listener = cleanup.enter_context(_bound(host, port, key=bool(rules.admission.key)))
        engine = FittingEngine(EngineClient(engine_log(), keep_alive))
        cleanup.callback(engine.close)
        model = _loaded(engine, load)
        app = HttpApp(engine, model, rules, _log)
        monitor = Monitor(lambda: engine.pid, app.metrics.watch)
        monitor.start()
        cleanup.callback(monitor.stop)
        hello = f"{line(model.name)} answers at http://{_address(listener)}/v1 (Ctrl+C stops it)"
        _server(config(app), app, hello).run(sockets=[listener])


def config(app: Application) -> Config:
    """How uvicorn serves it."""
    import uvicorn

    from vlmtui.serve.head_timeout import HeadTimeoutProtocol

    return uvicorn.Config(
        app,
        http=HeadTimeoutProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=_CONNECTIONS,
        timeout_graceful_shutdown=2 * _GRACE_S,
    )


def _server(config: Config, app: HttpApp, hello: str) -> Server:
    """A server that lets answers come to their end when it is told to go, and cuts long ones."""
    import uvicorn

    class Ending(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            _say(hello)

        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            if not self.should_exit:
                app.queue.close()
                asyncio.get_running_loop().call_later(_GRACE_S, app.queue.cut)
            else:
                app.queue.cut()  # asked twice
            super().handle_exit(sig, frame)

    return Ending(config)


@contextmanager
def _bound(host: str, port: int, *, key: bool) -> Iterator[socket.socket]:
    """A socket that has the address, and doesn't listen yet: a model may take minutes to load.

    Raises:
        InputError: It can't have it, or others could reach it without a key.
    """
    from ipaddress import ip_address

    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError) as error:
        raise InputError(
            f"{line(host)} is not an address of this machine", "127.0.0.1 is."
        ) from error
    if not key and not ip_address(str(address[0]).partition("%")[0]).is_loopback:
        raise InputError(
            f"Without a key, others on the network could use the model at {line(host)}",
            "Put a key into a file (chmod 600), and name it with --api-key-file. Or stay on "
            "127.0.0.1, and come through `ssh -L`.",
        )
    with socket.socket(family, kind, protocol) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with os_errors_as(
            InputError,
            f"Can't listen at {line(host)}, port {port}",
            "Choose another port with --port.",
        ):
            listener.bind(address)
        yield listener


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _loaded(engine: Engine, load: Load) -> ModelInfo:
    """Load the model, and say what is to be said of that."""
    _say(f"{line(load.title)} is being loaded")
    info: ModelInfo | None = None
    for event in engine.load(load):
        match event:
            case Loaded():
                info = event.info
            case Adjusted() | Notice():
                said = note_on(event)
                _say(f"{line(said.message, 300)}. {line(said.advice, 300)}" if said else "")
    if info is None:
        raise EngineError(f"Loading {load.title} was stopped")
    return info


def _log(text: str) -> None:
    _say(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}")


def _say(text: str) -> None:
    """On standard error, as far as that goes: a log that is full or gone stops no server."""
    with suppress(OSError):
        print(text, file=sys.stderr, flush=True)
