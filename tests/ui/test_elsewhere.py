"""Another instance of vlmtui writes in the same chats."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.ui.conftest import Stage, ask, ready, screen_of, shown, until
from vlmtui.messages import assistant, user
from vlmtui.storage.chats import ChatStore
from vlmtui.storage.database import Database
from vlmtui.storage.records import StoredMessage
from vlmtui.ui.screens.chat import elsewhere_topic
from vlmtui.ui.widgets.panes.chat_rows import ChatRows

SIZE = (160, 40)


@pytest.fixture
def other(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Iterator[ChatStore]:
    """The store of the other instance."""
    monkeypatch.setattr(elsewhere_topic, "LOOK_SECONDS", 0.05)
    store = ChatStore(Database(stage.database.path))
    yield store
    store.close()


def begin(store: ChatStore) -> StoredMessage:
    chat, question = store.start("The other's chat", user("What is it?"))
    return store.add(chat.id, question.id, assistant("It is"), "fake", "streaming")


async def test_an_answer_that_is_written_elsewhere_grows_and_ends_here(
    stage: Stage, other: ChatStore
) -> None:
    answer = begin(other)
    async with stage.app(continue_last=True).run_test(size=SIZE) as pilot:
        screen = screen_of(pilot)
        await until(pilot, lambda: "It is" in shown(pilot) and screen.engine_state.busy)
        other.update_text(answer.id, "It is a circle", "streaming")
        await until(pilot, lambda: "It is a circle" in shown(pilot))
        assert screen.engine_state.busy
        other.update_text(answer.id, "It is a circle.", "complete")
        await until(pilot, lambda: not screen.engine_state.busy)
        await until(pilot, lambda: "It is a circle." in shown(pilot))


async def test_an_answer_whose_instance_dies_is_interrupted_here(
    stage: Stage, other: ChatStore
) -> None:
    begin(other)
    async with stage.app(continue_last=True).run_test(size=SIZE) as pilot:
        screen = screen_of(pilot)
        await until(pilot, lambda: "It is" in shown(pilot) and screen.engine_state.busy)
        other.close()
        await until(pilot, lambda: "■ interrupted" in shown(pilot))


async def test_the_list_marks_a_chat_that_is_being_written(stage: Stage, other: ChatStore) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await ask(pilot, "Mine")
        await pilot.press("f4")
        answer = begin(other)
        await until(pilot, lambda: "◐ The other's chat" in shown(pilot))
        assert "● Mine" in shown(pilot)
        screen.query_one(ChatRows).action_to(0)
        await until(pilot, lambda: "2 messages · being written" in shown(pilot))
        other.update_text(answer.id, "It is a circle.", "complete")
        await until(pilot, lambda: "◐" not in shown(pilot))
