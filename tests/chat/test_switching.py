"""Another model for the same chat: the old one goes first, and comes back when it must."""

from __future__ import annotations

import msgspec
import pytest

from tests.chat.conftest import Begin, Turn
from tests.fakes import LOAD, FakeEngine, Gate, answer, crash
from vlmtui.chat.chat_events import AnswerSaved, AnswerStarted, GoingBack, UserSaved
from vlmtui.chat.session import ChatSession
from vlmtui.engine.engine_events import Finished, Loaded, Loading, Waiting
from vlmtui.engine.engine_requests import Files, Load
from vlmtui.errors import EngineCrashed, LoadFailed, SwitchFailed, TurnRunning
from vlmtui.messages import assistant, user
from vlmtui.storage.chats import ChatStore
from vlmtui.storage.images import ImageStore

OTHER = Load(Files("/models/other.gguf"), name="other")
THIRD = Load(Files("/models/third.gguf"))
BROKEN = LoadFailed("other.gguf is damaged", "Pull it again")


Switching = tuple[Turn, Gate]


@pytest.fixture
def switching(session: ChatSession, engine: FakeEngine, begin: Begin) -> Switching:
    """A switch in whose midst the engine stands at a gate."""
    list(session.model.load())
    gate = Gate()
    engine.script_load(gate)
    return begin(session.switch(OTHER), gate), gate


def models(session: ChatSession) -> list[str | None]:
    return [stored.model for stored in session.transcript() if stored.model]


def test_the_chat_goes_on_with_the_other_model(
    session: ChatSession, engine: FakeEngine, store: ChatStore
) -> None:
    list(session.send("one"))
    events = list(session.switch(OTHER))
    assert [type(event) for event in events] == [Loading, Loaded, Finished]
    assert engine.unloads == 1
    assert session.model.request == OTHER
    list(session.send("two"))
    assert engine.loads == [LOAD, OTHER]
    assert engine.requests[-1].messages == (user("one"), assistant("Yes."), user("two"))
    assert models(session) == ["fake", "other"]
    latest = store.latest()
    assert latest is not None
    assert latest.model == "other"


def test_an_answer_is_given_again_by_the_other_model(
    session: ChatSession, engine: FakeEngine
) -> None:
    list(session.send("one"))
    first = session.transcript()[-1]
    list(session.switch(OTHER))
    list(session.regenerate(first.id))
    assert models(session) == ["other"]
    assert session.select(first.id)[-1].model == "fake"


def test_a_model_without_a_name_goes_by_its_file(session: ChatSession) -> None:
    list(session.switch(THIRD))
    list(session.send("one"))
    assert models(session) == ["third"]


def test_switching_to_the_loaded_model_does_nothing(
    session: ChatSession, engine: FakeEngine
) -> None:
    list(session.model.load())
    assert list(session.switch(LOAD)) == []
    assert engine.loads == [LOAD]
    assert engine.unloads == 0


def test_the_same_model_is_loaded_again_with_another_context(
    session: ChatSession, engine: FakeEngine
) -> None:
    list(session.model.load())
    larger = msgspec.structs.replace(LOAD, ctx=8192)
    list(session.switch(larger))
    assert engine.loads == [LOAD, larger]


@pytest.mark.parametrize("failure", [BROKEN, crash("load")])
def test_a_model_that_fails_brings_the_old_one_back(
    session: ChatSession, engine: FakeEngine, failure: LoadFailed | EngineCrashed
) -> None:
    list(session.send("one"))
    engine.script_load(Loading(0.25), failure)
    with pytest.raises(SwitchFailed) as caught:
        list(session.switch(OTHER))
    assert (caught.value.model, caught.value.back) == ("other", True)
    assert caught.value.message == failure.message
    assert caught.value.hint == failure.hint
    assert engine.loads == [LOAD, OTHER, LOAD]
    assert session.model.request == LOAD
    list(session.send("two"))
    assert engine.loads == [LOAD, OTHER, LOAD]
    assert models(session) == ["fake", "fake"]


def test_going_back_is_told_with_the_reason(session: ChatSession, engine: FakeEngine) -> None:
    list(session.model.load())
    engine.script_load(BROKEN)
    told = []
    with pytest.raises(SwitchFailed):
        for event in session.switch(OTHER):
            told.append(event)
    assert told[0] == GoingBack("fake", "other.gguf is damaged")
    assert [type(event) for event in told[1:]] == [Loading, Loaded]


def test_when_the_old_model_fails_too_both_are_told_and_the_next_question_tries_it(
    session: ChatSession, engine: FakeEngine
) -> None:
    list(session.model.load())
    engine.script_load(BROKEN)
    engine.script_load(LoadFailed("No memory is left", "Close something"))
    with pytest.raises(
        SwitchFailed, match=r"damaged.*fake can't be loaded again.*No mem"
    ) as caught:
        list(session.switch(OTHER))
    assert not caught.value.back
    assert caught.value.hint == "Close something"
    assert engine.info is None
    list(session.send("one"))
    assert engine.loads[-1] == LOAD
    assert models(session) == ["fake"]


def test_a_model_that_was_not_loaded_does_not_come_back(
    session: ChatSession, engine: FakeEngine
) -> None:
    engine.script_load(BROKEN)
    with pytest.raises(SwitchFailed) as caught:
        list(session.switch(OTHER))
    assert not caught.value.back
    assert engine.loads == [OTHER]


def test_a_cancelled_switch_brings_the_old_model_back(
    session: ChatSession, engine: FakeEngine, switching: Switching
) -> None:
    switch, _ = switching
    session.cancel()
    events = switch.join()
    assert [type(event) for event in events] == [GoingBack, Loading, Loaded, Finished]
    assert events[-1] == Finished("cancelled")
    assert engine.loads == [LOAD, OTHER, LOAD]
    assert session.model.request == LOAD


def test_the_way_back_can_be_cancelled_too(
    session: ChatSession, engine: FakeEngine, begin: Begin
) -> None:
    list(session.model.load())
    first, second = Gate(), Gate()
    engine.script_load(first)
    engine.script_load(second)
    switch = begin(session.switch(OTHER), first)
    session.cancel()
    second.wait_reached()
    session.cancel()
    assert switch.join()[-1] == Finished("cancelled")
    assert engine.info is None
    list(session.send("one"))
    assert models(session) == ["fake"]


def test_a_question_asked_during_a_switch_is_saved_and_waits_for_the_new_model(
    session: ChatSession, switching: Switching
) -> None:
    switch, gate = switching
    turn = session.send("one")
    assert isinstance(next(turn), UserSaved)
    assert isinstance(next(turn), AnswerStarted)
    gate.open()
    saved = list(turn)[-1]
    assert isinstance(saved, AnswerSaved)
    assert saved.stored.model == "other"
    assert models(session) == ["other"]
    assert switch.join()[-1] == Finished("done")


def test_cancelling_a_question_that_waits_for_a_switch_leaves_the_switch_alone(
    session: ChatSession, switching: Switching
) -> None:
    switch, gate = switching
    turn = session.send("one")
    next(turn), next(turn)
    session.cancel()
    assert [type(event) for event in turn] == [AnswerSaved]
    gate.open()
    assert switch.join()[-1] == Finished("done")
    assert session.model.request == OTHER


def test_stopping_a_question_behind_a_load_that_waits_for_others_leaves_their_queue(
    session: ChatSession, engine: FakeEngine, begin: Begin
) -> None:
    gate = Gate()
    engine.script_load(Waiting(1, "pts/3", "large"), gate)
    loading = begin(session.model.load())
    gate.wait_reached()
    turn = session.send("one")
    next(turn), next(turn)
    session.cancel()
    assert [type(event) for event in turn] == [AnswerSaved]
    assert loading.join()[-1] == Finished("cancelled")


def test_a_switch_does_not_wait_for_a_load(
    session: ChatSession, engine: FakeEngine, begin: Begin
) -> None:
    gate = Gate()
    engine.script_load(gate)
    loading = begin(session.model.load(), gate)
    assert Finished("done") in list(session.switch(OTHER))
    assert loading.join() == [Finished("cancelled")]
    assert engine.loads == [LOAD, OTHER]


def test_a_load_that_made_way_for_a_model_that_fails_is_made_up_for(
    session: ChatSession, engine: FakeEngine, begin: Begin
) -> None:
    gate = Gate()
    engine.script_load(gate)
    engine.script_load(BROKEN)
    loading = begin(session.model.load(), gate)
    with pytest.raises(SwitchFailed) as caught:
        list(session.switch(OTHER))
    assert caught.value.back
    loading.join()


def test_a_newer_switch_takes_the_place_of_a_running_one(
    session: ChatSession, engine: FakeEngine, switching: Switching
) -> None:
    switch, _ = switching
    list(session.switch(THIRD))
    assert switch.join()[-1] == Finished("cancelled")
    assert engine.loads == [LOAD, OTHER, THIRD]
    assert session.model.request == THIRD


def test_no_switch_in_a_turn(session: ChatSession, engine: FakeEngine, begin: Begin) -> None:
    gate = Gate()
    engine.script(*answer("A"), gate)
    turn = begin(session.send("one"), gate)
    with pytest.raises(TurnRunning):
        list(session.switch(OTHER))
    gate.open()
    turn.join()
    assert engine.loads == [LOAD]


def test_a_switch_that_is_dropped_leaves_the_next_question_to_load_the_old_model(
    session: ChatSession, engine: FakeEngine
) -> None:
    list(session.model.load())
    switch = session.switch(OTHER)
    next(iter(switch))
    switch.close()
    assert engine.abandoned == 1
    list(session.send("one"))
    assert models(session) == ["fake"]
    assert engine.loads == [LOAD, OTHER, LOAD]


def test_closing_in_a_switch_loads_nothing_more(
    session: ChatSession, engine: FakeEngine, switching: Switching
) -> None:
    switch, _ = switching
    session.close()
    assert switch.join()[-1] == Finished("cancelled")
    assert engine.loads == [LOAD, OTHER]
    assert engine.closed


def test_closing_ends_what_waits_for_the_engine(
    session: ChatSession, engine: FakeEngine, begin: Begin
) -> None:
    gate = Gate()
    engine.script_load(gate)
    loading = begin(session.model.load(), gate)
    turn = begin(session.send("one"))
    again = begin(session.model.load())
    session.close()
    for each in (loading, turn, again):
        each.join()
    assert session.transcript()[-1].status == "cancelled"


def test_a_chat_remembers_who_answered_it(
    session: ChatSession, store: ChatStore, images: ImageStore
) -> None:
    list(session.send("one"))
    list(session.switch(OTHER))
    later = ChatSession(FakeEngine(), store, images, LOAD, chat=store.latest())
    assert later.chat is not None
    assert later.chat.model == "other"
