"""Work that blocks, awaited where its result is needed, while the interface goes on.

What goes wrong with it, foreseen or not, is told where it was begun: nothing waits for ever.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from textual.dom import DOMNode
from textual.worker import Worker

from vlmtui import crash_log
from vlmtui.errors import VlmtuiError

T = TypeVar("T")


async def in_thread(work: Callable[[], T]) -> T:
    """What `work` returns or raises; it may block."""
    return await asyncio.to_thread(work)


def start(
    node: DOMNode,
    work: Coroutine[Any, Any, object],
    group: str,
    complain: Callable[[VlmtuiError], object],
    *,
    exclusive: bool = True,
) -> Worker[object]:
    """Do something as long as a widget or screen is there; errors go to `complain`.

    What is exclusive takes the place of what is going on in its group.
    """
    guarded = _guarded(work, complain)
    worker: Worker[object] = node.run_worker(
        guarded, group=group, exclusive=exclusive, exit_on_error=False
    )
    # behind its first step, which it doesn't come to where it is given up at once
    asyncio.get_running_loop().call_soon(_close_unless_begun, guarded, work)
    return worker


def _close_unless_begun(*works: Coroutine[Any, Any, object]) -> None:
    for work in works:
        if inspect.getcoroutinestate(work) == inspect.CORO_CREATED:
            work.close()


async def _guarded(
    work: Coroutine[Any, Any, object], complain: Callable[[VlmtuiError], object]
) -> None:
    try:
        await work
    except VlmtuiError as error:
        complain(error)
    except Exception as error:
        complain(crash_log.recorded(error))
