"""What turns, loads and switches tell, on its way from their threads to the screen.

A token may come every few milliseconds. The screen takes what has come at most ten times a second,
and never spends more than a small part of a core on drawing it.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Generic, TypeVar

import msgspec

from vlmtui.engine.engine_events import Delta, Thought
from vlmtui.stats.engine_progress import fold
from vlmtui.stats.engine_state import Phase
from vlmtui.terminal.driver import is_slow

if TYPE_CHECKING:
    from vlmtui.ui.screens.chat.topic import ChatContext

Item = TypeVar("Item")

REDRAW_SECONDS = 0.1
"""Least time between two updates of a streaming answer."""

SLOW_REDRAW_SECONDS = 0.2
"""The same where the terminal doesn't keep up."""

COUNT_SECONDS = 0.25
"""Least time between two counts of the tokens: numbers that change faster can't be read, and each
one is drawn in two places far from the text."""

_COST_SHARE = 8
"""A redraw that took long is followed by a pause this many times as long, so that drawing never
takes more than about a ninth of a core however long the answer is."""


class Words(msgspec.Struct, frozen=True):
    """What the model has said since the last look: many `Delta`s in one."""

    text: str


class Thoughts(msgspec.Struct, frozen=True):
    """What it has thought since the last look."""

    text: str


_MANY: dict[type, tuple[type[Words | Thoughts], Phase]] = {
    Delta: (Words, Phase.DECODING),
    Thought: (Thoughts, Phase.THINKING),
}
"""Events of which many become one, and what the engine is at when they come."""


class Inbox(Generic[Item]):
    """Where threads leave things until the screen has time for them.

    Calls `wake` when something is put into it while nobody knows of anything.
    """

    def __init__(self, wake: Callable[[], object]) -> None:
        self._wake = wake
        self._lock = threading.Lock()
        self._items: list[tuple[Item, float]] = []
        self._woken = False

    def put(self, item: Item) -> None:
        """Leave something, from any thread; when it came is noted with it."""
        with self._lock:
            self._items.append((item, time.monotonic()))
            wake = not self._woken
            self._woken = True
        if wake:
            self._wake()

    def take(self) -> list[tuple[Item, float]]:
        """All that is there, each with the seconds of `time.monotonic` when it came."""
        with self._lock:
            items, self._items = self._items, []
            self._woken = False
        return items


class Stream:
    """Brings events to those who follow them, in the order in which they came.

    Attributes:
        inbox: Where threads may leave an event themselves.
    """

    def __init__(self, chat: ChatContext) -> None:
        self._chat = chat
        self.inbox: Inbox[object] = Inbox(lambda: chat.screen.call_later(self._arrived))
        self._taking = asyncio.Lock()
        self._not_before = 0.0
        self._uncounted: tuple[Delta | Thought, float] | None = None
        self._count_at = 0.0

    async def follow(self, events: Callable[[], Iterable[object]]) -> None:
        """Iterate in a thread, and return when the last event is on the screen.

        Raises:
            Exception: What iterating raises; what came before it is on the screen then.
        """

        def run() -> None:
            for event in events():
                self.inbox.put(event)

        try:
            await asyncio.to_thread(run)
        finally:
            await self._take()

    def _arrived(self) -> None:
        """Take what is there now, or when the last redraw is long enough ago."""
        wait = self._not_before - time.monotonic()
        if wait > 0:
            self._chat.screen.set_timer(wait, self._take)
        else:
            self._chat.screen.call_next(self._take)

    async def _take(self) -> None:
        async with self._taking:
            began = time.monotonic()
            await self._tell(self.inbox.take())
            if began >= self._count_at:
                self._count()
            now = time.monotonic()
            least = SLOW_REDRAW_SECONDS if is_slow(self._chat.screen.app) else REDRAW_SECONDS
            self._not_before = max(began + least, now + _COST_SHARE * (now - began))

    async def _tell(self, items: list[tuple[object, float]]) -> None:
        screen = self._chat.screen
        words: list[str] = []
        current: type[Words | Thoughts] = Words
        for item, when in items:
            if self._chat.left:
                return  # what still comes is on disk, and the widgets are going
            if isinstance(item, Delta | Thought):
                kind, phase = _MANY[type(item)]
                if kind is not current:
                    await self._say(current, words)
                    current = kind
                words.append(item.text)
                self._uncounted = (item, when)
                if screen.engine_state.phase is not phase:
                    self._count()
                continue
            await self._say(current, words)
            self._count()
            screen.engine_state = fold(screen.engine_state, item, when)
            await self._chat.emit(item)
        await self._say(current, words)

    async def _say(self, kind: type[Words | Thoughts], words: list[str]) -> None:
        if words:
            await self._chat.emit(kind("".join(words)))
        words.clear()

    def _count(self) -> None:
        """Bring the state up to the last token; a token knows how many there are."""
        if self._uncounted is not None:
            screen = self._chat.screen
            screen.engine_state = fold(screen.engine_state, *self._uncounted)
            self._uncounted = None
            self._count_at = time.monotonic() + COUNT_SECONDS
