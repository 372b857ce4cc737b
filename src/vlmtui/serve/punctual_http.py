"""HTTP of clients that come to the point: a connection that asks nothing is closed.

uvicorn lets one be silent for ever, and a few dozen of them are all that a server has.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_S = 10.0
"""For the head of a request, from its first byte or the beginning of the connection."""


class PunctualHttp(H11Protocol):
    """uvicorn's protocol, with an end to its patience."""

    _overdue: asyncio.TimerHandle | None = None

    def connection_made(  # type: ignore[override]  # as uvicorn has it: a Transport
        self, transport: asyncio.Transport
    ) -> None:
        super().connection_made(transport)
        self._overdue = self.loop.call_later(HEAD_S, transport.close)

    def data_received(self, data: bytes) -> None:
        """Wait no more when a request is there, anew when the next one begins."""
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
