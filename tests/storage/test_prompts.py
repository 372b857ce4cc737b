from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from vlmtui.messages import ImagePart, assistant, user
from vlmtui.storage.chats import ChatStore
from vlmtui.storage.database import Database


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ChatStore]:
    store = ChatStore(Database(tmp_path / "chats.db"))
    yield store
    store.close()


def test_questions_of_all_chats_come_the_last_one_first(store: ChatStore) -> None:
    image = ImagePart("/pictures/aa.png", "aa", "a.png", 8, 8)
    for title in ("one", "two"):
        chat, question = store.start(title, user(f"{title}  ?", (image,), (4,)))
        store.add(chat.id, question.id, assistant("yes"))
    asked = store.prompts.latest()
    assert [each.message.text for each in asked] == ["two  ?", "one  ?"]
    assert [type(part).__name__ for part in asked[0].message.parts] == [
        "TextPart",
        "ImagePart",
        "TextPart",
    ]
    assert store.prompts.latest(1) == asked[:1]
    assert store.prompts.latest(1, asked[0].message_id) == asked[1:]
    assert store.prompts.latest(1, asked[1].message_id) == []


def test_deleted_chats_and_messages_are_not_recalled(store: ChatStore) -> None:
    for title in ("kept", "gone", "hidden"):
        chat, question = store.start(title, user(title))
        if title == "gone":
            store.trash.delete(chat.id)
        if title == "hidden":
            store.trash.delete_message(question.id)
    assert [each.message.text for each in store.prompts.latest()] == ["kept"]
