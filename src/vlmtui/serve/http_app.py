"""The addresses of the server, and what each answers: an ASGI application."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from functools import partial

import msgspec

from vlmtui import crash_log, printable
from vlmtui.engine.base import Engine
from vlmtui.engine.engine_events import Delta, Event, Finished, ModelInfo, Thought, Trimmed
from vlmtui.engine.engine_requests import Generate, Sampling
from vlmtui.errors import ContextOverflow, EngineError, InputError, StorageError, VlmtuiError
from vlmtui.serve import chat_body, completion_json
from vlmtui.serve.admission import Admission
from vlmtui.serve.answer_queue import AnswerQueue, Busy, Closing
from vlmtui.serve.chat_body import ChatBody
from vlmtui.serve.completion_json import Completion
from vlmtui.serve.http_exchange import (
    CLIENT_GONE,
    ClientGone,
    Exchange,
    Receive,
    Scope,
    Send,
    TooLarge,
)
from vlmtui.serve.received_pictures import ReceivedPictures
from vlmtui.serve.server_metrics import CONTENT_TYPE, ServerMetrics

MOST_BODY = 64 * 1024 * 1024
"""Bytes of a request: pictures are a third larger in base64."""

_BODY_S = 60.0
"""For the request to arrive."""


class Rules(msgspec.Struct, frozen=True):
    """What the server does for whom."""

    admission: Admission
    defaults: Sampling
    """How tokens are chosen where a request doesn't say."""

    fetching: bool = False
    """Pictures may be fetched from the web."""

    waiting: int = 8
    """Requests that may wait for their turn."""

    seconds: float = 600.0
    """For a request to be answered, its waiting included."""


Log = Callable[[str], None]


class HttpApp:
    """Answers requests with what an engine says. Its methods run in the event loop."""

    def __init__(self, engine: Engine, model: ModelInfo, rules: Rules, log: Log) -> None:
        """Prepare.

        Args:
            engine: Its model is loaded.
            model: That model.
            rules: What is done for whom.
            log: Gets a line for each request, without what was said in it.
        """
        self._model = model
        self._rules = rules
        self._log = log
        self._since = int(time.time())
        self._queue = AnswerQueue(engine, rules.waiting)
        self.metrics = ServerMetrics()
        self._routes: dict[tuple[str, str], Callable[[Exchange], Awaitable[str]]] = {
            ("GET", "/health"): self._health,
            ("GET", "/v1/health"): self._health,
            ("GET", "/metrics"): self._metrics,
            ("GET", "/v1/models"): self._models,
            ("POST", "/v1/chat/completions"): self._complete,
        }

    def close(self) -> None:
        """Take nothing more on; what is being answered may come to its end."""
        self._queue.close()

    def cut(self) -> None:
        """End what is being answered."""
        self._queue.cut()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, from uvicorn."""
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
            told = f"{exchange.client} {exchange.method} {exchange.path} {status}"
            seconds = f"{time.monotonic() - began:.2f} s"
            self._log(printable.line(", ".join(filter(None, (told, seconds, note))), 200))

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
        route = self._routes.get((exchange.method, exchange.path))
        if route is not None:
            return await self._guarded(exchange, route)
        known = exchange.path in (path for _, path in self._routes)
        status = 405 if known else 404
        what = f"{exchange.method} isn't allowed here." if known else "There is nothing here."
        await self._fail(exchange, status, what, "not_found")
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
            await self._fail(exchange, 400, completion_json.words_of(error), code)
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

    async def _fail(self, exchange: Exchange, status: int, message: str, code: str) -> None:
        """Say what went wrong, in the stream where one has begun."""
        failed = completion_json.error(status, message, code)
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
            access_control_allow_headers="authorization, content-type",
            access_control_max_age="600",
        )
        return ""

    # ------------------------------------------------------------------ small answers

    async def _health(self, exchange: Exchange) -> str:
        await exchange.respond_json(200, {"status": "ok"})
        return ""

    async def _models(self, exchange: Exchange) -> str:
        await exchange.respond_json(200, completion_json.models(self._model, self._since))
        return ""

    async def _metrics(self, exchange: Exchange) -> str:
        text = self.metrics.text(running=self._queue.running, waiting=self._queue.waiting)
        await exchange.respond(200, text.encode(), CONTENT_TYPE)
        return ""

    # ------------------------------------------------------------------ chat completions

    async def _complete(self, exchange: Exchange) -> str:
        with self._queue.place():
            return await self._complete_in(exchange)

    async def _complete_in(self, exchange: Exchange) -> str:
        body = chat_body.read(await exchange.body(MOST_BODY, _BODY_S))
        if body.model and body.model.lower() != self._model.name.lower():
            message = f"There is no model {printable.line(body.model, 80)} here"
            failed = completion_json.error(
                404, f"{message}, but {self._model.name}.", "model_not_found"
            )
            await exchange.respond_json(404, failed)
            return ""
        work = self._answer(exchange, body)
        return await exchange.while_there(work, self._rules.seconds)

    async def _answer(self, exchange: Exchange, body: ChatBody) -> str:
        with ReceivedPictures(fetching=self._rules.fetching) as pictures:
            request = await _in_thread(
                partial(chat_body.request, body, self._rules.defaults, pictures.part)
            )
            if not self._model.vision and any(message.images for message in request.messages):
                raise InputError(f"{self._model.name} sees no pictures")
            completion = Completion(self._model.name, stream=bool(body.stream))
            async with aclosing(self._events(request, completion)) as events:
                if body.stream:
                    return await self._streamed(exchange, body, completion, events)
                return await self._in_one(exchange, completion, events)

    async def _events(
        self, request: Generate, completion: Completion
    ) -> AsyncGenerator[Event, None]:
        """The words and the end of an answer."""
        async with aclosing(self._queue.events(request)) as events:
            async for event in events:
                match event:
                    case Delta() | Thought():
                        yield event
                    case Trimmed():
                        completion.trimmed = event
                    case Finished():
                        self.metrics.answer(event.stats)
                        yield event

    async def _in_one(
        self, exchange: Exchange, completion: Completion, events: AsyncGenerator[Event, None]
    ) -> str:
        words: list[str] = []
        thoughts: list[str] = []
        async for event in events:
            if isinstance(event, Delta | Thought):
                (words if isinstance(event, Delta) else thoughts).append(event.text)
            elif isinstance(event, Finished):
                whole = completion.whole("".join(words), "".join(thoughts), event)
                await exchange.respond_json(200, whole)
                return _note(event)
        return ""

    async def _streamed(
        self,
        exchange: Exchange,
        body: ChatBody,
        completion: Completion,
        events: AsyncGenerator[Event, None],
    ) -> str:
        """Stream; what goes wrong before the first word still has a status of its own."""
        async for event in events:
            if not exchange.status:
                await exchange.begin_events()
                await exchange.event(completion.piece({"role": "assistant", "content": ""}))
            if isinstance(event, Delta):
                await exchange.event(completion.piece({"content": event.text}))
            elif isinstance(event, Thought):
                await exchange.event(completion.piece({"reasoning_content": event.text}))
            elif isinstance(event, Finished):
                for piece in completion.last_pieces(event, usage=body.wants_usage):
                    await exchange.event(piece)
                await exchange.event("[DONE]")
                await exchange.end_events()
                return _note(event)
        return ""


async def _in_thread(work: Callable[[], Generate]) -> Generate:
    """Do what blocks; when that is cancelled, after it has ended: it is at work in our files."""
    doing = asyncio.get_running_loop().run_in_executor(None, work)
    try:
        return await asyncio.shield(doing)
    except asyncio.CancelledError:
        await asyncio.wait({doing})
        doing.exception()  # nobody else asks for it
        raise


def _note(finished: Finished) -> str:
    stats = finished.stats
    return f"{stats.prompt_tokens} tokens in, {stats.generated_tokens} out"
