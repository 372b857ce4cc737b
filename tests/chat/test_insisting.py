"""A cancel that the engine doesn't hear: who insists, leaves or switches ends the engine."""

from __future__ import annotations

import pytest

from tests.chat.conftest import Begin
from tests.chat.test_switching import OTHER
from tests.fakes import LOAD, FakeEngine, Gate
from vlmtui.chat import session as sessions
from vlmtui.chat import turn_lock
from vlmtui.chat.session import ChatSession
from vlmtui.engine.engine_events import Delta
from vlmtui.storage.chats import ChatStore
from vlmtui.storage.images import ImageStore


class Deaf(FakeEngine):
    """Hears no cancel; an abort ends what it does."""

    def cancel(self) -> None:
        self.cancels += 1

    def abort(self) -> None:
        self.aborts += 1
        super().cancel()
        self._loaded = False


@pytest.fixture
def engine() -> FakeEngine:
    return Deaf()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turn_lock, "GRACE_S", 0.0)
    monkeypatch.setattr(sessions, "CLOSE_SECONDS", 0.05)


def test_stopping_again_ends_the_engine_and_keeps_the_words(
    session: ChatSession, engine: FakeEngine, begin: Begin, impatient: None
) -> None:
    gate = Gate()
    engine.script(Delta("A red", 2), gate)
    turn = begin(session.send("What is it?"), gate)
    session.cancel()
    assert engine.aborts == 0
    session.cancel()
    assert engine.aborts == 1
    turn.join()
    last = session.transcript()[-1]
    assert (last.message.text, last.status) == ("A red", "cancelled")
    list(session.send("And now?"))
    assert session.transcript()[-1].status == "complete"


def test_stopping_twice_at_once_does_not_insist(
    session: ChatSession, engine: FakeEngine, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turn_lock, "GRACE_S", 1000.0)
    gate = Gate()
    engine.script(gate)
    turn = begin(session.send("What is it?"), gate)
    session.cancel()
    session.cancel()
    assert engine.aborts == 0
    gate.open()
    turn.join()


def test_stopping_twice_at_once_ends_an_engine_that_does_not_hear_in_time(
    session: ChatSession, engine: FakeEngine, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turn_lock, "GRACE_S", 0.2)
    gate = Gate()
    engine.script(Delta("A red", 2), gate)
    turn = begin(session.send("What is it?"), gate)
    session.cancel()
    session.cancel()
    turn.join()
    assert engine.aborts == 1
    assert session.transcript()[-1].status == "cancelled"


def test_another_model_does_not_wait_for_a_load_that_hears_nothing(
    session: ChatSession, engine: FakeEngine, begin: Begin, impatient: None
) -> None:
    gate = Gate()
    engine.script_load(gate)
    load = begin(session.model.load(), gate)
    list(session.switch(OTHER))
    load.join()
    assert engine.aborts == 1
    assert engine.loads == [LOAD, OTHER]
    assert session.model.request == OTHER


def test_leaving_ends_an_answer_that_hears_nothing(
    engine: FakeEngine, store: ChatStore, images: ImageStore, begin: Begin, impatient: None
) -> None:
    session = ChatSession(engine, store, images, LOAD)
    gate = Gate()
    engine.script(Delta("A red", 2), gate)
    turn = begin(session.send("What is it?"), gate)
    session.close()
    turn.join()
    assert engine.aborts >= 1
    latest = store.latest()
    assert latest is not None
    assert store.thread(latest.id)[-1].message.text == "A red"
