"""Answers given again, questions in other words, and moving between what came of them."""

from __future__ import annotations

import pytest

from tests.chat.conftest import Begin
from tests.fakes import LOAD, FakeEngine, Gate, answer, crash
from vlmtui.chat.chat_events import AnswerStarted
from vlmtui.chat.session import ChatSession
from vlmtui.errors import EngineCrashed, MessageNotFound, TurnRunning
from vlmtui.messages import assistant, user
from vlmtui.storage.chats import ChatStore
from vlmtui.storage.images import ImageStore
from vlmtui.storage.records import StoredMessage


def texts(thread: list[StoredMessage]) -> list[str]:
    return [stored.message.text for stored in thread]


def ask(session: ChatSession, engine: FakeEngine, question: str, reply: str) -> None:
    engine.script(*answer(reply))
    list(session.send(question))


@pytest.fixture
def talk(session: ChatSession, engine: FakeEngine) -> ChatSession:
    """A chat of two questions, answered A and B."""
    ask(session, engine, "one", "A")
    ask(session, engine, "two", "B")
    return session


def test_an_answer_in_the_middle_is_given_again_beside_the_first(
    talk: ChatSession, engine: FakeEngine
) -> None:
    first = talk.transcript()[1]
    engine.script(*answer("A2"))
    started, *_ = talk.regenerate(first.id)
    assert isinstance(started, AnswerStarted)
    assert engine.requests[-1].messages == (user("one"),)
    assert texts(talk.transcript()) == ["one", "A2"]
    assert (started.stored.sibling, started.stored.siblings) == (2, 2)
    assert texts(talk.select(first.id)) == ["one", "A", "two", "B"]


def test_a_question_may_be_named_to_have_it_answered_again(
    talk: ChatSession, engine: FakeEngine
) -> None:
    engine.script(*answer("A2"))
    list(talk.regenerate(talk.transcript()[0].id))
    assert texts(talk.transcript()) == ["one", "A2"]


def test_a_new_answer_in_the_middle_that_comes_to_nothing_leaves_the_branch_shown(
    talk: ChatSession, engine: FakeEngine, store: ChatStore
) -> None:
    engine.script(crash("prefill"))
    with pytest.raises(EngineCrashed):
        list(talk.regenerate(talk.transcript()[1].id))
    assert texts(talk.transcript()) == ["one", "A", "two", "B"]
    assert talk.chat is not None
    assert texts(store.thread(talk.chat.id)) == ["one", "A", "two", "B"]


def test_siblings_are_stepped_through_and_end_at_both_ends(
    talk: ChatSession, engine: FakeEngine
) -> None:
    old = talk.transcript()[-1].id
    engine.script(*answer("B2"))
    list(talk.regenerate())
    new = talk.transcript()[-1].id
    assert talk.branches.neighbour(new, -1) == old
    assert talk.branches.neighbour(old, 1) == new
    assert talk.branches.neighbour(old, -1) is None
    assert talk.branches.neighbour(new, 1) is None
    shown = talk.select(old)
    assert texts(shown) == ["one", "A", "two", "B"]
    assert (shown[-1].sibling, shown[-1].siblings) == (1, 2)


def test_a_branch_that_was_left_is_shown_as_it_was_left(
    talk: ChatSession, engine: FakeEngine
) -> None:
    first = talk.transcript()[0]
    second = talk.transcript()[2]
    left_at = talk.transcript()[-1]
    list(talk.edit(second.id, "two, reworded"))
    talk.select(left_at.id)  # not the newest below "one"
    list(talk.edit(first.id, "uno"))
    assert texts(talk.select(first.id)) == ["one", "A", "two", "B"]


def test_the_chosen_branch_is_still_shown_after_a_restart(
    talk: ChatSession, engine: FakeEngine, store: ChatStore, images: ImageStore
) -> None:
    first = talk.transcript()[0]
    list(talk.edit(first.id, "uno"))
    talk.select(first.id)
    later = ChatSession(FakeEngine(), store, images, LOAD, chat=store.latest())
    assert texts(later.transcript()) == ["one", "A", "two", "B"]


def test_a_branch_never_seen_here_is_shown_to_its_newest_end(
    talk: ChatSession, store: ChatStore, images: ImageStore
) -> None:
    first = talk.transcript()[0]
    list(talk.edit(first.id, "uno"))
    later = ChatSession(FakeEngine(), store, images, LOAD, chat=store.latest())
    assert texts(later.select(first.id)) == ["one", "A", "two", "B"]


def test_a_question_on_a_hidden_branch_can_be_edited(talk: ChatSession, engine: FakeEngine) -> None:
    second = talk.transcript()[2]
    list(talk.edit(talk.transcript()[0].id, "uno"))
    list(talk.edit(second.id, "two, reworded"))
    assert texts(talk.transcript()) == ["one", "A", "two, reworded", "Yes."]
    assert engine.requests[-1].messages == (user("one"), assistant("A"), user("two, reworded"))


def test_what_isnt_there_cannot_be_shown_edited_or_answered(talk: ChatSession) -> None:
    before = talk.transcript()
    with pytest.raises(MessageNotFound):
        talk.select(999)
    with pytest.raises(MessageNotFound):
        list(talk.edit(999, "text"))
    with pytest.raises(MessageNotFound, match="not a question"):
        list(talk.edit(before[1].id, "text"))
    with pytest.raises(MessageNotFound):
        list(talk.regenerate(999))
    assert talk.branches.neighbour(999, 1) is None
    assert talk.transcript() == before
    assert not talk.busy


def test_no_branch_is_chosen_while_an_answer_is_written(
    talk: ChatSession, engine: FakeEngine, begin: Begin
) -> None:
    first = talk.transcript()[0]
    gate = Gate()
    engine.script(gate)
    turn = begin(talk.send("three"), gate)
    with pytest.raises(TurnRunning):
        talk.select(first.id)
    gate.open()
    turn.join()


def test_a_deleted_message_takes_what_follows_it_away_and_comes_back_with_it(
    talk: ChatSession, engine: FakeEngine
) -> None:
    second = talk.transcript()[2]
    assert texts(talk.delete_message(second.id)) == ["one", "A"]
    assert texts(talk.transcript()) == ["one", "A"]
    list(talk.send("three"))
    assert engine.requests[-1].messages == (user("one"), assistant("A"), user("three"))
    assert texts(talk.restore_message(second.id)) == ["one", "A", "two", "B"]


def test_a_chat_whose_first_message_was_deleted_goes_on_with_a_new_one(
    talk: ChatSession, engine: FakeEngine
) -> None:
    assert talk.delete_message(talk.transcript()[0].id) == []
    assert talk.transcript() == []
    list(talk.send("three"))
    assert engine.requests[-1].messages == (user("three"),)
    assert texts(talk.transcript()) == ["three", "Yes."]


def test_an_answer_that_is_deleted_shows_the_one_beside_it(
    talk: ChatSession, engine: FakeEngine
) -> None:
    engine.script(*answer("B2"))
    list(talk.regenerate())
    assert texts(talk.delete_message(talk.transcript()[-1].id)) == ["one", "A", "two", "B"]


def test_nothing_is_deleted_while_an_answer_is_written(
    talk: ChatSession, engine: FakeEngine, begin: Begin
) -> None:
    gate = Gate()
    engine.script(gate, *answer("C"))
    turn = begin(talk.send("three"), gate)
    with pytest.raises(TurnRunning):
        talk.delete_message(talk.transcript()[0].id)
    gate.open()
    turn.join()
    assert texts(talk.transcript())[-2:] == ["three", "C"]
