"""A database that is deleted or replaced while it is open: nothing is lost, and it is told."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from vlmtui.errors import StorageError
from vlmtui.messages import assistant, user
from vlmtui.storage.chats import ChatStore
from vlmtui.storage.database import Database
from vlmtui.storage.recover import is_sound


@pytest.fixture
def store(path: Path) -> Iterator[ChatStore]:
    with closing(ChatStore(Database(path))) as store:
        yield store


def everything(path: Path) -> list[str]:
    """All texts, as another program finds them in the file."""
    with closing(ChatStore(Database(path))) as other:
        rows = reversed(other.listing.rows())
        return [each.message.text for row in rows for each in other.trees.read(row.chat.id)]


@pytest.mark.parametrize("sidecars", [True, False])
def test_a_deleted_database_is_saved_anew_with_all_its_chats(
    store: ChatStore, path: Path, sidecars: bool
) -> None:
    store.start("one", user("first"))
    chat, question = store.start("two", user("second"))
    for ending in ("", "-wal", "-shm") if sidecars else ("",):
        path.with_name(path.name + ending).unlink()
    answer = store.add(chat.id, question.id, assistant("an answer"), "demo", "streaming")
    store.update_text(answer.id, "an answer, whole", "complete")
    notices = store.take_notices()
    assert len(notices) == 1 and "deleted" in notices[0].message
    assert not store.take_notices()
    assert everything(path) == ["first", "second", "an answer, whole"]
    assert [each.message.text for each in store.thread(chat.id)] == ["second", "an answer, whole"]
    store.close()
    assert is_sound(path)
    assert everything(path) == ["first", "second", "an answer, whole"]
    assert [each.name for each in path.parent.glob("chats.db*")] == ["chats.db"]


def test_a_directory_that_is_deleted_comes_back_too(store: ChatStore, path: Path) -> None:
    chat, question = store.start("one", user("first"))
    shutil.rmtree(path.parent)
    store.add(chat.id, question.id, assistant("an answer"), "demo")
    assert everything(path) == ["first", "an answer"]


def test_a_new_database_that_comes_first_gets_the_open_chat(
    store: ChatStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat, question = store.start("open", user("first"))
    path.unlink()
    link = os.link

    def late(copy: Path, name: Path) -> None:
        Database(path).close()  # another instance has just started
        link(copy, name)

    monkeypatch.setattr(os, "link", late)
    store.add(chat.id, question.id, assistant("an answer"), "demo")
    assert "replaced" in store.take_notices()[0].message
    assert everything(path) == ["first", "an answer"]
    assert [each.name for each in path.parent.glob("*.saving-*")] == []


def test_in_a_new_database_the_open_chat_goes_on(store: ChatStore, path: Path) -> None:
    store.start("another", user("not open any more"))
    store._database.in_use.clear()
    chat, question = store.start("open", user("second"))
    for ending in ("", "-wal", "-shm"):
        path.with_name(path.name + ending).unlink()
    Database(path).close()
    store.add(chat.id, question.id, assistant("an answer"), "demo")
    assert "replaced" in store.take_notices()[0].message
    assert everything(path) == ["second", "an answer"]
    store.close()
    assert is_sound(path) and everything(path) == ["second", "an answer"]


def test_a_backup_in_its_place_gets_what_it_lacks(store: ChatStore, path: Path) -> None:
    chat, question = store.start("open", user("first"))
    backup = path.with_name("backup.db")
    with closing(sqlite3.connect(path)) as plain, closing(sqlite3.connect(backup)) as copy:
        plain.backup(copy)
    answer = store.add(chat.id, question.id, assistant("since then"), "demo")
    for ending in ("-wal", "-shm"):
        path.with_name(path.name + ending).unlink()
    backup.rename(path)
    store.add(chat.id, answer.id, user("and now?"))
    assert everything(path) == ["first", "since then", "and now?"]


def test_where_other_chats_have_its_numbers_it_is_told_and_they_stay(
    store: ChatStore, path: Path, tmp_path: Path
) -> None:
    chat, question = store.start("open", user("ours"))
    other = tmp_path / "other" / "chats.db"
    with closing(ChatStore(Database(other))) as others:
        others.start("theirs", user("theirs"))
    for ending in ("-wal", "-shm"):
        path.with_name(path.name + ending).unlink()
    other.rename(path)
    for _ in range(2):
        with pytest.raises(StorageError, match="replaced") as caught:
            store.add(chat.id, question.id, assistant("an answer"), "demo")
        assert "/export" in caught.value.hint
    assert [each.message.text for each in store.thread(chat.id)] == ["ours"]
    assert everything(path) == ["theirs"]


def test_what_is_no_database_is_told(store: ChatStore, path: Path) -> None:
    chat, question = store.start("open", user("ours"))
    path.unlink()
    path.write_text("no database\n" * 1000)
    with pytest.raises(StorageError):
        store.add(chat.id, question.id, assistant("an answer"), "demo")
    assert [each.message.text for each in store.thread(chat.id)] == ["ours"]
    assert path.read_text().startswith("no database")
