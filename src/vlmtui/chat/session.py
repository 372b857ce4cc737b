"""One conversation between a person, an engine and the disk: the only place where they meet.

A turn is an iterator of events. The question is on disk before the engine hears of it, the answer
is never more than a second ahead of the disk, and whatever ends a turn (the model, the user, a
crash, a full disk, an iterator that is dropped) the words that came are kept. This module knows no
screen: what it tells, it tells in events and errors.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import msgspec

from vlmtui.chat.answer import LiveAnswer
from vlmtui.chat.events import AnswerSaved, AnswerStarted, ChatEvent, StorageWarning, UserSaved
from vlmtui.chat.images import keep
from vlmtui.chat.prompt import prompt
from vlmtui.chat.title import title_of
from vlmtui.engine.base import Delta, Engine, Event, Finished, Generate, Load, Loaded, Sampling
from vlmtui.errors import EmptyPrompt, StorageError
from vlmtui.messages import ImagePart, Message, Role, assistant, user
from vlmtui.storage.chats import ChatStore
from vlmtui.storage.images import ImageStore
from vlmtui.storage.records import Chat, Draft, StoredMessage

CLOSE_SECONDS = 5.0
"""How long `ChatSession.close` waits for a running turn to end by itself."""

Turn = Generator[ChatEvent, None, None]
"""The events of a turn, as they happen."""


class ChatSession:
    """A conversation that goes on, and the next one after `open`.

    `load`, `send`, `edit` and `regenerate` block, so they are iterated in a worker thread; one turn
    at a time. A turn that begins while `load` runs saves its question and waits. Everything else
    may be called from any thread, the screen's too.
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
    ) -> None:
        """Join the parts; nothing is loaded, read or written yet.

        Args:
            engine: Closed by `close`.
            store: Stays open.
            images: Where attached pictures are kept.
            load: The model that answers.
            sampling: How it answers.
            system: System prompt; empty for none.
            chat: The chat to go on with; None begins one with the first question.
            warning: What the user must know of the store before they trust it with anything.
        """
        self.warning = warning
        self._engine = engine
        self._store = store
        self._images = images
        self._load = load
        self._sampling = sampling
        self._system = system
        self._changed = threading.Condition()
        self._composing = threading.Lock()
        self._in_turn = False
        self._engine_taken = False
        self._turn_has_engine = False
        self._cancelled = False
        self._loaded = False
        self._answers: list[LiveAnswer] = []
        self._chat = chat
        self._leaf = chat.leaf_id if chat else None

    # ------------------------------------------------------------------ what there is

    @property
    def chat(self) -> Chat | None:
        """The chat; None before the first question of a new one is on disk."""
        return self._chat

    @property
    def busy(self) -> bool:
        """Whether a turn is going on."""
        return self._in_turn

    def transcript(self) -> list[StoredMessage]:
        """The branch that is shown, first message first, a running answer as far as it has come.

        Raises:
            StorageError: It can't be read.
        """
        return self._thread(self._leaf)

    def open(self, chat: Chat | None) -> None:
        """Go on with another chat, or with None begin a new one.

        Raises:
            RuntimeError: A turn is going on; cancel it first.
        """
        with self._changed:
            if self._in_turn:
                raise RuntimeError("a turn is going on")
            self._chat = chat
            self._leaf = chat.leaf_id if chat else None

    # ------------------------------------------------------------------ composing

    def attach(self, path: str | Path) -> ImagePart:
        """Check that a file is a picture, and copy it: the chat keeps it when the file is gone.

        Raises:
            ImageError: It isn't a picture that can be used; one of its subclasses says why.
            StorageError: It can't be copied.
        """
        return keep(self._images, path)

    def save_draft(self, text: str, images: Sequence[ImagePart] = ()) -> None:
        """Keep what is in the composer, so that a crash doesn't cost it; empty: forget it.

        Raises:
            StorageError: It can't be written.
        """
        with self._composing:
            self._store.drafts.save(self._chat.id if self._chat else None, text, images)

    def draft(self) -> Draft:
        """What was in the composer of this chat and wasn't sent.

        Raises:
            StorageError: It can't be read.
        """
        return self._store.drafts.find(self._chat.id if self._chat else None)

    # ------------------------------------------------------------------ turns

    def load(self) -> Iterator[Event]:
        """Load the model ahead of the first question; nothing happens when it is loaded.

        Raises:
            LoadFailed: The model can't be loaded.
            EngineCrashed: The engine's process died.
        """
        with self._changed:
            self._changed.wait_for(lambda: not self._engine_taken)
            self._engine_taken = True
        try:
            yield from self._loading()
        finally:
            self._release_engine()

    def send(self, text: str, images: Sequence[ImagePart] = (), places: Sequence[int] = ()) -> Turn:
        """Ask a question. Closing the iterator cancels the turn.

        Args:
            text: The question.
            images: Its pictures.
            places: Where they stand in the text, as `messages.user` takes them; none: before it.

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
        with self._turn():
            yield from self._ask(self._leaf, text, images, places)

    def edit(
        self,
        message_id: int,
        text: str,
        images: Sequence[ImagePart] = (),
        places: Sequence[int] = (),
    ) -> Turn:
        """Ask a question of the transcript in other words; the old branch stays in the store.

        Yields and raises what `send` does.
        """
        with self._turn():
            old = next((m for m in self.transcript() if m.id == message_id), None)
            if old is None or old.message.role is not Role.USER:
                raise ValueError(f"message {message_id} is no question of this transcript")
            yield from self._ask(old.parent_id, text, images, places)

    def regenerate(self) -> Turn:
        """Answer the last question again; the earlier answers stay in the store.

        When nothing comes of it, `transcript` has the earlier answer again.

        Yields:
            What `send` does, without `UserSaved`.

        Raises:
            EmptyPrompt: There is no question yet.
            StorageError: The answer can't be begun.
            EngineError: The engine failed; what it said so far is saved.
            ImageError: A picture can't be decoded.
        """
        with self._turn():
            thread = self.transcript()
            questions = [m for m in thread if m.message.role is Role.USER]
            if not questions:
                raise EmptyPrompt("There is no question to answer again", "Ask one first")
            before = thread[-1]
            try:
                yield from self._reply(questions[-1].id)
            finally:
                self._fall_back(before)

    def cancel(self) -> None:
        """Stop the running turn, or else the running load; what the answer has so far is kept."""
        with self._changed:
            self._cancelled = self._in_turn
            self._changed.notify_all()
            if self._in_turn and not self._turn_has_engine:
                return  # what the engine may be doing is a load that is not the turn's
        self._engine.cancel()

    def close(self) -> None:
        """Cancel what runs, save it, and close the engine. Safe to call twice."""
        self.cancel()
        with self._changed:
            self._changed.wait_for(lambda: not self._in_turn, CLOSE_SECONDS)
        for answer in self._answers:
            answer.close()
        self._engine.close()

    # ------------------------------------------------------------------ steps of a turn

    @contextmanager
    def _turn(self) -> Iterator[None]:
        with self._changed:
            if self._in_turn:
                raise RuntimeError("a turn is going on")
            self._in_turn = True
        try:
            yield
        finally:
            with self._changed:
                self._in_turn = self._cancelled = False
                self._changed.notify_all()

    def _ask(
        self,
        parent_id: int | None,
        text: str,
        images: Sequence[ImagePart],
        places: Sequence[int],
    ) -> Iterator[ChatEvent]:
        if not text.strip() and not images:
            raise EmptyPrompt("There is nothing to send", "Type a question or attach a picture")
        stored = self._save_question(parent_id, user(text, images, places))
        yield UserSaved(stored)
        yield from self._reply(stored.id)

    def _save_question(self, parent_id: int | None, message: Message) -> StoredMessage:
        # A draft that is saved at the same time must not outlive its question: it would lie with
        # the chats to come, where nothing clears it.
        with self._composing:
            drafts_of = self._chat.id if self._chat else None
            if self._chat is None:
                self._chat, stored = self._store.start(title_of(message), message)
            else:
                stored = self._store.add(self._chat.id, parent_id, message)
            self._leaf = stored.id
            # The question is safe; at worst its draft turns up once more.
            with suppress(StorageError):
                self._store.drafts.save(drafts_of, "")
        return stored

    def _reply(self, question_id: int) -> Iterator[ChatEvent]:
        """Answer a stored question; whatever happens, the answer is brought to an end."""
        assert self._chat is not None
        self._answers = [answer for answer in self._answers if not answer.on_disk]
        model = self._load.name or Path(self._load.model).stem
        row = self._store.add(self._chat.id, question_id, assistant(""), model, "streaming")
        self._leaf = row.id
        answer = LiveAnswer(self._store, row)
        self._answers.append(answer)
        try:
            yield AnswerStarted(row)
            if self._take_engine():
                try:
                    yield from self._answered(question_id, answer)
                finally:
                    self._release_engine()
        except GeneratorExit:
            answer.end("cancelled")
            raise
        except BaseException as error:
            answer.end("failed", error=str(error), error_kind=type(error).__name__)
            raise
        answer.end("cancelled")  # unless it has an end: only a cancelled turn has none
        yield from _warnings(answer)
        yield AnswerSaved(answer.stored, answer.on_disk)

    def _answered(self, question_id: int, answer: LiveAnswer) -> Iterator[ChatEvent]:
        """Have the engine answer: its events, put down in the answer."""
        with closing(self._loading()) as loading:
            # A load's `Finished` would be taken for the answer's.
            yield from (event for event in loading if not isinstance(event, Finished))
        if self._cancelled:
            return
        request = Generate(prompt(self._thread(question_id), self._system), self._sampling)
        with closing(self._obeying_cancel(self._engine.generate(request))) as events:
            for event in events:
                if isinstance(event, Delta):
                    answer.append(event.text)
                elif isinstance(event, Finished):
                    _end(answer, event)
                yield event
                yield from _warnings(answer)

    def _loading(self) -> Generator[Event, None, None]:
        """The events of a load, if one is needed."""
        info = self._engine.info
        if info is not None and (self._loaded or info.path == self._load.model):
            return
        with closing(self._obeying_cancel(self._engine.load(self._load))) as events:
            for event in events:
                self._loaded = self._loaded or isinstance(event, Loaded)
                yield event

    def _obeying_cancel(self, events: Iterator[Event]) -> Generator[Event, None, None]:
        """The events; a cancel that came before the engine had begun is repeated to it."""
        repeated = False
        try:
            for event in events:
                if self._cancelled and not repeated:
                    repeated = True
                    self._engine.cancel()
                yield event
        finally:
            if isinstance(events, Generator):
                events.close()  # at once, not when the garbage collector comes by

    def _thread(self, leaf_id: int | None) -> list[StoredMessage]:
        """The branch to `leaf_id`, with what is only in memory yet."""
        if self._chat is None or leaf_id is None:
            return []
        stored = self._store.thread(self._chat.id, leaf_id)
        live = {answer.stored.id: answer.stored for answer in self._answers}
        return [live.get(message.id, message) for message in stored]

    def _fall_back(self, before: StoredMessage) -> None:
        """Show the answer from before when the new one came to nothing."""
        new = next((a.stored for a in self._answers if a.stored.id == self._leaf), None)
        if new is None or new.status == "complete" or new.message.text:
            return
        if before.message.role is Role.ASSISTANT and before.message.text and self._chat:
            self._leaf = before.id
            with suppress(StorageError):
                self._store.set_leaf(self._chat.id, before.id)

    # ------------------------------------------------------------------ the engine, one at a time

    def _take_engine(self) -> bool:
        """Wait for a running `load`. False when the turn was cancelled meanwhile."""
        with self._changed:
            self._changed.wait_for(lambda: self._cancelled or not self._engine_taken)
            if self._cancelled:
                return False
            self._engine_taken = self._turn_has_engine = True
            return True

    def _release_engine(self) -> None:
        with self._changed:
            self._engine_taken = self._turn_has_engine = False
            self._changed.notify_all()


def _end(answer: LiveAnswer, event: Finished) -> None:
    answer.end(
        "cancelled" if event.reason == "cancelled" else "complete",
        stats={**msgspec.structs.asdict(event.stats), "finish_reason": event.reason},
    )


def _warnings(answer: LiveAnswer) -> Iterator[StorageWarning]:
    if warning := answer.take_warning():
        yield StorageWarning(warning.message, warning.hint)
