"""Answers on their way: the engine's events come in, words go into the row on disk.

Whatever ends an answer (the model, the user, a crash, a full disk, an iterator that is dropped) the
words that came are kept. This module does not know which question is answered, nor why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

import msgspec

from vlmtui.chat.chat_events import AnswerSaved, AnswerStarted, ChatEvent, StorageWarning
from vlmtui.chat.live_answer import LiveAnswer
from vlmtui.chat.loading import CurrentModel, obeying
from vlmtui.chat.prompt_messages import present
from vlmtui.chat.tally import Tally, continued
from vlmtui.chat.turn_lock import Task, TurnLock
from vlmtui.engine.base import Engine
from vlmtui.engine.engine_events import Delta, Finished, Notice, Thought
from vlmtui.engine.engine_requests import Generate
from vlmtui.storage.chats import ChatStore
from vlmtui.storage.records import StoredMessage


class Replies:
    """Brings answers to their end, and keeps in memory what the disk has refused."""

    def __init__(
        self, engine: Engine, store: ChatStore, lock: TurnLock, model: CurrentModel
    ) -> None:
        self._engine = engine
        self._store = store
        self._lock = lock
        self._model = model
        self._answers: list[LiveAnswer] = []
        self._thinking = self._concluded = False

    def live(self) -> dict[int, StoredMessage]:
        """The answers that may be ahead of the disk, by id."""
        return {stored.id: stored for stored in (answer.stored for answer in self._answers)}

    def refused(self) -> list[StoredMessage]:
        """The answers that the disk wouldn't take so far."""
        return [answer.stored for answer in self._answers if answer.refused]

    def annotate(self, message_id: int, extra: Mapping[str, Any]) -> bool:
        """Add to the statistics of an answer in memory; False when it isn't one of these."""
        for answer in self._answers:
            if answer.stored.id == message_id:
                answer.annotate(extra)
                return True
        return False

    def conclude(self) -> bool:
        """Have a thought end and the answer begin; False where there is none that can, once."""
        info = self._engine.info
        if not self._thinking or info is None or "conclude" not in info.can:
            return False
        self._thinking, self._concluded = False, True
        self._engine.conclude()
        return True

    def close(self) -> None:
        """End what is not ended, and try once more to write what the disk has refused."""
        for answer in self._answers:
            answer.close()

    def run(
        self,
        task: Task,
        row: StoredMessage,
        request: Callable[[], Generate],
        before: StoredMessage | None = None,
    ) -> Iterator[ChatEvent]:
        """Have the engine write an answer; whatever happens, it is brought to an end.

        Yields what `ChatSession.send` says, without `UserSaved`.

        Args:
            task: The turn it belongs to.
            row: Where the words go.
            request: Makes what the engine is asked, when it is free.
            before: The row as it was, where the answer goes on.
        """
        on_disk = all(each.retire() for each in self._answers if each.stored.id == row.id)
        self._answers = [
            each for each in self._answers if each.stored.id != row.id and not each.on_disk
        ]
        answer = LiveAnswer(self._store, row, before, before_on_disk=on_disk)
        self._answers.append(answer)
        try:
            yield AnswerStarted(row)
            with self._lock.engine(task) as taken:
                if taken:
                    yield from self._answered(task, answer, request, before)
        except GeneratorExit:
            answer.end("cancelled")
            raise
        except BaseException as error:
            answer.end("failed", error=str(error), error_kind=type(error).__name__)
            raise
        answer.end("cancelled")  # unless it has an end: only a cancelled turn has none
        yield from self._warnings(answer)
        yield AnswerSaved(answer.stored, answer.on_disk)

    def _answered(
        self,
        task: Task,
        answer: LiveAnswer,
        make: Callable[[], Generate],
        before: StoredMessage | None,
    ) -> Iterator[ChatEvent]:
        """Load the model if need be, and have it answer: its events, put down in the answer."""
        with closing(self._model.ensure(task)) as loading:
            yield from loading
        if task.stopped:
            return
        if before is None:
            answer.name_model(self._model.name)  # a switch may have come in between
        request = make()
        told, missing = present(request.messages)
        if missing:
            request = msgspec.structs.replace(request, messages=told)
            yield _missing([image.name for image in missing])
        tally = Tally(request.messages)
        self._thinking = self._concluded = False
        with closing(obeying(task, self._engine, self._engine.generate(request))) as events:
            for event in events:
                tally.take(event)
                if isinstance(event, Thought):
                    self._thinking = not self._concluded
                    answer.think(event.text)
                elif isinstance(event, Delta):
                    self._thinking = False
                    answer.append(event.text)
                elif isinstance(event, Finished):
                    stats = tally.stats(event)
                    if before is not None:
                        stats = continued(before.stats, stats)
                        if before.model != self._model.name:
                            stats["continued_by"] = self._model.name
                    answer.end(
                        "cancelled" if event.reason == "cancelled" else "complete", stats=stats
                    )
                yield event
                yield from self._warnings(answer)

    def _warnings(self, answer: LiveAnswer) -> Iterator[StorageWarning]:
        for notice in self._store.take_notices():
            yield StorageWarning(notice.message, notice.hint)
        if warning := answer.take_warning():
            yield StorageWarning(warning.message, warning.hint)


def _missing(names: Sequence[str]) -> Notice:
    one = len(names) == 1
    what = f"The picture {names[0]} is" if one else f"The pictures {', '.join(names)} are"
    them = "it" if one else "them"
    return Notice(
        "missing",
        f"{what} missing from the chat's files: the model answers without {them}",
        f"Attach {them} again, and the whole chat has {them}",
    )
