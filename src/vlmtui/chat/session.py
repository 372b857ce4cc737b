"""One conversation between a person, an engine and the disk: the only place where they meet.

A turn is an iterator of events. The question is on disk before the engine hears of it, the answer
is never more than a second ahead of the disk, and whatever ends a turn the words that came are
kept. This module says what can be done with a conversation, and knows no screen: what it tells, it
tells in events and errors. Who waits for whom is in `turn_lock`, the model in `loading`, questions
and drafts in `questions`, the answer in `replies`, the tree of messages in `branches`.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from vlmtui.chat.archive import Archive
from vlmtui.chat.attached_images import AttachedImages
from vlmtui.chat.branches import Branches
from vlmtui.chat.chat_events import ChatEvent, UserSaved
from vlmtui.chat.loading import CurrentModel
from vlmtui.chat.preferences import Preferences
from vlmtui.chat.prompt_messages import prompt, resumed
from vlmtui.chat.questions import Questions
from vlmtui.chat.reading_ahead import ReadingAhead
from vlmtui.chat.replies import Replies
from vlmtui.chat.turn_lock import Task, TurnLock
from vlmtui.chat.watching import Watching
from vlmtui.engine.base import Engine
from vlmtui.engine.engine_requests import Generate, Load, Measure, Sampling
from vlmtui.engine.grounding import asks_for_boxes
from vlmtui.errors import MessageNotFound, StorageError
from vlmtui.messages import ImagePart, Message, Role, assistant, user
from vlmtui.storage.chats import ChatStore
from vlmtui.storage.images import ImageStore
from vlmtui.storage.records import Chat, StoredMessage

CLOSE_SECONDS = 3.0
"""How long `close` waits for a running turn to end by itself; as long again where the
engine had to be ended."""

Turn = Generator[ChatEvent, None, None]
"""The events of a turn, as they happen."""


class ChatSession:
    """A conversation that goes on, and the next one after `open`.

    `load`, `switch` and the turns (`send`, `edit`, `regenerate`, `continue_answer`) block, so they
    are iterated in a worker thread; one turn at a time. A turn that begins during a load or a
    switch saves its question and waits. What would need the turn that goes on to be cancelled first
    raises `TurnRunning`, and what reads or writes the disk `StorageError` when it can't. Everything
    may be called from any thread.

    Attributes:
        archive: All chats. What it returns for the chat that is open here goes to `open`.
        branches: The tree of this chat.
        images: Pictures to ask about.
        model: The model that answers.
        preferences: How this chat wants to be answered.
        questions: The draft, and what was asked before.
        reading_ahead: Has the engine read the next prompt before it is asked.
        watching: Follows answers that nobody follows here, or that another vlmtui writes.
        warning: What the user must know of the store before they trust it with anything.
    """

    def __init__(
        self,
        engine: Engine,
        store: ChatStore,
        images: ImageStore,
        load: Load,
        *,
        sampling: Sampling = Sampling(),  # noqa: B008 - frozen
        system: str = "",
        chat: Chat | None = None,
        warning: StorageError | None = None,
        prepare: bool = True,
    ) -> None:
        """Join the parts; nothing is loaded, read or written yet.

        `close` closes the engine; the store stays open. Sampling and system prompt are for chats
        that have no other; without a chat, the first question begins one. With `prepare` the engine
        reads ahead while it has nothing else to do.
        """
        self.warning = warning
        self.archive = Archive(store, images)
        self._engine = engine
        self._store = store
        self.images = AttachedImages(images)
        self._lock = TurnLock(engine.cancel, engine.abort)
        self.model = CurrentModel(engine, self._lock, load)
        self._replies = Replies(engine, store, self._lock, self.model)
        self.branches = Branches(store, self._replies.live, chat)
        self.questions = Questions(store, self.branches)
        self.preferences = Preferences(store, self.branches, system, sampling)
        self.watching = Watching(store, self.branches, self._lock)
        self.reading_ahead = ReadingAhead(
            engine, self._lock, self.model, self.branches, self.preferences, wanted=prepare
        )

    @property
    def chat(self) -> Chat | None:
        """The chat; None before the first question of a new one is on disk."""
        return self.branches.chat

    @property
    def busy(self) -> bool:
        return self._lock.in_turn

    def transcript(self) -> list[StoredMessage]:
        """The branch that is shown, first message first, a running answer as far as it has come."""
        return self.branches.shown()

    def unsaved(self) -> list[StoredMessage]:
        """Messages of this chat that are in no file: they are gone when the process ends."""
        return self.transcript() if self.warning is not None else self._replies.refused()

    def open(self, chat: Chat | None) -> None:
        """Go on with another chat, or with None begin a new one; the model stays."""
        with self._lock.between_turns():
            self.branches.open(chat)
            self.preferences.open()

    def measure(self, images: Sequence[ImagePart], text: str = "") -> tuple[int, ...]:
        """The tokens that pictures will take when they are sent with a text, each in its detail.

        Nothing where nobody can tell now: the model isn't loaded, the engine is at something else,
        or a server runs it. Raises `VlmtuiError` where the engine failed.
        """
        said = [each.message.text for each in self.transcript() if each.message.role is Role.USER]
        boxes = any(map(asks_for_boxes, (*said, text)))
        return self._engine.measure(Measure(tuple(images), self.preferences.sampling.detail, boxes))

    def switch(self, load: Load) -> Iterator[ChatEvent]:
        """Answer with another model from now on; nothing happens when it is the loaded one.

        The old model's memory is free before the new one is read. A running `load` or `switch` is
        stopped for this one. When it fails, and when it is cancelled, the old model comes back.

        Yields:
            The events of the load; after a failure or a cancel `GoingBack` and the events of
            loading the old model; in the end `Finished`, with "cancelled" when it was.

        Raises:
            SwitchFailed: The new model can't be loaded; `back` says whether the old one is.
        """
        yield from self.model.switch(load)
        self.preferences.note_model(self.model.name)

    def send(self, text: str, images: Sequence[ImagePart] = (), places: Sequence[int] = ()) -> Turn:
        """Ask a question. Closing the iterator cancels the turn.

        Its pictures stand in the text at `places`, as `messages.user` takes them, or before it.

        Yields:
            `UserSaved`, `AnswerStarted`, the engine's events (first those of a load, where the
            model isn't loaded), at most one `StorageWarning`, and `AnswerSaved`.

        Raises:
            EmptyPrompt: Neither text nor picture.
            StorageError: Before `UserSaved`: the question can't be saved and wasn't sent. After it:
                no answer can be begun; `regenerate` tries again.
            EngineError: The engine failed; what it said so far is saved.
            ImageError: A picture can't be decoded.
        """
        with self._lock.turn() as task:
            yield from self._ask(task, self.branches.leaf, user(text, images, places))

    def edit(
        self,
        message_id: int,
        text: str,
        images: Sequence[ImagePart] = (),
        places: Sequence[int] = (),
    ) -> Turn:
        """Ask a question of this chat in other words; the old branch stays, see `select`.

        Yields and raises what `send` does, and `MessageNotFound` where there is no such question.
        """
        with self._lock.turn() as task:
            self.branches.leave()
            old = self.branches.find(message_id)
            if old.message.role is not Role.USER:
                raise MessageNotFound(
                    "That message is not a question", "Only questions can be edited"
                )
            yield from self._ask(task, old.parent_id, user(text, images, places))

    def regenerate(self, message_id: int | None = None) -> Turn:
        """Answer a question again, with the model that is loaded now; the earlier answers stay.

        When nothing comes of it, `transcript` has the earlier branch again. Yields and raises what
        `send` does, without `UserSaved`.

        Args:
            message_id: An answer of this chat, or its question; None for the last question.

        Raises:
            EmptyPrompt: There is no question yet.
            MessageNotFound: There is no such message.
        """
        with self._lock.turn() as task:
            before = self.branches.leave()
            question = self.branches.question(message_id)
            try:
                yield from self._reply(task, question.id)
            finally:
                self.branches.fall_back(before, question.id)

    def continue_answer(self) -> Turn:
        """Go on with the last answer where it was stopped, interrupted or cut off, in its place.

        Whatever comes of it, the answer never has fewer words than before. Yields and raises what
        `send` does, without `UserSaved`; `AnswerStarted` has the words that are there.

        Raises:
            NothingToContinue: The last answer is complete, or there is none.
        """
        with self._lock.turn() as task:
            thread, before = self.branches.unfinished()
            row = msgspec.structs.replace(before, status="streaming", error=None, error_kind=None)

            def request() -> Generate:
                told = prompt(thread, self.preferences.system, self.model.name)
                if (before.message.text + before.message.thought).strip():
                    told = (*told, before.message)
                return Generate(
                    told, resumed(self.preferences.sampling, before), self.branches.state_name
                )

            yield from self._replies.run(task, row, request, before)

    def stop(self) -> bool:
        """End a thought, so that the answer begins; where none goes on, or again: `cancel`.

        Returns whether the turn goes on with its answer.
        """
        if self._replies.conclude():
            return True
        self.cancel()
        return False

    def cancel(self) -> None:
        """Stop the running turn, or else the running load; what the answer has so far is kept.

        Again, after some seconds in which that came to nothing: the engine's process is ended.
        """
        self._lock.cancel()

    def close(self) -> None:
        """Cancel what runs, save it, and close the engine. Safe to call twice."""
        self._lock.close(CLOSE_SECONDS)
        self._replies.close()
        self._engine.close()

    def select(self, message_id: int) -> list[StoredMessage]:
        """Show the branch of a message, now and when the chat is opened again; returns it.

        Of several, the one that was shown last, or else the newest. Raises `MessageNotFound`.
        """
        with self._lock.turn():
            return self.branches.select(message_id)

    def delete_message(self, message_id: int) -> list[StoredMessage]:
        """Hide a message and what follows it on all branches; returns what is shown now."""
        with self._lock.turn():
            return self.branches.follow(self.archive.delete_message(message_id))

    def restore_message(self, message_id: int) -> list[StoredMessage]:
        """Undo `delete_message`; returns what is shown now, which is what was hidden."""
        with self._lock.turn():
            return self.branches.follow(self._store.trash.restore_message(message_id))

    def annotate(self, message_id: int, extra: Mapping[str, Any]) -> None:
        """Add statistics, that JSON can hold, to those of an answer that has ended."""
        if not self._replies.annotate(message_id, extra):
            self._store.annotate(message_id, extra)

    def _ask(self, task: Task, parent_id: int | None, question: Message) -> Iterator[ChatEvent]:
        stored = self.questions.save(parent_id, question)
        yield UserSaved(stored)
        yield from self._reply(task, stored.id)

    def _reply(self, task: Task, question_id: int) -> Iterator[ChatEvent]:
        """Answer a stored question in a new row."""
        assert self.chat is not None
        name = self.model.name
        row = self._store.add(self.chat.id, question_id, assistant(""), name, "streaming")
        self.branches.leaf = row.id
        self.preferences.note_model(name)

        def request() -> Generate:
            told = prompt(self.branches.to(question_id), self.preferences.system, self.model.name)
            return Generate(told, self.preferences.sampling, self.branches.state_name)

        yield from self._replies.run(task, row, request)
