"""What a model thinks before it answers: kept beside the answer, and no part of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from tests.chat.conftest import Begin
from tests.fakes import INFO, LOAD, STATS, FakeEngine, Gate, answer
from vlmtui.chat.archive import Archive
from vlmtui.chat.session import ChatSession
from vlmtui.engine.engine_events import Delta, Finished, Thought
from vlmtui.messages import assistant, user
from vlmtui.storage import migrations
from vlmtui.storage.chats import ChatStore
from vlmtui.storage.database import Database
from vlmtui.storage.images import ImageStore

STATS_OF_THOUGHT = msgspec.structs.replace(STATS, thought_tokens=2, thought_s=0.5)
SCRIPT = (Thought("Let me ", 1), Thought("see. ☃", 2), *answer("A red", " circle."))


@pytest.fixture
def thought_of(session: ChatSession, engine: FakeEngine) -> Iterator[ChatSession]:
    """A chat with an answer that was thought about."""
    engine.script(*SCRIPT, Finished("stop", STATS_OF_THOUGHT))
    list(session.send("What is this?"))
    yield session


def test_it_is_on_disk_beside_the_answer(thought_of: ChatSession, path: Path) -> None:
    other = ChatStore(Database(path))
    chat = other.latest()
    assert chat is not None
    stored = other.thread(chat.id)[-1]
    other.close()
    assert stored.message == assistant("A red circle.", "Let me see. ☃")
    assert stored.stats is not None
    assert (stored.stats["thought_tokens"], stored.stats["thought_s"]) == (2, 0.5)


def test_search_and_lists_leave_it_out(thought_of: ChatSession) -> None:
    assert thought_of.archive.listing.search("circle")
    assert not thought_of.archive.listing.search("see")
    assert next(iter(thought_of.archive.listing.rows())).preview == "A red circle."


def test_a_follow_up_tells_the_engine_of_it(thought_of: ChatSession, engine: FakeEngine) -> None:
    """The engine knows whether the model's template has it in the prompt."""
    list(thought_of.send("And now?"))
    told = engine.requests[-1].messages
    assert told[1] == assistant("A red circle.", "Let me see. ☃")


def test_a_thought_without_an_answer_is_left_out_of_the_next_prompt(
    session: ChatSession, engine: FakeEngine
) -> None:
    engine.script(Thought("Let me", 1), Finished("length", STATS))
    list(session.send("What is this?"))
    stored = session.transcript()[-1]
    assert (stored.message.text, stored.message.thought) == ("", "Let me")
    list(session.send("And now?"))
    assert engine.requests[-1].messages == (user("What is this?\n\nAnd now?"),)


def test_a_thought_that_was_cut_off_goes_on(session: ChatSession, engine: FakeEngine) -> None:
    engine.script(Thought("Let me", 1), Finished("cancelled", STATS_OF_THOUGHT))
    list(session.send("What is this?"))
    engine.script(Thought(" see.", 2), *answer("Red."), Finished("stop", STATS_OF_THOUGHT))
    list(session.continue_answer())
    assert engine.requests[-1].messages[-1] == assistant("", "Let me")
    stored = session.transcript()[-1]
    assert stored.message == assistant("Red.", "Let me see.")
    assert stored.stats is not None
    assert (stored.stats["thought_tokens"], stored.stats["thought_s"]) == (4, 1.0)


@pytest.mark.parametrize("can", [True, False])
def test_stopping_once_ends_the_thought_and_twice_the_answer(
    images: ImageStore, store: ChatStore, begin: Begin, can: bool
) -> None:
    can_do = frozenset((*INFO.can, "conclude")) if can else INFO.can
    engine = FakeEngine(msgspec.structs.replace(INFO, can=can_do))
    session = ChatSession(engine, store, images, LOAD)
    thinking, answering = Gate(), Gate()
    engine.script(Thought("Hm", 1), thinking, Delta("A", 2), answering, Delta(" red", 3))
    list(session.model.load())
    turn = begin(session.send("What?"), thinking)
    assert session.stop() is can
    assert (engine.concludes, engine.cancels) == ((1, 0) if can else (0, 1))
    if can:
        answering.wait_reached()
        assert session.stop() is False
    turn.join()
    stored = session.transcript()[-1]
    assert stored.status == "cancelled"
    assert stored.message == assistant("A" if can else "", "Hm")
    session.close()


def test_exports_fold_it(
    thought_of: ChatSession, images: ImageStore, store: ChatStore, tmp_path: Path
) -> None:
    archive, chat = Archive(store, images), thought_of.chat
    assert chat is not None
    markdown, html, json = (tmp_path / f"chat.{ending}" for ending in ("md", "html", "json"))
    archive.export(chat.id, markdown, "markdown")
    archive.export(chat.id, html, "html")
    archive.export(chat.id, json, "json")
    folded = "<details><summary>Thought for 0.50 s</summary>\n\nLet me see. ☃\n\n</details>"
    assert folded in markdown.read_text()
    assert "<summary>Thought for 0.50 s</summary>" in html.read_text()
    again = archive.import_json(json)
    assert store.trees.read(again.id)[-1].message == assistant("A red circle.", "Let me see. ☃")


def test_a_database_from_before_is_migrated(tmp_path: Path) -> None:
    path = tmp_path / "chats.db"
    with closing(sqlite3.connect(path)) as plain:
        for step in migrations.MIGRATIONS[:2]:
            for statement in step:
                plain.execute(statement)
        plain.execute("INSERT INTO chats (id, title, created, updated) VALUES (1, 'Old', 1, 1)")
        plain.execute(
            "INSERT INTO messages (chat_id, role, text, status, created)"
            " VALUES (1, 'assistant', 'An old answer', 'complete', 1)"
        )
        plain.execute("UPDATE chats SET leaf_id = 1")
        plain.execute("PRAGMA application_id = 0x564C4D54")
        plain.execute("PRAGMA user_version = 2")
        plain.commit()
    with closing(ChatStore(Database(path))) as store:
        assert store.thread(1)[0].message == assistant("An old answer")
