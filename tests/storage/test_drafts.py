"""Drafts: what was typed and not sent survives, and instances don't overwrite each other."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.processes import child
from vlmtui.messages import ImagePart, user
from vlmtui.storage.chats import ChatStore
from vlmtui.storage.records import Draft


def test_a_draft_comes_back_with_its_pictures(store: ChatStore, path: Path) -> None:
    pictures = tuple(
        ImagePart(str(path.parent / name), digit * 64, name, 640, 480, detail)
        for name, digit, detail in [("a.png", "a", None), ("b.png", "b", "high"), ("c", "c", 700)]
    )
    store.drafts.save(None, "What is\nthis? \udcff", pictures)
    assert store.drafts.find(None) == Draft("What is\nthis? \ufffd", pictures)


def test_a_draft_of_the_second_format_comes_back(store: ChatStore, path: Path) -> None:
    picture = ImagePart(str(path.parent / "a.png"), "a" * 64, "a.png", 640, 480)
    store.drafts.save(None, "What?", (picture,))
    with closing(sqlite3.connect(path)) as plain, plain:
        plain.execute("UPDATE drafts SET attachments = ?", (f'[["{"a" * 64}","a.png"]]',))
    assert store.drafts.find(None) == Draft("What?", (picture,))


def test_the_last_words_count_and_no_words_are_no_draft(store: ChatStore) -> None:
    assert store.drafts.find(None) == Draft()
    store.drafts.save(None, "one")
    store.drafts.save(None, "two")
    assert store.drafts.find(None).text == "two"
    store.drafts.save(None, "")
    assert store.drafts.find(None) == Draft()


def test_every_chat_has_its_own(store: ChatStore) -> None:
    chat, _ = store.start("t", user("q"))
    store.drafts.save(None, "new")
    store.drafts.save(chat.id, "old")
    assert store.drafts.find(None).text == "new"
    assert store.drafts.find(chat.id).text == "old"


def test_running_instances_keep_their_drafts_apart(store: ChatStore, other: ChatStore) -> None:
    store.drafts.save(None, "mine")
    assert other.drafts.find(None) == Draft()
    other.drafts.save(None, "theirs")
    assert store.drafts.find(None).text == "mine"
    assert other.drafts.find(None).text == "theirs"


DRAFT = """
import sys
from vlmtui.storage.chats import ChatStore
from vlmtui.storage.database import Database
store = ChatStore(Database(sys.argv[1]))
store.drafts.save(None, sys.argv[2])
print("saved", flush=True)
sys.stdin.readline()
"""


def test_the_drafts_of_killed_processes_are_taken_over_one_by_one(
    path: Path, store: ChatStore, other: ChatStore
) -> None:
    for text in ("first", "second"):
        with child(DRAFT, path, text) as process:
            assert process.read() == "saved"
            assert store.drafts.find(None) == Draft()
            process.kill()
        assert store.drafts.find(None).text == text
        assert other.drafts.find(None) == Draft()  # it has an owner again
        store.drafts.save(None, "")
    for text in ("first", "second"):
        with child(DRAFT, path, text) as process:
            process.read()
    assert store.drafts.find(None).text == "second"
    assert other.drafts.find(None).text == "first"
