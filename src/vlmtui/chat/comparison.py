"""The same question to several models, one after the other: turns and switches of one session.

Their answers are siblings in the chat. Afterwards the model from before answers again.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from vlmtui.chat.chat_events import ChatEvent, UserSaved
from vlmtui.engine.base import up_to_finished
from vlmtui.engine.engine_requests import Load
from vlmtui.errors import VlmtuiError

if TYPE_CHECKING:
    from vlmtui.chat.session import (  # the database: not needed for the first paint
        ChatSession,
        Turn,
    )


class Began(msgspec.Struct, frozen=True):
    """The turn of one of the models."""

    number: int
    """Its place, from 0."""

    model: str


class Exchanging(msgspec.Struct, frozen=True):
    """A model takes the place of another."""

    model: str


class Exchanged(msgspec.Struct, frozen=True):
    """That is over, however it ended."""

    model: str
    """The one that answers now."""


class Failed(msgspec.Struct, frozen=True):
    """One of the models could not answer."""

    number: int
    error: VlmtuiError


Step = Began | Exchanging | Exchanged | Failed | ChatEvent


class Comparison:
    """One question, and the models that answer it."""

    def __init__(
        self, session: ChatSession, loads: Sequence[Load], ask: Callable[[], Turn] | None = None
    ) -> None:
        """Prepare; nothing is asked yet.

        `ask` begins the turn of a question that is not in the chat yet; None for its last one.
        """
        self._session = session
        self._loads = loads
        self._ask = ask
        self._stopped = False
        self.left = False
        """Nobody waits for the end any more."""

    def stop(self, *, leaving: bool = False) -> None:
        """Begin nothing more; `ChatSession.cancel` ends what is going on.

        When `leaving`, nobody needs the model from before any more.
        """
        self._stopped = True
        self.left = self.left or leaving

    def run(self) -> Iterator[Step]:
        """Have one model after the other answer, and go back to the one from before. Blocks.

        Yields:
            For each model `Began`, the events of its load between `Exchanging` and `Exchanged`, and
            those of its turn; `Failed` where it breaks off. Then the load of the old model.

        Raises:
            VlmtuiError: The model from before doesn't come back.
        """
        old = self._session.model.request
        for number, load in enumerate(self._loads):
            if self._stopped:
                break
            yield Began(number, load.name)
            try:
                done = yield from self._exchange(load)
                if done and not self._stopped:
                    yield from self._answer()
            except VlmtuiError as error:
                yield Failed(number, error)
        if not self.left:
            yield from self._exchange(old)

    def _answer(self) -> Iterator[ChatEvent]:
        """A turn of the loaded model: with the question, or answering it again."""
        for event in (self._ask or self._session.regenerate)():
            if isinstance(event, UserSaved):
                self._ask = None
            yield event

    def _exchange(self, load: Load) -> Generator[Step, None, bool]:
        """Have another model; returns False when that was cancelled."""
        yield Exchanging(load.name)
        try:
            ended = yield from up_to_finished(self._session.switch(load))  # no end of a turn
        except VlmtuiError:
            yield Exchanged(self._session.model.request.name)
            raise
        yield Exchanged(self._session.model.request.name)
        return ended is None or ended.reason != "cancelled"
