"""Reading ahead: what is read, when it gives way, and that a question never waits for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from PIL import Image

from tests.chat.conftest import Begin, Turn
from tests.fakes import INFO, LOAD, FakeEngine, Gate, answer, crash
from vlmtui.chat.session import ChatSession
from vlmtui.engine.engine_events import Encoding, Finished, Prefill
from vlmtui.errors import ImageNotFound
from vlmtui.messages import assistant, system, user
from vlmtui.storage.chats import ChatStore
from vlmtui.storage.images import ImageStore

Held = tuple[Turn, Gate]


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine(msgspec.structs.replace(INFO, can=INFO.can | {"prepare"}))


@pytest.fixture
def loaded(engine: FakeEngine, store: ChatStore, images: ImageStore) -> Iterator[ChatSession]:
    session = ChatSession(engine, store, images, LOAD, system="Be brief.")
    list(session.model.load())
    yield session
    session.close()


@pytest.fixture
def held(loaded: ChatSession, engine: FakeEngine, begin: Begin) -> Held:
    """A reading ahead in whose midst the engine stands at a gate."""
    gate = Gate()
    engine.script_prepare(gate)
    return begin(loaded.reading_ahead.run(user("What")), gate), gate


def test_the_chat_and_the_question_so_far_are_read(loaded: ChatSession, engine: FakeEngine) -> None:
    list(loaded.send("One?"))
    engine.script_prepare(Prefill(1, 2, 0))
    events = list(loaded.reading_ahead.run(user("Two and")))
    assert events == [Prefill(1, 2, 0), Finished("done")]
    assert engine.prepared[0].messages == (
        system("Be brief."), user("One?"), assistant("Yes."), user("Two and"),
    )  # fmt: skip
    list(loaded.send("Two and three?"))
    assert engine.requests[-1].messages[:3] == engine.prepared[0].messages[:3]


def test_a_question_that_was_stopped_stands_before_the_one_that_is_written(
    loaded: ChatSession, engine: FakeEngine
) -> None:
    engine.script(Finished("cancelled"))
    list(loaded.send("One?"))
    list(loaded.reading_ahead.run(user("Two")))
    assert engine.prepared[0].messages[1:] == (user("One?\n\nTwo"),)


def test_a_question_ends_it_and_does_not_wait(
    loaded: ChatSession, engine: FakeEngine, begin: Begin
) -> None:
    gate = Gate()
    engine.script_prepare(Encoding(1, 1), gate, Prefill(1, 1, 0))
    engine.script(*answer("Red."))
    reading = begin(loaded.reading_ahead.run(user("What")), gate)
    asked = begin(loaded.send("What is it?"))
    asked.join()
    reading.join()
    assert asked.error is None and reading.error is None
    assert reading.events == [Encoding(1, 1), Finished("cancelled")]
    assert loaded.transcript()[-1].message.text == "Red."


def test_what_is_written_later_takes_the_place_of_what_was_written_before(
    loaded: ChatSession, engine: FakeEngine, begin: Begin
) -> None:
    gate = Gate()
    engine.script_prepare(gate)
    first = begin(loaded.reading_ahead.run(user("One")), gate)
    second = begin(loaded.reading_ahead.run(user("One two")))
    first.join()
    second.join()
    assert first.events == [Finished("cancelled")]
    assert second.events == [Finished("done")]


def test_nothing_is_read_while_an_answer_is_written(
    loaded: ChatSession, engine: FakeEngine, begin: Begin
) -> None:
    gate = Gate()
    engine.script(gate, *answer("Red."))
    asked = begin(loaded.send("What is it?"), gate)
    assert list(loaded.reading_ahead.run(user("And"))) == []
    gate.open()
    asked.join()
    assert not engine.prepared and engine.cancels == 0


def test_another_model_is_loaded_in_the_midst_of_it(
    loaded: ChatSession, engine: FakeEngine, begin: Begin, held: Held
) -> None:
    reading, _ = held
    switching = begin(loaded.switch(msgspec.structs.replace(LOAD, ctx=512)))
    switching.join()
    reading.join()
    assert switching.error is None and engine.loads[-1].ctx == 512


def test_stopping_twice_does_not_end_the_engine_for_it(
    loaded: ChatSession, engine: FakeEngine, held: Held
) -> None:
    reading, gate = held
    loaded.cancel()
    loaded.cancel()
    assert engine.aborts == engine.cancels == 0
    gate.open()
    reading.join()
    assert reading.events == [Finished("done")]


def test_leaving_does_not_wait_for_it(loaded: ChatSession, engine: FakeEngine, held: Held) -> None:
    reading, _ = held
    loaded.close()
    reading.join()
    assert engine.closed and engine.aborts == 0


def test_a_picture_that_the_engine_dies_of_is_not_read_ahead_again(
    loaded: ChatSession, engine: FakeEngine, tmp_path: Path
) -> None:
    Image.new("RGB", (8, 6)).save(tmp_path / "a.png")
    deadly = loaded.images.attach(tmp_path / "a.png")
    engine.script_prepare(crash("encode"))
    assert list(loaded.reading_ahead.run(user("", (deadly,)))) == []
    list(loaded.send("Hello"))  # the model is loaded again
    assert list(loaded.reading_ahead.run(user("What", (deadly,)))) == []
    assert list(loaded.reading_ahead.run(user("What"))) == [Finished("done")]
    assert [len(each.messages[-1].images) for each in engine.prepared] == [1, 0]


def test_what_goes_wrong_is_told_by_the_question(loaded: ChatSession, engine: FakeEngine) -> None:
    engine.script_prepare(ImageNotFound("It is gone"))
    assert list(loaded.reading_ahead.run(user("What"))) == []
    assert list(loaded.reading_ahead.run(user("What"))) == [Finished("done")]


def test_a_hot_machine_has_its_rest(loaded: ChatSession, engine: FakeEngine) -> None:
    assert list(loaded.reading_ahead.run(user("What"), lambda: True)) == []
    assert not engine.prepared
    hot = iter([False, True])
    engine.script_prepare(Prefill(1, 3, 0), Prefill(2, 3, 0), Prefill(3, 3, 0))
    assert list(loaded.reading_ahead.run(user("What"), lambda: next(hot))) == [Prefill(1, 3, 0)]
    assert engine.abandoned == 1


def test_nothing_is_read_where_the_settings_say_so_or_the_engine_can_not(
    engine: FakeEngine, store: ChatStore, images: ImageStore
) -> None:
    off = ChatSession(engine, store, images, LOAD, prepare=False)
    list(off.model.load())
    assert list(off.reading_ahead.run(user("What"))) == []
    unable = FakeEngine()
    other = ChatSession(unable, store, images, LOAD)
    list(other.model.load())
    assert list(other.reading_ahead.run(user("What"))) == []
    unloaded = ChatSession(FakeEngine(), store, images, LOAD)
    assert list(unloaded.reading_ahead.run(user("What"))) == []
    assert not engine.prepared and not unable.prepared
