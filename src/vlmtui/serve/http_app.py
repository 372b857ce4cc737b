"""The addresses of the server, and what each answers: an ASGI application."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial

from vlmtui import crash_log, printable
from vlmtui.engine.base import Engine
from vlmtui.engine.engine_events import ModelInfo
from vlmtui.errors import ContextOverflow, EngineError, InputError, StorageError, VlmtuiError
from vlmtui.serve import completion_json
from vlmtui.serve.admission import Rules
from vlmtui.serve.answer_queue import AnswerQueue, Busy, Closing
from vlmtui.serve.chat_body import BadRequest
from vlmtui.serve.completions import MOST_BODY, Completions
from vlmtui.serve.http_exchange import (
    CLIENT_GONE,
    ClientGone,
    Exchange,
    Receive,
    Scope,
    Send,
    TooLarge,
)
from vlmtui.serve.server_metrics import CONTENT_TYPE, ServerMetrics

Log = Callable[[str], None]


class HttpApp:
    """Answers requests with what an engine says. Its methods run in the event loop."""

    def __init__(self, engine: Engine, model: ModelInfo, rules: Rules, log: Log) -> None:
        """`log` gets a line for each request, without what was said in it."""
        self._rules = rules
        self._log = log
        self.queue = AnswerQueue(engine, rules.waiting)
        self.metrics = ServerMetrics()
        completions = Completions(self.queue, model, rules, self.metrics)
        self._routes: dict[tuple[str, str], Callable[[Exchange], Awaitable[str]]] = {
            ("GET", "/v1/metrics"): self._metrics,
            ("POST", "/v1/chat/completions"): completions.respond,
        }
        models = completion_json.models(model, int(time.time()))
        for path, body in (
            ("/v1/health", {"status": "ok"}),
            ("/v1/models", models),
            (f"/v1/models/{model.name}", models["data"][0]),
        ):
            self._routes["GET", path] = partial(_tell, body)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        exchange = Exchange(scope, receive, send)
        began = time.monotonic()
        note = ""
        status = CLIENT_GONE
        try:
            note = await self._answered(exchange)
            status = exchange.status
        except ClientGone:
            pass
        finally:
            self.metrics.request(status)
            done = f"{exchange.client} {exchange.method} {exchange.path} {status}"
            seconds = f"{time.monotonic() - began:.2f} s"
            self._log(printable.line(", ".join(filter(None, (done, seconds, note))), 200))

    # ------------------------------------------------------------------ who, and what

    async def _answered(self, exchange: Exchange) -> str:
        """Answer; returns what is worth noting."""
        admission = self._rules.admission
        origin = exchange.header("origin")
        if origin and admission.allows(origin):
            exchange.headers = {"access-control-allow-origin": origin, "vary": "Origin"}
            if exchange.method == "OPTIONS":
                return await self._preflight(exchange)
        refusal = None if exchange.path == "/health" else admission.refusal(exchange)
        if refusal is not None:
            failed = completion_json.error(refusal.status, refusal.message, refusal.code)
            extra = {"www_authenticate": "Bearer"} if refusal.status == 401 else {}
            await exchange.respond_json(refusal.status, failed, **extra)
            return ""
        path = exchange.path
        path = path if path.startswith("/v1/") else f"/v1{path}"  # as llama-server has it
        route = self._routes.get((exchange.method, path))
        if route is not None:
            return await self._guarded(exchange, route)
        if path in (known for _, known in self._routes):
            await self._fail(exchange, 405, f"{exchange.method} isn't allowed here.", "not_found")
        else:
            what = "There is nothing here. This server answers POST /v1/chat/completions."
            await self._fail(exchange, 404, what, "not_found")
        return ""

    async def _guarded(
        self, exchange: Exchange, route: Callable[[Exchange], Awaitable[str]]
    ) -> str:
        """Have something answered, and tell what goes wrong in the protocol's words."""
        try:
            return await route(exchange)
        except TooLarge:
            message = f"The request has more than {MOST_BODY >> 20} MiB."
            await self._fail(exchange, 413, message, "too_large")
        except Busy as busy:
            message = f"The server is busy: try again in {busy.retry_after_s} s."
            exchange.headers["retry-after"] = str(busy.retry_after_s)
            await self._fail(exchange, 429, message, "busy")
        except Closing:
            await self._fail(exchange, 503, "The server is being stopped.", "stopping")
        except asyncio.TimeoutError:
            await self._fail(exchange, 504, "The answer took too long.", "timeout")
        except (InputError, ContextOverflow) as error:
            code = "context_length_exceeded" if isinstance(error, ContextOverflow) else "invalid"
            param = error.param if isinstance(error, BadRequest) else None
            await self._fail(exchange, 400, completion_json.words_of(error), code, param)
        except VlmtuiError as error:
            fetched = not isinstance(error, (EngineError, StorageError))
            await self._fail(
                exchange, 400 if fetched else 500, completion_json.words_of(error), "failed"
            )
        except (ClientGone, asyncio.CancelledError):
            raise
        except Exception as error:
            crash_log.recorded(error)
            await self._fail(exchange, 500, "Something unexpected went wrong.", "internal")
            return "see vlmtui's log"
        return ""

    async def _fail(
        self, exchange: Exchange, status: int, message: str, code: str, param: str | None = None
    ) -> None:
        """Say what went wrong, in the stream where one has begun."""
        failed = completion_json.error(status, message, code, param)
        if exchange.status:
            await exchange.event(failed)
            await exchange.end_events()
        else:
            await exchange.respond_json(status, failed)

    async def _preflight(self, exchange: Exchange) -> str:
        await exchange.respond(
            204,
            b"",
            "text/plain",
            access_control_allow_methods="GET, POST",
            access_control_allow_headers=exchange.header("access-control-request-headers"),
            access_control_max_age="600",
        )
        return ""

    async def _metrics(self, exchange: Exchange) -> str:
        text = self.metrics.text(running=self.queue.running, waiting=self.queue.waiting)
        await exchange.respond(200, text.encode(), CONTENT_TYPE)
        return ""


async def _tell(body: completion_json.Json, exchange: Exchange) -> str:
    await exchange.respond_json(200, body)
    return ""
