"""Chat completions: a request's body, the engine's answer to it, and how that is sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from functools import partial

import msgspec

from vlmtui.engine.engine_events import Delta, Finished, ModelInfo, Thought, Trimmed
from vlmtui.errors import InputError
from vlmtui.printable import line
from vlmtui.serve import chat_body, completion_json
from vlmtui.serve.admission import Rules
from vlmtui.serve.answer_queue import AnswerQueue
from vlmtui.serve.chat_body import Asked, ChatBody
from vlmtui.serve.completion_json import Completion
from vlmtui.serve.http_exchange import Exchange
from vlmtui.serve.received_pictures import ReceivedPictures
from vlmtui.serve.server_metrics import ServerMetrics
from vlmtui.serve.tool_calls import Call

MOST_BODY = 64 * 1024 * 1024
"""Bytes of a request: pictures are a third larger in base64."""

_BODY_S = 60.0
"""For the request to arrive."""

SIGN_OF_LIFE_S = 15.0
"""Proxies and clients hang up on a stream that is silent for some 30 seconds and more."""


class _Called(msgspec.Struct, frozen=True):
    """The answer calls tools; no words come behind it."""

    calls: list[Call]


_Events = AsyncGenerator[Delta | Thought | _Called | Finished, None]


class Completions:
    """Answers conversations in turn."""

    def __init__(
        self, queue: AnswerQueue, model: ModelInfo, rules: Rules, metrics: ServerMetrics
    ) -> None:
        self._queue = queue
        self._model = model
        self._rules = rules
        self._metrics = metrics

    async def respond(self, exchange: Exchange) -> str:
        """Answer a request; returns what is worth noting.

        Raises:
            Busy: There is no place in the queue.
            VlmtuiError: It can't be answered.
        """
        with self._queue.place():
            body = chat_body.read(await exchange.body(MOST_BODY, _BODY_S))
            if body.model and body.model.lower() != self._model.name.lower():
                message = f"There is no model {line(body.model, 80)} here, but {self._model.name}."
                failed = completion_json.error(404, message, "model_not_found", "model")
                await exchange.respond_json(404, failed)
                return ""
            return await exchange.while_there(self._answer(exchange, body), self._rules.seconds)

    async def _answer(self, exchange: Exchange, body: ChatBody) -> str:
        with ReceivedPictures(fetching=self._rules.fetching) as pictures:
            asked = await _in_thread(
                partial(
                    chat_body.asked,
                    body,
                    self._rules.defaults,
                    pictures.part,
                    self._model.context_size,
                )
            )
            if asked.notice:
                exchange.headers["x-vlmtui-notice"] = asked.notice
            if not self._model.vision and any(each.images for each in asked.generate.messages):
                raise InputError(f"{self._model.name} sees no pictures")
            body.messages.clear()  # 64 MiB may wait for their turn here, and are in files now
            completion = Completion(self._model.name, stream=bool(body.stream))
            async with aclosing(self._events(asked, completion)) as events:
                if body.stream:
                    note = await _streamed(exchange, body, completion, events)
                else:
                    note = await _in_one(exchange, completion, events)
                return ", ".join(filter(None, (note, asked.notice)))

    async def _events(self, asked: Asked, completion: Completion) -> _Events:
        """The words, the calls and the end of an answer."""
        finder = asked.calls
        async with aclosing(self._queue.events(asked.generate)) as events:
            async for event in events:
                match event:
                    case Delta() if finder is not None:
                        if words := finder.words(event.text):
                            yield Delta(words, event.tokens)
                    case Delta() | Thought():
                        yield event
                    case Trimmed():
                        completion.trimmed = event
                    case Finished():
                        words, calls = finder.end() if finder is not None else ("", [])
                        if words:
                            yield Delta(words, event.stats.generated_tokens)
                        if calls:
                            yield _Called(calls)
                        self._metrics.answer(event.stats)
                        yield event


async def _in_one(exchange: Exchange, completion: Completion, events: _Events) -> str:
    words: list[str] = []
    thoughts: list[str] = []
    calls: list[Call] = []
    async for event in events:
        match event:
            case Delta():
                words.append(event.text)
            case Thought():
                thoughts.append(event.text)
            case _Called():
                calls = event.calls
            case Finished():
                whole = completion.whole("".join(words), "".join(thoughts), calls, event)
                await exchange.respond_json(200, whole)
                return _note(event)
    return ""


async def _streamed(
    exchange: Exchange, body: ChatBody, completion: Completion, events: _Events
) -> str:
    """Stream; what goes wrong early, before the first word, still has a status of its own."""
    calls = False
    async with _signs_of_life(exchange, completion):
        async for event in events:
            await _begin(exchange, completion)
            match event:
                case Delta():
                    await exchange.event(completion.piece({"content": event.text}))
                case Thought():
                    await exchange.event(completion.piece({"reasoning_content": event.text}))
                case _Called():
                    calls = True
                    await exchange.event(completion.calling(event.calls))
                case Finished():
                    for piece in completion.last_pieces(event, calls=calls, usage=body.wants_usage):
                        await exchange.event(piece)
                    await exchange.event("[DONE]")
                    await exchange.end_events()
                    return _note(event)
    return ""


async def _begin(exchange: Exchange, completion: Completion) -> None:
    if not exchange.status:
        await exchange.begin_events()
        await exchange.event(completion.piece({"role": "assistant", "content": ""}))


@asynccontextmanager
async def _signs_of_life(exchange: Exchange, completion: Completion) -> AsyncIterator[None]:
    """Send comments, which clients skip, as a request waits in the queue or a prompt is read."""

    async def send() -> None:
        while True:
            await asyncio.sleep(SIGN_OF_LIFE_S)
            await _begin(exchange, completion)
            await exchange.comment("keep-alive")

    sending = asyncio.ensure_future(send())
    try:
        yield
    finally:
        sending.cancel()


async def _in_thread(work: Callable[[], Asked]) -> Asked:
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
    return f"{stats.prompt_tokens:,} tokens in, {stats.generated_tokens:,} out"
