"""An answer that has lost its screen, and one that is shown by another vlmtui than writes it.

When a terminal is gone, its vlmtui brings the answer to its end; whoever opens the chat meanwhile
follows it. The two meet on the disk alone: the words are read where the other puts them each
second, and the wish that it stop is left where it looks.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from vlmtui.chat.branches import Branches
from vlmtui.chat.chat_events import AnswerSaved, AnswerStarted, ChatEvent, StorageWarning
from vlmtui.chat.turn_lock import Task, TurnLock
from vlmtui.engine.engine_events import Delta, Thought
from vlmtui.storage.chats import ChatStore
from vlmtui.storage.records import StoredMessage

_END_S = 3.0
"""So long a turn may take to end that was to finish by itself."""

_LOOK_S = 0.5
"""Seconds between two looks at the disk."""

_HEARD_S = 5.0
"""So long the other one may take to stop; without a screen it looks twice a second."""


class Watching:
    """Follows answers to their end: here without a screen, elsewhere on the disk."""

    def __init__(self, store: ChatStore, branches: Branches, lock: TurnLock) -> None:
        self._store = store
        self._branches = branches
        self._lock = lock
        self._watches = False

    def finish(self, seconds: float) -> None:
        """Let the turn come to its end, though nobody looks at it any more; blocks until then.

        After so many seconds it is stopped, as it is when another vlmtui that shows it wants that.
        """
        if self._watches:
            return  # the other one brings it to its end
        deadline = time.monotonic() + seconds
        # others may have left word before the screen was gone
        while (left := deadline - time.monotonic()) > 0 and not self._store.is_to_stop(
            self._branches.leaf
        ):
            if self._lock.turn_ends(min(left, _LOOK_S)):
                return
        self._lock.cancel()
        self._lock.turn_ends(_END_S)

    def watch(self, row: StoredMessage) -> Iterator[ChatEvent]:
        """Follow an answer that another vlmtui is writing; a cancel asks the other one to stop.

        The answer is as it was seen, and may have ended since.

        Yields:
            `AnswerStarted` with the words that are there, `Delta`s of those that come, which count
            no tokens, and `AnswerSaved`.

        Raises:
            TurnRunning: Another turn is going on.
        """
        with self._lock.turn() as task:
            self._watches = True
            try:
                yield from self._followed(task, row)
            finally:
                self._watches = False

    def _followed(self, task: Task, row: StoredMessage) -> Iterator[ChatEvent]:
        yield AnswerStarted(row)
        said, thought = row.message.text, row.message.thought
        asked_at: float | None = None
        while not self._lock.closed and (now := self._branches.reread(row)) is not None:
            if now.message.thought != thought and now.message.thought.startswith(thought):
                yield Thought(now.message.thought[len(thought) :], 0)
                thought = now.message.thought
            text = now.message.text
            if text.startswith(said) and text != said:
                yield Delta(text[len(said) :], 0)
                said = text
            if now.status != "streaming":
                yield AnswerSaved(now)
                return
            if task.stopped and asked_at is None:
                asked_at = time.monotonic()
                self._store.ask_to_stop(row.id)
            elif asked_at is not None and time.monotonic() - asked_at > _HEARD_S:
                yield StorageWarning(
                    "This answer can't be stopped here", "Stop it in the vlmtui that writes it"
                )
                yield AnswerSaved(now)
                return
            time.sleep(_LOOK_S)
