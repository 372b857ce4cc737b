"""One request over ASGI, without a server."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from collections.abc import Mapping
from typing import Any

import pytest

from vlmtui.serve.http_exchange import ClientGone, Exchange, TooLarge

MEGABYTE = 1_000_000


@pytest.mark.parametrize(
    ("most", "error"), [(100 * MEGABYTE, ClientGone), (12 * MEGABYTE, TooLarge)]
)
def test_a_body_that_breaks_off_keeps_no_memory(most: int, error: type[Exception]) -> None:
    """Not even until Python looks for what holds itself, which may be long after."""
    left = 20

    async def receive() -> Mapping[str, Any]:
        nonlocal left
        left -= 1
        if left < 0:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": bytes(MEGABYTE), "more_body": True}

    async def send(_: Mapping[str, Any]) -> None:
        pass

    async def body() -> None:
        with pytest.raises(error):
            await Exchange({"headers": []}, receive, send).body(most, 60)

    gc.disable()
    tracemalloc.start()
    try:
        asyncio.run(body())
        assert tracemalloc.get_traced_memory()[0] < 3 * MEGABYTE
    finally:
        tracemalloc.stop()
        gc.enable()
