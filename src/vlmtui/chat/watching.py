"""An answer that has lost its screen, and one that is shown by another vlmtui than writes it.

When a terminal is gone, its vlmtui brings the answer to its end; whoever opens the chat meanwhile
follows it. The two meet on the disk alone: the words are read where the other puts them each
second, and the wish that it stop is left where it looks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from vlmtui.chat.chat_events import AnswerSaved, AnswerStarted, ChatEvent, StorageWarning
from vlmtui.chat.turn_lock import Task, TurnLock
from vlmtui.engine.engine_events import Delta, Thought
from vlmtui.storage.chats import ChatStore
from vlmtui.storage.records import StoredMessage

_LOOK_S = 0.5
"""Seconds between two looks at the disk."""

_HEARD_S = 5.0
"""So long the other one may take to stop; without a screen it looks twice a second."""


def finish(lock: TurnLock, store: ChatStore, seconds: float, patience: float) -> None:
    """Let the turn come to its end; blocks until then.

    Args:
        lock: Whose turn it is.
        store: Where others leave word that it shall stop.
        seconds: How long it may take; then it is stopped, too.
        patience: Seconds that it then has to end.
    """
    deadline = time.monotonic() + seconds
    asked = store.asked_to_stop
    while (left := deadline - time.monotonic()) > 0 and store.asked_to_stop == asked:
        if lock.turn_ends(min(left, _LOOK_S)):
            return
    lock.cancel()
    lock.turn_ends(patience)


def watched(
    lock: TurnLock,
    store: ChatStore,
    task: Task,
    row: StoredMessage,
    look: Callable[[], StoredMessage | None],
) -> Iterator[ChatEvent]:
    """Follow an answer of another vlmtui to its end.

    Args:
        lock: Says whether the conversation is being left, which is no stop.
        store: Where word is left that it shall stop.
        task: The turn; a stop of it is passed on.
        row: The answer as it is now.
        look: Reads it again; None where it was deleted.
    """
    yield AnswerStarted(row)
    said, thought = row.message.text, row.message.thought
    asked_at: float | None = None
    while not lock.closed and (now := look()) is not None:
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
            store.ask_to_stop(row.id)
        elif asked_at is not None and time.monotonic() - asked_at > _HEARD_S:
            yield StorageWarning(
                "This answer can't be stopped here", "Stop it in the vlmtui that writes it"
            )
            yield AnswerSaved(now)
            return
        time.sleep(_LOOK_S)
