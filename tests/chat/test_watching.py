"""An answer that another vlmtui writes, and one that lost its screen: two sessions, one disk."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from queue import Queue

import pytest

from tests.fakes import LOAD, TIMEOUT, FakeEngine, Gate, answer
from tests.hosts import eventually
from vlmtui.chat.chat_events import AnswerSaved, AnswerStarted, StorageWarning
from vlmtui.chat.session import ChatSession
from vlmtui.chat.turn_lock import TurnLock
from vlmtui.engine.engine_events import Delta
from vlmtui.storage.chats import ChatStore
from vlmtui.storage.database import Database
from vlmtui.storage.images import ImageStore


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[tuple[ChatStore, ChatStore]]:
    """The same database, opened by two."""
    first = ChatStore(Database(tmp_path / "chats.db"))
    second = ChatStore(Database(tmp_path / "chats.db"))
    with closing(first), closing(second):
        yield first, second


@pytest.fixture
def writer(
    engine: FakeEngine, stores: tuple[ChatStore, ChatStore], images: ImageStore
) -> Iterator[ChatSession]:
    engine.script(*answer("Red", " circle"))
    session = ChatSession(engine, stores[0], images, LOAD)
    yield session
    session.close()


@pytest.fixture
def turns_looked_at(monkeypatch: pytest.MonkeyPatch) -> Queue[float]:
    """How long the end of a turn was waited for, each time as it begins."""
    looks: Queue[float] = Queue()
    turn_ends = TurnLock.turn_ends

    def look(lock: TurnLock, seconds: float) -> bool:
        looks.put(seconds)
        return turn_ends(lock, seconds)

    monkeypatch.setattr(TurnLock, "turn_ends", look)
    return looks


def watcher(stores: tuple[ChatStore, ChatStore], images: ImageStore) -> ChatSession:
    return ChatSession(FakeEngine(), stores[1], images, LOAD, chat=stores[1].latest())


def begun(session: ChatSession) -> Iterator[object]:
    """A turn, as far as its first word."""
    events = session.send("What is it?")
    for event in events:
        if isinstance(event, Delta):
            break
    return events


def begun_and_going_on(session: ChatSession, engine: FakeEngine) -> threading.Thread:
    """A turn that has its first word, and gets no other before its engine is told to stop."""
    engine.forget_scripts()
    engine.script(*answer("Red"), Gate(), *answer(" circle"))
    events = begun(session)
    thread = threading.Thread(target=lambda: list(events))
    thread.start()
    return thread


def test_what_another_writes_is_followed_to_its_end(
    writer: ChatSession, stores: tuple[ChatStore, ChatStore], images: ImageStore
) -> None:
    events = begun(writer)
    later = watcher(stores, images)
    seen = []
    for event in later.watching.watch(later.transcript()[-1]):
        seen.append(event)
        if isinstance(event, AnswerStarted):
            list(events)
    said = "".join(event.text for event in seen if isinstance(event, Delta))
    assert isinstance(seen[0], AnswerStarted) and isinstance(seen[-1], AnswerSaved)
    assert seen[0].stored.message.text + said == seen[-1].stored.message.text
    assert seen[-1].stored.status == "complete"
    later.close()


def test_what_ended_between_being_seen_and_being_followed_is_followed_to_its_end(
    writer: ChatSession, stores: tuple[ChatStore, ChatStore], images: ImageStore
) -> None:
    events = begun(writer)
    with closing(watcher(stores, images)) as later:
        written = later.transcript()[-1]
        list(events)
        seen = list(later.watching.watch(written))
    said = "".join(event.text for event in seen if isinstance(event, Delta))
    assert isinstance(seen[-1], AnswerSaved) and seen[-1].stored.status == "complete"
    assert written.message.text + said == seen[-1].stored.message.text


def test_a_stop_is_heard_by_the_one_without_a_screen(
    writer: ChatSession,
    stores: tuple[ChatStore, ChatStore],
    images: ImageStore,
    turns_looked_at: Queue[float],
    engine: FakeEngine,
) -> None:
    going_on = begun_and_going_on(writer, engine)
    later = watcher(stores, images)
    finishing = threading.Thread(target=writer.watching.finish, args=(TIMEOUT,))
    finishing.start()
    seen = []
    for event in later.watching.watch(later.transcript()[-1]):
        seen.append(event)
        if isinstance(event, AnswerStarted):
            assert turns_looked_at.get(timeout=TIMEOUT)
            later.cancel()
    for thread in (finishing, going_on):
        thread.join(TIMEOUT)
        assert not thread.is_alive()
    assert isinstance(seen[-1], AnswerSaved)
    assert seen[-1].stored.status == "cancelled"
    assert seen[-1].stored.message.text.startswith("Red")
    later.close()


def test_a_stop_is_heard_that_came_while_the_screen_was_still_there(
    writer: ChatSession,
    stores: tuple[ChatStore, ChatStore],
    images: ImageStore,
    engine: FakeEngine,
) -> None:
    going_on = begun_and_going_on(writer, engine)
    with closing(watcher(stores, images)) as later:
        watching = later.watching.watch(later.transcript()[-1])
        next(watching)
        later.cancel()
        following = threading.Thread(target=lambda: list(watching))
        following.start()
        eventually(lambda: stores[0].is_to_stop(writer.transcript()[-1].id))
        writer.watching.finish(2 * TIMEOUT)
        for thread in (going_on, following):
            thread.join(TIMEOUT)
    assert writer.transcript()[-1].status == "cancelled"


def test_one_with_a_screen_is_not_stopped_and_that_is_told(
    writer: ChatSession,
    stores: tuple[ChatStore, ChatStore],
    images: ImageStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("vlmtui.chat.watching._HEARD_S", 0.2)
    events = begun(writer)
    later = watcher(stores, images)
    seen = []
    for event in later.watching.watch(later.transcript()[-1]):
        seen.append(event)
        later.cancel()
    assert any(isinstance(event, StorageWarning) for event in seen)
    assert list(events)
    assert writer.transcript()[-1].status == "complete"
    later.close()


def test_leaving_stops_nothing(
    writer: ChatSession, stores: tuple[ChatStore, ChatStore], images: ImageStore
) -> None:
    events = begun(writer)
    later = watcher(stores, images)
    watching = later.watching.watch(later.transcript()[-1])
    assert isinstance(next(watching), AnswerStarted)
    closing_it = threading.Thread(target=later.close)
    closing_it.start()
    list(watching)
    closing_it.join(TIMEOUT)
    assert not closing_it.is_alive()
    assert not stores[0].is_to_stop(writer.transcript()[-1].id)
    list(events)
    assert writer.transcript()[-1].status == "complete"


def test_it_ends_when_its_time_is_over(writer: ChatSession, engine: FakeEngine) -> None:
    going_on = begun_and_going_on(writer, engine)
    writer.watching.finish(0.1)
    going_on.join(TIMEOUT)
    assert writer.transcript()[-1].status == "cancelled"


def test_where_nothing_is_written_there_is_nothing_to_wait_for(
    writer: ChatSession, turns_looked_at: Queue[float]
) -> None:
    list(writer.send("What is it?"))
    writer.watching.finish(TIMEOUT)
    assert turns_looked_at.qsize() == 1
