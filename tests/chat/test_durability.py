"""Law 5: what was typed, attached or received is on disk before it can be lost."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.chat.conftest import Begin
from tests.fakes import LOAD, TIMEOUT, FakeEngine, Gate, answer, crash
from tests.processes import child
from vlmtui.chat import live_answer as module
from vlmtui.chat.chat_events import AnswerSaved, AnswerStarted, StorageWarning
from vlmtui.chat.live_answer import INTERVAL
from vlmtui.chat.session import ChatSession
from vlmtui.engine.engine_events import Delta, Finished
from vlmtui.errors import EngineCrashed, StorageError
from vlmtui.messages import assistant, user
from vlmtui.storage.chats import ChatStore
from vlmtui.storage.database import Database
from vlmtui.storage.images import ImageStore
from vlmtui.storage.records import Status

LONG = "much " * 10_000


class WatchedStore(ChatStore):
    """Tells of each attempt to write an answer, and has a disk that can be full."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.database = database
        self.attempts: queue.Queue[tuple[str, Status] | StorageError] = queue.Queue()

    def update_text(self, message_id: int, text: str, status: Status, *rest: Any) -> None:
        try:
            super().update_text(message_id, text, status, *rest)
        except StorageError as error:
            self.attempts.put(error)
            raise
        self.attempts.put((text, status))

    def next_attempt(self) -> tuple[str, Status] | StorageError:
        return self.attempts.get(timeout=TIMEOUT)

    def next_success(self) -> tuple[str, Status]:
        while isinstance(attempt := self.next_attempt(), StorageError):
            pass
        return attempt

    def fill(self) -> None:
        """From now on the file can't grow."""
        with self.database.write() as connection:
            pages = connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count = {pages}")

    def free(self) -> None:
        with self.database.write() as connection:
            connection.execute("PRAGMA max_page_count = 1000000")


@pytest.fixture
def store(path: Path) -> Iterator[WatchedStore]:
    store = WatchedStore(Database(path))
    yield store
    store.close()


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "INTERVAL", 0.01)


@pytest.fixture
def much_later(monkeypatch: pytest.MonkeyPatch, soon: None) -> None:
    monkeypatch.setattr(module, "INTERVAL", 3600.0)


def on_disk(path: Path) -> list[tuple[str, Status]]:
    """The last chat as another instance sees it."""
    with closing(ChatStore(Database(path))) as other:
        chat = other.latest()
        assert chat is not None
        return [(each.message.text, each.status) for each in other.thread(chat.id)]


def test_a_second_is_the_longest_that_words_are_only_in_memory() -> None:
    assert INTERVAL <= 1.0


def test_words_reach_the_disk_though_the_model_says_no_more(
    session: ChatSession, engine: FakeEngine, store: WatchedStore, path: Path, begin: Begin
) -> None:
    gate = Gate()
    engine.script(*answer("A red", " circle"), gate)
    turn = begin(session.send("What is this?"), gate)
    while store.next_success() != ("A red circle", "streaming"):
        pass
    assert on_disk(path) == [("What is this?", "complete"), ("A red circle", "streaming")]
    gate.open()
    turn.join()
    assert on_disk(path)[-1] == ("A red circle", "complete")


def test_nothing_is_written_while_nothing_comes(
    session: ChatSession, engine: FakeEngine, store: WatchedStore, begin: Begin
) -> None:
    gate = Gate()
    engine.script(Delta("A", 1), gate)
    turn = begin(session.send("What is this?"), gate)
    assert store.next_success() == ("A", "streaming")
    gate.open()
    turn.join()
    assert store.next_success() == ("A", "complete")
    assert store.attempts.empty()


def test_a_disk_that_fills_up_is_told_once_and_the_answer_goes_on(
    session: ChatSession, engine: FakeEngine, store: WatchedStore, path: Path, begin: Begin
) -> None:
    def wait_for_two_failures() -> None:
        failures = 0
        while failures < 2:
            failures += isinstance(store.next_attempt(), StorageError)

    engine.script(
        Delta("A ", 1), store.fill, Delta(LONG, 2), wait_for_two_failures, Delta("circle.", 3)
    )
    events = begin(session.send("What is this?")).join()
    warnings = [event for event in events if isinstance(event, StorageWarning)]
    assert len(warnings) == 1
    assert "no space left" in warnings[0].message
    assert "Free some space" in warnings[0].hint
    assert any(isinstance(event, Finished) for event in events)
    saved = events[-1]
    assert isinstance(saved, AnswerSaved)
    assert not saved.on_disk
    assert saved.stored.message.text == f"A {LONG}circle."
    assert session.transcript()[-1] == saved.stored

    store.free()
    assert store.next_success() == (f"A {LONG}circle.", "complete")
    assert on_disk(path)[-1] == (f"A {LONG}circle.", "complete")


def test_a_disk_that_has_space_again_gets_the_whole_answer(
    session: ChatSession, engine: FakeEngine, store: WatchedStore, path: Path, begin: Begin
) -> None:
    def wait_for_a_failure() -> None:
        while not isinstance(store.next_attempt(), StorageError):
            pass

    engine.script(store.fill, Delta(LONG, 1), wait_for_a_failure, store.free, Delta(" End.", 2))
    saved = begin(session.send("What is this?")).join()[-1]
    assert isinstance(saved, AnswerSaved)
    assert saved.on_disk
    assert on_disk(path)[-1] == (f"{LONG} End.", "complete")


@pytest.mark.usefixtures("much_later")
def test_closing_tries_once_more_to_write_an_answer_that_the_disk_refused(
    session: ChatSession, engine: FakeEngine, store: WatchedStore, path: Path
) -> None:
    engine.script(store.fill, Delta(LONG, 1))
    saved = list(session.send("What is this?"))[-1]
    assert isinstance(saved, AnswerSaved)
    assert not saved.on_disk
    store.free()
    session.close()
    assert on_disk(path)[-1] == (LONG, "complete")


@pytest.mark.usefixtures("much_later")
def test_the_model_hears_an_answer_that_the_disk_refused(
    session: ChatSession, engine: FakeEngine, store: WatchedStore
) -> None:
    engine.script(store.fill, Delta(LONG, 1))
    list(session.send("What is this?"))
    store.free()
    list(session.send("Go on"))
    assert engine.requests[-1].messages == (
        user("What is this?"),
        assistant(LONG),
        user("Go on"),
    )
    assert session.transcript()[1].message.text == LONG


def test_a_question_that_cannot_be_saved_is_not_sent(
    session: ChatSession, engine: FakeEngine, store: WatchedStore
) -> None:
    store.fill()
    with pytest.raises(StorageError, match="no space left"):
        list(session.send(LONG))
    assert engine.requests == []
    assert session.chat is None
    store.free()
    list(session.send(LONG))
    assert len(session.transcript()) == 2


@pytest.mark.usefixtures("much_later")
def test_an_answer_that_goes_on_while_the_disk_refuses_reaches_it_whole(
    session: ChatSession, engine: FakeEngine, store: WatchedStore, path: Path
) -> None:
    engine.script(store.fill, Delta(LONG, 1), Finished("length"))
    list(session.send("What is this?"))
    engine.script(Delta("circle", 1), Finished("length"))
    started, *_, saved = session.continue_answer()
    assert isinstance(started, AnswerStarted)
    assert started.stored.message.text == LONG
    assert isinstance(saved, AnswerSaved)
    assert not saved.on_disk
    store.free()
    engine.script(Delta(".", 1))
    list(session.continue_answer())
    assert on_disk(path)[-1] == (f"{LONG}circle.", "complete")


@pytest.mark.usefixtures("much_later")
def test_a_refused_answer_is_not_lost_when_going_on_with_it_adds_nothing(
    session: ChatSession, engine: FakeEngine, store: WatchedStore, path: Path
) -> None:
    engine.script(store.fill, Delta(LONG, 1), Finished("length"))
    list(session.send("What is this?"))
    store.free()
    engine.script(crash("prefill"))
    with pytest.raises(EngineCrashed):
        list(session.continue_answer())
    assert on_disk(path)[-1] == (LONG, "complete")


SESSION = """
import sys
from pathlib import Path
from tests.fakes import LOAD, FakeEngine, Gate, answer
from vlmtui.chat.session import ChatSession
from vlmtui.storage.chats import ChatStore
from vlmtui.storage.database import Database
from vlmtui.storage.images import ImageStore

class Store(ChatStore):
    def update_text(self, message_id, text, *rest):
        super().update_text(message_id, text, *rest)
        print(text, flush=True)

path = Path(sys.argv[1])
engine = FakeEngine()
engine.script(*answer("A red", " circle"), Gate())
session = ChatSession(engine, Store(Database(path)), ImageStore(path.parent / "images"), LOAD)
picture = session.images.attach(sys.argv[2])
part = session.images.attach_part(sys.argv[2], "[1,2,3,50%]")
for event in session.send("What is this?", [picture]):
    if "circle" in getattr(event, "text", ""):
        session.questions.save_draft("And the next que", [picture, part])
"""


def test_kill_minus_nine_in_mid_answer_costs_nothing(
    path: Path, tmp_path: Path, store: WatchedStore, images: ImageStore
) -> None:
    from PIL import Image

    Image.new("RGB", (8, 6), "red").save(tmp_path / "a.png")
    with child(SESSION, path, tmp_path / "a.png") as process:
        while process.read() != "A red circle":
            pass
        process.kill()
    (tmp_path / "a.png").unlink()

    engine = FakeEngine()
    session = ChatSession(engine, store, images, LOAD, chat=store.latest())
    question, half = session.transcript()
    assert question.message.text == "What is this?"
    assert Path(question.message.images[0].path).is_file()
    assert (half.message.text, half.status) == ("A red circle", "interrupted")
    draft = session.questions.draft()
    assert draft.text == "And the next que"
    picture, part = draft.images
    assert (picture,) == question.message.images
    assert (part.name, part.width, part.height) == ("a.png[1,2,3,3]", 3, 3)
    with Image.open(part.path) as kept:
        assert kept.size == (3, 3)

    list(session.send("Go on"))
    assert engine.requests[-1].messages == (
        question.message,
        assistant("A red circle"),
        user("Go on"),
    )


def test_a_database_deleted_in_mid_answer_is_saved_anew_and_told(
    session: ChatSession, engine: FakeEngine, path: Path
) -> None:
    def delete() -> None:
        for ending in ("", "-wal", "-shm"):
            path.with_name(path.name + ending).unlink()

    engine.script(Delta("A red", 2), delete, Delta(" circle.", 4))
    events = list(session.send("What is it?"))
    warnings = [event for event in events if isinstance(event, StorageWarning)]
    assert len(warnings) == 1 and "deleted" in warnings[0].message
    with closing(ChatStore(Database(path))) as other:
        shown = other.thread(other.listing.rows()[0].chat.id)
    assert [stored.message.text for stored in shown] == ["What is it?", "A red circle."]
