"""What was deleted long ago goes for good, and nothing that anybody still uses."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.processes import child
from tests.storage.pictures import keep
from vlmtui.messages import ImagePart, user
from vlmtui.storage.chats import ChatStore
from vlmtui.storage.images import ImageStore

LONG = 31 * 86_400.0


@pytest.fixture
def images(path: Path) -> ImageStore:
    return ImageStore(path.parent / "images")


def added(images: ImageStore, content: bytes) -> ImagePart:
    """A picture that was added long ago."""
    stored = keep(images, content)
    old = time.time() - LONG
    os.utime(stored.path, (old, old))
    return ImagePart(str(stored.path), stored.sha256, "a.png", 1, 1)


def deleted_long_ago(path: Path, chat_id: int) -> None:
    with closing(sqlite3.connect(path)) as plain:
        plain.execute("UPDATE chats SET deleted = ? WHERE id = ?", (time.time() - LONG, chat_id))
        plain.commit()


def test_a_chat_goes_for_good_a_month_after_it_was_deleted(store: ChatStore, path: Path) -> None:
    chats = [store.start(title, user("q"))[0] for title in ("old", "recent", "kept", "newest")]
    for chat in chats[:2]:
        store.trash.delete(chat.id)
    deleted_long_ago(path, chats[0].id)
    assert store.trash.purge() == 1
    assert [chat.title for chat in store.trash.chats()] == ["recent"]
    assert len(store.listing.rows()) == 2
    with closing(sqlite3.connect(path)) as plain:
        plain.execute("INSERT INTO messages_fts (messages_fts) VALUES ('integrity-check')")
        plain.execute("INSERT INTO chats_fts (chats_fts) VALUES ('integrity-check')")
        assert plain.execute("SELECT count(*) FROM messages").fetchone() == (3,)


def test_a_message_goes_for_good_a_month_after_it_was_deleted_with_what_follows_it(
    store: ChatStore, path: Path
) -> None:
    chat, question = store.start("t", user("kept"))
    old = store.add(chat.id, question.id, user("old"))
    store.add(chat.id, old.id, user("behind the old one"))
    recent = store.add(chat.id, question.id, user("recent"))
    store.trash.delete_message(old.id)
    with closing(sqlite3.connect(path)) as plain:
        plain.execute("UPDATE messages SET deleted = ? WHERE deleted > 0", (time.time() - LONG,))
        plain.commit()
    store.trash.delete_message(recent.id)
    assert store.trash.purge() == 0
    with closing(sqlite3.connect(path)) as plain:
        plain.execute("INSERT INTO messages_fts (messages_fts) VALUES ('integrity-check')")
        assert plain.execute("SELECT text FROM messages").fetchall() == [("kept",), ("recent",)]
    store.trash.restore_message(recent.id)
    assert [stored.message.text for stored in store.thread(chat.id)] == ["kept", "recent"]


def test_the_number_of_a_chat_is_not_given_to_another(store: ChatStore, path: Path) -> None:
    chat, _ = store.start("t", user("q"))
    store.trash.delete(chat.id)
    deleted_long_ago(path, chat.id)
    store.trash.purge()
    assert store.start("new", user("q"))[0].id != chat.id


def test_a_clock_that_was_not_set_yet_does_not_make_a_deletion_old(
    store: ChatStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat, _ = store.start("t", user("q"))
    store.start("newest", user("q"))
    with monkeypatch.context() as patch:
        patch.setattr("time.time", lambda: 0.0)
        store.trash.delete(chat.id)
    assert store.trash.purge() == 0


def test_only_pictures_that_nothing_shows_are_removed(
    store: ChatStore, other: ChatStore, images: ImageStore, path: Path
) -> None:
    names = ("gone", "shared", "drafted", "shown", "deleted")
    pictures = {name: added(images, name.encode()) for name in names}
    chat, _ = store.start(
        "old", user("q", [pictures[name] for name in ("gone", "shared", "drafted")])
    )
    store.start("kept", user("q", [pictures["shared"], pictures["shown"]]))
    other.drafts.save(None, "", [pictures["drafted"]])
    trashed, _ = store.start("trashed", user("q", [pictures["deleted"]]))
    store.trash.delete(trashed.id)
    store.start("newest", user("q"))
    assert store.trash.sweep(images) == 0
    store.trash.delete(chat.id)
    deleted_long_ago(path, chat.id)
    assert store.trash.purge() == 1
    assert store.trash.sweep(images) == 1
    assert [name for name in names if not Path(pictures[name].path).exists()] == ["gone"]
    other.drafts.save(None, "")
    assert store.trash.sweep(images) == 1
    assert not Path(pictures["drafted"].path).exists()


def test_a_picture_that_was_just_attached_again_stays(store: ChatStore, images: ImageStore) -> None:
    picture = added(images, b"picture")
    store.drafts.save(None, "", [picture])
    store.drafts.save(None, "")
    keep(images, b"picture")  # by another instance, that has not said what for
    assert store.trash.sweep(images) == 0
    assert Path(picture.path).exists()


def test_files_that_the_database_does_not_know_stay(store: ChatStore, images: ImageStore) -> None:
    """They may be those of a damaged database that was moved away."""
    picture = added(images, b"of another database")
    assert store.trash.sweep(images) == 0
    assert Path(picture.path).exists()


ADD = """
import io, sys
from vlmtui.storage.images import ImageStore
class Slow(io.RawIOBase):
    told = False
    def read(self, size=-1):
        if self.told:
            return b""
        self.told = True
        print("adding", flush=True)
        sys.stdin.readline()
        return b"picture"
print(ImageStore(sys.argv[1]).add_open(Slow(), ".png").path, flush=True)
"""


def test_nothing_is_removed_while_another_process_adds(
    store: ChatStore, images: ImageStore, path: Path
) -> None:
    picture = added(images, b"picture")
    store.drafts.save(None, "", [picture])
    store.drafts.save(None, "")
    with child(ADD, path.parent / "images") as process:
        assert process.read() == "adding"
        assert store.trash.sweep(images) == 0
        process.tell("go on")
        assert process.read() == picture.path
    assert store.trash.sweep(images) == 0  # it was touched
    assert Path(picture.path).exists()
