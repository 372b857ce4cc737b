"""One engine for many clients: answers one after the other, the others wait in their order.

The engine's streams block in a thread; here they are awaited. Who goes away has the engine stop,
and the next one begins when it has.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager, suppress

from vlmtui.engine.base import Engine, closing_events
from vlmtui.engine.engine_events import Event, Finished
from vlmtui.engine.engine_requests import Generate
from vlmtui.errors import EngineError

_CANCELS = 15
"""So often, once a second, an answer is cancelled before it is ended with the engine's process."""

_REMEMBERED = 8
"""Answers whose length says how long the next ones may take."""


class Busy(Exception):
    """As many wait as may.

    Attributes:
        retry_after_s: When to come back.
    """

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(retry_after_s)
        self.retry_after_s = retry_after_s


class Closing(Exception):
    """The server stops."""


class AnswerQueue:
    """Who is answered, and who waits. Used from the event loop alone."""

    def __init__(self, engine: Engine, most_waiting: int) -> None:
        self._engine = engine
        self._most = most_waiting
        self._turn = asyncio.Lock()
        self._running: _Running | None = None
        self._closing = asyncio.Event()
        self._took: deque[float] = deque(maxlen=_REMEMBERED)
        self._inside = 0

    @property
    def running(self) -> int:
        """Answers that are being given: one, or none."""
        return int(self._running is not None)

    @property
    def waiting(self) -> int:
        """Requests that wait for their turn, or still arrive."""
        return max(self._inside - self.running, 0)

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place for a request, from before its body arrives to its end.

        Raises:
            Busy: There is none.
            Closing: The server stops.
        """
        if self._closing.is_set():
            raise Closing
        if self._inside > self._most:
            usual = sum(self._took) / len(self._took) if self._took else 1.0
            raise Busy(max(round(usual * self._inside), 1))
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1

    async def events(self, request: Generate) -> AsyncGenerator[Event, None]:
        """Answer in turn. To be closed when it is left early: that stops the answer.

        Raises:
            Closing: The server stops, or has cut the answer off.
            VlmtuiError: As `Engine.generate`.
        """
        await self._wait_for_turn()
        began = time.monotonic()
        try:
            running = self._running = _Running(self._engine, request, self._free)
        except BaseException:  # the system has no thread left
            self._turn.release()
            raise
        try:
            async with aclosing(running.events()) as events:
                async for event in events:
                    if isinstance(event, Finished):
                        self._took.append(time.monotonic() - began)
                        if event.reason == "cancelled" and self._closing.is_set():
                            raise Closing
                    yield event
        finally:
            running.stop()

    async def _wait_for_turn(self) -> None:
        turn = asyncio.ensure_future(self._turn.acquire())
        closing = asyncio.ensure_future(self._closing.wait())
        try:
            await asyncio.wait({turn, closing}, return_when=asyncio.FIRST_COMPLETED)
            if self._closing.is_set():
                raise Closing
        except BaseException:
            if not turn.cancel() and not turn.cancelled():
                self._turn.release()  # it came at the last moment
            raise
        finally:
            closing.cancel()

    def _free(self) -> None:
        """The engine has ended what it was at."""
        self._running = None
        self._turn.release()

    def close(self) -> None:
        """Let nobody wait any longer; what runs goes on until `cut`."""
        self._closing.set()

    def cut(self) -> None:
        if self._running is not None:
            self._running.stop()


class _Running:
    """An answer that a thread takes from the engine."""

    def __init__(self, engine: Engine, request: Generate, ended: Callable[[], object]) -> None:
        self._engine = engine
        self._request = request
        self._loop = asyncio.get_running_loop()
        self._came: asyncio.Queue[Event | BaseException] = asyncio.Queue()
        self._stopping = False
        self._state = threading.Lock()
        self._over = False
        self._ended = ended
        threading.Thread(target=self._follow, name="answer", daemon=True).start()

    async def events(self) -> AsyncGenerator[Event, None]:
        """What comes, to the last."""
        while True:
            event = await self._came.get()
            if isinstance(event, BaseException):
                raise event
            yield event
            if isinstance(event, Finished):
                return

    def stop(self) -> None:
        """Have the engine stop; returns at once."""
        with self._state:
            if self._over or self._stopping:
                return
            self._stopping = True
        self._cancel()

    def _cancel(self, times: int = 0) -> None:
        """Once more, since the engine may not have begun: then it hears nothing."""
        with self._state:
            if self._over:
                return
            if times < _CANCELS:
                self._engine.cancel()
            else:
                self._engine.abort()
        self._loop.call_later(1.0, self._cancel, times + 1)

    def _follow(self) -> None:
        """In a thread: take all events, and free the engine before the last is given out."""
        last: Event | BaseException = EngineError("The engine ended without giving a reason")
        try:
            with closing_events(self._engine.generate(self._request)) as events:
                for event in events:
                    if isinstance(event, Finished):
                        last = event
                    else:
                        self._in_loop(self._came.put_nowait, event)
        except BaseException as error:  # raised where the events are taken
            last = error
        with self._state:
            self._over = True
        self._in_loop(self._ended)
        self._in_loop(self._came.put_nowait, last)

    def _in_loop(self, call: Callable[..., object], *arguments: object) -> None:
        with suppress(RuntimeError):  # the loop has ended, and nobody listens
            self._loop.call_soon_threadsafe(call, *arguments)
