"""Any sequence of what a person can do, with an engine that may die at any event.

After each step: every message follows one that is there, what is shown is a way from the first
message, it is what another window would show, and no word that was given out is missing on disk.
"""

from __future__ import annotations

import random
import tempfile
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.fakes import INFO, LOAD, STATS, TIMEOUT, FakeEngine, Step, answer, crash
from vlmtui.chat.chat_events import AnswerStarted, ChatEvent, UserSaved
from vlmtui.chat.session import ChatSession
from vlmtui.engine.engine_events import Delta, Finished, Prefill
from vlmtui.engine.engine_requests import Files, Load
from vlmtui.errors import LoadFailed, VlmtuiError
from vlmtui.messages import user
from vlmtui.storage.chats import ChatStore
from vlmtui.storage.database import Database
from vlmtui.storage.images import ImageStore
from vlmtui.storage.records import StoredMessage

MODELS = (
    LOAD,
    Load(Files("/models/other.gguf"), name="other"),
    Load(Files("/models/third.gguf"), name="third"),
)

READER = msgspec.structs.replace(INFO, can=INFO.can | {"prepare"})

ENDINGS: dict[str, tuple[Step, ...]] = {
    "stop": (),
    "length": (Finished("length", STATS),),
    "crash": (crash("decode"),),
}
words = st.lists(st.sampled_from([" red", " circle", "é", " \n", "<|im_end|>"]), max_size=3)
endings = st.sampled_from(sorted(ENDINGS))
moments = st.none() | st.integers(0, 6)
"""At which event a person does something; None for never."""
places = st.integers(0, 30)


def told(thread: list[StoredMessage]) -> list[tuple[object, ...]]:
    """A branch as a person sees it."""
    return [
        (each.id, each.message.text, each.status, each.model, each.error, each.stats, each.sibling)
        for each in thread
    ]


class SessionMachine(RuleBasedStateMachine):
    """A person at a chat, and what must be on disk."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        root = Path(self.folder.name)
        self.store = ChatStore(Database(root / "chats.db"))
        self.images = ImageStore(root / "images")
        self.given: defaultdict[int, str] = defaultdict(str)
        """What was given out, by the row it belongs to."""
        self.deleted: list[int] = []
        self.sit_down()

    def sit_down(self) -> None:
        self.engine = FakeEngine(READER)
        self.session = ChatSession(
            self.engine, self.store, self.images, LOAD, chat=self.store.latest()
        )

    def teardown(self) -> None:
        while self.deleted:
            self.undo()
        assert {message.id for message in self.messages()} == set(self.given)
        self.session.close()
        self.store.close()
        self.folder.cleanup()
        for thread in threading.enumerate():
            if thread.name == "vlmtui-answer":
                thread.join(TIMEOUT)  # its last event comes before its end
                assert not thread.is_alive()

    # ------------------------------------------------------------------ what a person does

    @rule(text=st.sampled_from(["one", "two"]), said=words, end=endings, stop=moments, go=moments)
    def send(self, text: str, said: list[str], end: str, stop: int | None, go: int | None) -> None:
        self.follow(self.session.send(text), said, end, stop, go)

    @precondition(lambda self: self.messages())
    @rule(place=places, said=words, end=endings, stop=moments, go=moments)
    def regenerate(
        self, place: int, said: list[str], end: str, stop: int | None, go: int | None
    ) -> None:
        self.follow(self.session.regenerate(self.pick(place).id), said, end, stop, go)

    @precondition(lambda self: self.messages())
    @rule(place=places, said=words, end=endings, stop=moments, go=moments)
    def edit(self, place: int, said: list[str], end: str, stop: int | None, go: int | None) -> None:
        self.follow(self.session.edit(self.pick(place).id, "three"), said, end, stop, go)

    @rule(said=words, end=endings, stop=moments, go=moments)
    def go_on(self, said: list[str], end: str, stop: int | None, go: int | None) -> None:
        self.follow(self.session.continue_answer(), said, end, stop, go)

    @rule(text=st.sampled_from(["", "th", "three"]), crashes=st.booleans(), go=moments)
    def read_ahead(self, text: str, crashes: bool, go: int | None) -> None:
        self.engine.script_prepare(Prefill(1, 2, 0), *([crash("prefill")] if crashes else []))
        events = self.session.reading_ahead.run(user(text) if text else None)
        for number, _ in enumerate(events):
            if number == go:
                events.close()
                break
        self.engine.forget_scripts()

    @precondition(lambda self: self.messages())
    @rule(place=places)
    def select(self, place: int) -> None:
        message = self.pick(place)
        shown = self.session.select(message.id)
        assert message.id in [stored.id for stored in shown]
        for step in (-1, 1):
            neighbour = self.session.branches.neighbour(message.id, step)
            assert (
                neighbour is None or self.session.branches.neighbour(neighbour, -step) == message.id
            )

    @rule(load=st.sampled_from(MODELS), fails=st.booleans(), stop=moments, go=moments)
    def switch(self, load: Load, fails: bool, stop: int | None, go: int | None) -> None:
        if fails:
            self.engine.script_load(LoadFailed("no model"))
        self.follow(self.session.switch(load), [], "stop", stop, go)

    @precondition(lambda self: self.messages())
    @rule(place=places)
    def delete(self, place: int) -> None:
        message = self.pick(place)
        shown = self.session.delete_message(message.id)
        assert message.id not in [stored.id for stored in shown]
        self.deleted.append(message.id)

    @precondition(lambda self: self.deleted)
    @rule()
    def undo(self) -> None:
        self.session.restore_message(self.deleted.pop())

    @rule(place=places)
    def annotate(self, place: int) -> None:
        for message in self.messages()[place : place + 1]:
            self.session.annotate(message.id, {"peak_bytes": place})

    @rule()
    def leave_and_come_back(self) -> None:
        self.session.close()
        self.sit_down()

    def follow(
        self,
        events: Iterator[ChatEvent],
        said: list[str],
        end: str,
        stop: int | None,
        go: int | None,
    ) -> None:
        """Run a turn or a switch; `stop` cancels it at that event, `go` walks away."""
        self.engine.script(*answer(*said), *ENDINGS[end])
        row: int | None = None
        with suppress(VlmtuiError):
            for number, event in enumerate(events):
                if isinstance(event, UserSaved):
                    self.given[event.stored.id] = event.stored.message.text
                elif isinstance(event, AnswerStarted):
                    row = event.stored.id
                    assert event.stored.message.text == self.given[row]
                elif isinstance(event, Delta) and row is not None:
                    self.given[row] += event.text
                if number == stop:
                    self.session.cancel()
                if number == go:
                    events.close()
                    break
        self.engine.forget_scripts()

    # ------------------------------------------------------------------ what must be

    def messages(self) -> list[StoredMessage]:
        """All messages of the chat, as they are on disk."""
        chat = self.session.chat
        return self.store.trees.read(chat.id) if chat else []

    def pick(self, place: int) -> StoredMessage:
        messages = self.messages()
        return messages[place % len(messages)]

    @invariant()
    def nothing_is_going_on(self) -> None:
        assert not self.session.busy
        assert all(message.status != "streaming" for message in self.messages())

    @invariant()
    def every_message_follows_one_that_is_there(self) -> None:
        seen: set[int | None] = {None}
        for message in self.messages():
            assert message.parent_id in seen
            seen.add(message.id)

    @invariant()
    def what_is_shown_is_a_way_from_the_first_message(self) -> None:
        shown = self.session.transcript()
        assert [stored.parent_id for stored in shown] == [
            None,
            *(stored.id for stored in shown[:-1]),
        ][: len(shown)]
        if self.session.chat:
            assert told(shown) == told(self.store.thread(self.session.chat.id))

    @invariant()
    def no_word_is_lost(self) -> None:
        on_disk = {message.id: message.message.text for message in self.messages()}
        assert on_disk == {row: text for row, text in self.given.items() if row in on_disk}
        assert self.deleted or set(on_disk) == set(self.given)


SessionMachine.TestCase.settings = settings(
    max_examples=60,
    stateful_step_count=20,
    suppress_health_check=list(HealthCheck),
)
TestAnySequence = SessionMachine.TestCase


@pytest.mark.parametrize("seed", range(12))
def test_whatever_comes_from_several_threads_everything_ends(
    seed: int, store: ChatStore, images: ImageStore
) -> None:
    engine = FakeEngine(READER)
    session = ChatSession(engine, store, images, LOAD)
    defects: list[BaseException] = []

    def first_question() -> int:
        return next(iter(session.transcript())).id

    acts: list[Callable[[], object]] = [
        lambda: list(session.send("one")),
        lambda: list(session.regenerate()),
        lambda: list(session.edit(first_question(), "two")),
        lambda: list(session.continue_answer()),
        lambda: list(session.model.load()),
        lambda: list(session.switch(MODELS[1])),
        lambda: list(session.switch(MODELS[2])),
        lambda: list(session.reading_ahead.run(user("th"))),
        lambda: list(session.reading_ahead.run()),
        lambda: session.select(first_question()),
        session.cancel,
        lambda: session.preferences.change(sampling={"seed": 3}),
    ]

    def person(rng: random.Random) -> None:
        for _act in range(20):
            try:
                rng.choice(acts)()
            except (VlmtuiError, StopIteration):
                pass
            except BaseException as defect:
                defects.append(defect)

    people = [
        threading.Thread(target=person, args=(random.Random(seed * 10 + number),))
        for number in range(4)
    ]
    for each in people:
        each.start()
    if seed % 2:
        session.close()
    for each in people:
        each.join(TIMEOUT)
        assert not each.is_alive(), "it waits for ever"
    session.close()
    assert defects == []
    assert not session.busy
    if session.chat:
        assert all(each.status != "streaming" for each in store.trees.read(session.chat.id))
