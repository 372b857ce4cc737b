"""Where a client of the host stands in line: for an engine, and for being the next who may load.

A client that waits is told each second whom it waits for. This module knows neither requests nor
engines.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from vlmtui.engine.engine_events import Waiting
from vlmtui.engine.hosted_engine import Stopping
from vlmtui.engine.wait_queue import Place, WaitQueue

_ALIVE_S = 1.0
"""Seconds between two signs of life while a client waits for others."""

_RESERVED_S = 30.0
"""So long a client that may load next can take to do so; then others may."""


class ClientPlaces:
    """The places of one client.

    Attributes:
        who: What others are told that they wait for.
        stopping: Tells when the request that the client is at shall end.
    """

    def __init__(self, loading: WaitQueue, tell: Callable[[Waiting], None]) -> None:
        self.who = ""
        self.stopping = Stopping()
        self._loading = loading
        self._tell = tell
        self._reservation: Place | None = None

    @property
    def reserved(self) -> bool:
        return self._reservation is not None

    @asynccontextmanager
    async def turn(
        self, line: WaitQueue, give_way: Callable[[], object] | None = None, model: str = ""
    ) -> AsyncIterator[bool]:
        """Wait for the turn and have it; false when the request was cancelled before."""
        place = line.enter(self.who, give_way)
        try:
            yield await self._called(line, place, model)
        finally:
            line.leave(place)

    async def reserve(self) -> bool:
        """Be the one who may load next; false when the request was cancelled before."""
        place = self._loading.enter(self.who)
        called = False
        try:
            called = await self._called(self._loading, place)
        finally:
            if called:
                self._reservation = place
            else:
                self._loading.leave(place)
        return called

    def withdraw(self) -> None:
        """Let others load. Safe to call twice."""
        if self._reservation is not None:
            self._loading.leave(self._reservation)
            self._reservation = None

    async def withdraw_later(self) -> None:
        """Let others load if nothing comes of the client for too long."""
        if self._reservation is not None:
            await asyncio.sleep(_RESERVED_S)
            self.withdraw()

    async def _called(self, line: WaitQueue, place: Place, model: str = "") -> bool:
        while not place.turn.done() and not self.stopping.cancelled.done():
            # each time: another request of the client's own may have come in front of it
            self._tell(Waiting(line.before(place), line.first, model))
            await asyncio.wait(
                {place.turn, self.stopping.cancelled},
                timeout=_ALIVE_S,
                return_when=asyncio.FIRST_COMPLETED,
            )
        return place.turn.done()
