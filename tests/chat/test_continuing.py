"""An answer that was cut off goes on in its place, and never has fewer words than before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.chat.conftest import Begin
from tests.fakes import LOAD, STATS, FakeEngine, Gate, answer, crash
from vlmtui.chat.chat_events import AnswerSaved, AnswerStarted
from vlmtui.chat.session import ChatSession
from vlmtui.engine.engine_events import Delta, Finished, FinishReason, Stats
from vlmtui.engine.engine_requests import Files, Load, Sampling
from vlmtui.errors import EngineCrashed, LoadFailed, NothingToContinue
from vlmtui.messages import assistant, user
from vlmtui.storage.chats import ChatStore
from vlmtui.storage.database import Database
from vlmtui.storage.images import ImageStore
from vlmtui.storage.records import StoredMessage


def cut_off(session: ChatSession, engine: FakeEngine, reason: FinishReason = "length") -> None:
    engine.script(*answer("A red"), Finished(reason, STATS))
    list(session.send("What is this?"))


def last(session: ChatSession) -> StoredMessage:
    return session.transcript()[-1]


def on_disk(path: Path) -> StoredMessage:
    other = ChatStore(Database(path))
    chat = other.latest()
    assert chat is not None
    stored = other.thread(chat.id)[-1]
    other.close()
    return stored


@pytest.mark.parametrize("reason", ["length", "context", "cancelled"])
def test_an_answer_goes_on_in_its_place(
    session: ChatSession, engine: FakeEngine, path: Path, reason: FinishReason
) -> None:
    cut_off(session, engine, reason)
    before = last(session)
    engine.script(*answer(" circle", "."))
    events = list(session.continue_answer())
    started, saved = events[0], events[-1]
    assert isinstance(started, AnswerStarted)
    assert (started.stored.id, started.stored.message.text) == (before.id, "A red")
    assert started.stored.status == "streaming"
    assert isinstance(saved, AnswerSaved)
    assert saved.stored.message.text == "A red circle."
    assert engine.requests[-1].messages == (user("What is this?"), assistant("A red"))
    assert len(session.transcript()) == 2
    assert (on_disk(path).id, on_disk(path).message.text) == (before.id, "A red circle.")
    assert on_disk(path).status == "complete"


def test_an_answer_that_the_engine_broke_off_goes_on(
    session: ChatSession, engine: FakeEngine
) -> None:
    engine.script(*answer("A red"), crash("decode"))
    with pytest.raises(EngineCrashed):
        list(session.send("What is this?"))
    engine.script(*answer(" circle."))
    list(session.continue_answer())
    assert last(session).message.text == "A red circle."
    assert (last(session).status, last(session).error) == ("complete", None)
    assert (last(session).stats or {})["continued"] == 1


def test_an_answer_that_has_no_word_yet_is_given_in_its_place(
    session: ChatSession, engine: FakeEngine, begin: Begin
) -> None:
    gate = Gate()
    engine.script(gate)
    turn = begin(session.send("What is this?"), gate)
    session.cancel()
    turn.join()
    list(session.continue_answer())
    assert engine.requests[-1].messages == (user("What is this?"),)
    assert [stored.message.text for stored in session.transcript()] == ["What is this?", "Yes."]


def test_the_figures_of_both_parts_add_up(session: ChatSession, engine: FakeEngine) -> None:
    cut_off(session, engine)
    rest = Stats(
        prompt_tokens=84,
        reused_tokens=83,
        generated_tokens=6,
        prefill_s=0.25,
        time_to_first_token_s=0.01,
        decode_s=0.25,
        prefill_tokens_per_s=4.0,
        decode_tokens_per_s=20.0,
        context_used=90,
        context_size=4096,
    )
    engine.script(Delta(" circle.", 6), Finished("stop", rest))
    list(session.continue_answer())
    stats = last(session).stats or {}
    assert stats["generated_tokens"] == STATS.generated_tokens + 6
    assert stats["decode_s"] == STATS.decode_s + 0.25
    assert stats["decode_tokens_per_s"] == pytest.approx((32 * 0.125 + 20 * 0.25) / 0.375)
    assert stats["prompt_tokens"] == STATS.prompt_tokens
    assert stats["time_to_first_token_s"] == STATS.time_to_first_token_s
    assert (stats["context_used"], stats["finish_reason"]) == (90, "stop")
    assert stats["continued"] == 1


def test_an_answer_may_go_on_more_than_once(session: ChatSession, engine: FakeEngine) -> None:
    cut_off(session, engine)
    engine.script(*answer(" circle"), Finished("length", STATS))
    list(session.continue_answer())
    engine.script(*answer("."))
    list(session.continue_answer())
    assert last(session).message.text == "A red circle."
    assert (last(session).stats or {})["continued"] == 2
    with pytest.raises(NothingToContinue):
        list(session.continue_answer())


def test_a_stopped_answer_keeps_the_greatest_length_that_was_asked_for(
    engine: FakeEngine, store: ChatStore, images: ImageStore
) -> None:
    session = ChatSession(engine, store, images, LOAD, sampling=Sampling(max_tokens=10))
    cut_off(session, engine, "cancelled")
    list(session.continue_answer())
    assert engine.requests[-1].sampling.max_tokens == 10 - STATS.generated_tokens
    cut_off(session, engine, "length")
    list(session.continue_answer())
    assert engine.requests[-1].sampling.max_tokens == 10


@pytest.mark.parametrize("failure", [crash("prefill"), LoadFailed("fake.gguf is gone")])
def test_an_attempt_that_adds_nothing_changes_nothing(
    session: ChatSession, engine: FakeEngine, path: Path, failure: Any
) -> None:
    cut_off(session, engine)
    before = last(session)
    if isinstance(failure, LoadFailed):
        engine.unload()
        engine.script_load(failure)
    else:
        engine.script(failure)
    with pytest.raises(type(failure)):
        list(session.continue_answer())
    assert last(session) == before
    assert on_disk(path) == before


def test_an_attempt_that_is_cancelled_at_once_changes_nothing(
    session: ChatSession, engine: FakeEngine, path: Path, begin: Begin
) -> None:
    cut_off(session, engine)
    before = last(session)
    gate = Gate()
    engine.script(gate)
    turn = begin(session.continue_answer(), gate)
    session.cancel()
    turn.join()
    assert last(session) == before
    assert on_disk(path) == before


def test_words_that_came_before_a_failure_are_kept_with_those_before(
    session: ChatSession, engine: FakeEngine, path: Path
) -> None:
    cut_off(session, engine)
    engine.script(*answer(" circle"), crash("decode"))
    with pytest.raises(EngineCrashed):
        list(session.continue_answer())
    assert on_disk(path).message.text == "A red circle"
    assert on_disk(path).status == "failed"
    assert (on_disk(path).stats or {})["generated_tokens"] == STATS.generated_tokens


def test_a_continuation_that_is_dropped_keeps_its_words(
    session: ChatSession, engine: FakeEngine, path: Path
) -> None:
    cut_off(session, engine)
    engine.script(*answer(" circle", "."))
    turn = session.continue_answer()
    while not isinstance(next(turn), Delta):
        pass
    turn.close()
    assert (on_disk(path).message.text, on_disk(path).status) == ("A red circle", "cancelled")


def test_the_first_part_stays_on_disk_while_the_model_reads(
    session: ChatSession, engine: FakeEngine, path: Path, begin: Begin
) -> None:
    cut_off(session, engine)
    gate = Gate()
    engine.script(gate)
    turn = begin(session.continue_answer(), gate)
    assert on_disk(path).message.text == "A red"
    gate.open()
    turn.join()


def test_an_interrupted_answer_goes_on_in_another_process(
    engine: FakeEngine, store: ChatStore, images: ImageStore, path: Path
) -> None:
    chat, question = store.start("What is this?", user("What is this?"))
    row = store.add(chat.id, question.id, assistant(""), "fake", "streaming")
    store.update_text(row.id, "A red", "streaming")
    store.close()
    later = ChatStore(Database(path))
    session = ChatSession(engine, later, images, LOAD, chat=later.latest())
    assert last(session).status == "interrupted"
    engine.script(*answer(" circle."))
    list(session.continue_answer())
    assert on_disk(path).message.text == "A red circle."
    session.close()
    later.close()


def test_another_model_may_go_on_and_the_figures_say_so(
    session: ChatSession, engine: FakeEngine
) -> None:
    cut_off(session, engine)
    list(session.switch(Load(Files("/models/other.gguf"), name="other")))
    list(session.continue_answer())
    assert last(session).model == "fake"
    assert (last(session).stats or {})["continued_by"] == "other"


def test_there_must_be_something_to_go_on_with(session: ChatSession, engine: FakeEngine) -> None:
    with pytest.raises(NothingToContinue, match="no answer"):
        list(session.continue_answer())
    list(session.send("What is this?"))
    with pytest.raises(NothingToContinue, match="complete"):
        list(session.continue_answer())
    assert last(session).message.text == "Yes."


def test_an_answer_that_another_window_writes_is_left_to_it(
    session: ChatSession, engine: FakeEngine, store: ChatStore, images: ImageStore, begin: Begin
) -> None:
    gate = Gate()
    engine.script(*answer("A red"), gate)
    turn = begin(session.send("What is this?"), gate)
    other = ChatSession(FakeEngine(), store, images, LOAD, chat=store.latest())
    with pytest.raises(NothingToContinue, match="Another window"):
        list(other.continue_answer())
    gate.open()
    turn.join()


def test_added_figures_stay_with_an_answer(
    session: ChatSession, engine: FakeEngine, path: Path
) -> None:
    list(session.send("one"))
    first = last(session)
    session.annotate(first.id, {"peak_bytes": 7, "decode_s": 1.5})
    assert last(session).stats == {**(first.stats or {}), "peak_bytes": 7, "decode_s": 1.5}
    assert on_disk(path).stats == last(session).stats
    list(session.send("two"))
    session.annotate(first.id, {"peak_bytes": 8})
    stored = session.transcript()[1]
    assert msgspec.structs.replace(stored, stats=None) == msgspec.structs.replace(first, stats=None)
    assert (stored.stats or {})["peak_bytes"] == 8
