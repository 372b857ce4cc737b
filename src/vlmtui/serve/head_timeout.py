"""A timeout for the head of a request: a connection that sends none is closed.

uvicorn has no such timeout, and a few dozen silent connections are all that a server can hold.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_S = 10.0
"""For the head of a request, from its first byte or the beginning of the connection."""


class HeadTimeoutProtocol(H11Protocol):
    """uvicorn's protocol with that timeout."""

    _overdue: asyncio.TimerHandle | None = None

    def connection_made(  # type: ignore[override]  # as uvicorn has it: a Transport
        self, transport: asyncio.Transport
    ) -> None:
        super().connection_made(transport)
        self._overdue = self.loop.call_later(HEAD_S, transport.close)

    def data_received(self, data: bytes) -> None:
        """Stop the clock when a request is there; start it when the next one begins."""
        super().data_received(data)
        asked = self.cycle is not None and not self.cycle.response_complete
        if asked and self._overdue is not None:
            self._overdue.cancel()
            self._overdue = None
        elif not asked and self._overdue is None:
            self._overdue = self.loop.call_later(HEAD_S, self.transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._overdue is not None:
            self._overdue.cancel()
        super().connection_lost(exc)
