"""Words that the disk refuses have a place of their own until the database takes them."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from PIL import Image

from tests.fakes import LOAD, FakeEngine
from tests.processes import child
from vlmtui.chat.questions import Questions
from vlmtui.chat.session import ChatSession
from vlmtui.errors import StorageError
from vlmtui.messages import user
from vlmtui.storage import fallback_drafts
from vlmtui.storage.chats import ChatStore
from vlmtui.storage.database import Database
from vlmtui.storage.images import ImageStore
from vlmtui.storage.temporary_store import TemporaryStore


@pytest.fixture
def locked(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[sqlite3.Connection]:
    """Another program keeps the database locked; rolled back, it lets go."""
    Database(path).close()
    monkeypatch.setattr("vlmtui.storage.database.BUSY_SECONDS", 0.05)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield other


def begun(path: Path) -> ChatSession:
    store = ChatStore(Database(path))
    return ChatSession(FakeEngine(), store, ImageStore(path.parent / "images"), LOAD)


def kept(path: Path) -> list[Path]:
    return list(path.parent.glob("vlmtui-unsaved-words-*"))


def test_a_question_that_is_refused_is_in_a_file_and_comes_back(
    path: Path, locked: sqlite3.Connection, tmp_path: Path
) -> None:
    Image.new("RGB", (8, 6)).save(tmp_path / "cat.png")
    session = begun(path)
    picture = session.images.attach(tmp_path / "cat.png")
    with pytest.raises(StorageError, match="locked") as caught:
        list(session.send("precious words", (picture,)))
    (file,) = kept(path)
    assert str(file) in caught.value.hint
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert b"precious words" in file.read_bytes()
    session.close()
    os.close(session._store.refused._file)  # as the end of the process does
    locked.execute("ROLLBACK")

    again = begun(path)
    draft = again.questions.draft()
    assert (draft.text, draft.images) == ("precious words", (picture,))
    assert not kept(path)
    assert again.questions.draft() == draft  # it is in the database now
    list(again.send(draft.text, draft.images))
    assert again.questions.draft().text == ""
    again.close()


def test_a_draft_that_is_refused_goes_on_in_its_file_until_the_database_takes_it(
    path: Path, locked: sqlite3.Connection
) -> None:
    session = begun(path)
    for text in ("pre", "precious", "precious words"):
        with pytest.raises(StorageError):
            session.questions.save_draft(text)
        (file,) = kept(path)
        assert text.encode() in file.read_bytes()
    locked.execute("ROLLBACK")
    session.questions.save_draft("precious words")
    assert not kept(path)
    assert session.questions.draft().text == "precious words"
    session.close()


def test_what_is_refused_in_several_chats_is_all_kept(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vlmtui.storage.database.BUSY_SECONDS", 0.05)
    session = begun(path)
    list(session.send("a chat"))
    chat = session.chat
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageError):
            session.questions.save_draft("in this one")
        session.open(None)
        with pytest.raises(StorageError):
            session.questions.save_draft("in a new one")
        (file,) = kept(path)
        assert b"in this one" in file.read_bytes() and b"in a new one" in file.read_bytes()
        other.execute("ROLLBACK")
    session.questions.save_draft("in a new one")
    assert b"in this one" in file.read_bytes() and b"in a new one" not in file.read_bytes()
    session.open(chat)
    session.questions.save_draft("in this one")
    assert not kept(path)
    session.close()


def test_a_draft_that_was_set_aside_outlives_the_question_that_is_refused_before_it(
    path: Path, locked: sqlite3.Connection
) -> None:
    session = begun(path)
    session.questions.set_aside("the question\n\ntyped since", ())
    with pytest.raises(StorageError, match="locked"):
        list(session.send("the question"))
    (file,) = kept(path)
    assert b"typed since" in file.read_bytes()
    locked.execute("ROLLBACK")
    session.questions.save_draft("the question\n\ntyped since")
    assert not kept(path)
    session.close()


def test_of_drafts_that_wait_for_the_database_the_newest_is_kept(
    path: Path, locked: sqlite3.Connection
) -> None:
    session = begun(path)
    questions = session.questions

    def save(text: str) -> None:
        with suppress(StorageError):
            questions.save_draft(text)

    texts = [f"words {number}" for number in range(8)]
    seen: set[object] = set()
    savers = [threading.Thread(target=save, args=(text,)) for text in texts]
    with questions._writing:
        for number, saver in enumerate(savers):
            saver.start()
            while len(seen) <= number:
                time.sleep(0.001)
                seen |= {questions._newest} - {(None, None)}
    for saver in savers:
        saver.join()
    (file,) = kept(path)
    assert b"words 7" in file.read_bytes()
    session.close()


def test_what_is_typed_into_a_chat_that_is_not_saved_outlasts_it(path: Path) -> None:
    def sit() -> tuple[TemporaryStore, Questions]:
        held = TemporaryStore(StorageError("The chats are damaged"), path.parent)
        return held, ChatSession(FakeEngine(), held.store, held.images, LOAD).questions

    def leave(held: TemporaryStore) -> None:
        held.close()
        os.close(held.store.refused._file)  # as the end of the process does

    path.parent.mkdir()
    held, questions = sit()
    questions.save(None, user("asked"))
    questions.save_draft("typed")
    leave(held)
    held, questions = sit()  # the database is no better
    assert questions.draft().text == "asked\n\ntyped"
    questions.save(None, user("asked again"))
    questions.save_draft("typed since")
    questions.discard()  # the user quits all the same
    leave(held)
    session = begun(path)
    assert session.questions.draft().text == "typed since"
    assert not kept(path)
    session.close()


def test_nothing_typed_leaves_nothing(path: Path, locked: sqlite3.Connection) -> None:
    session = begun(path)
    with pytest.raises(StorageError):
        session.questions.save_draft("  ")
    assert not kept(path)
    session.close()


KILLED = """
import sqlite3, sys
from pathlib import Path
from tests.chat.test_fallback_drafts import begun
import vlmtui.storage.database as module
module.BUSY_SECONDS = 0.05
session = begun(Path(sys.argv[1]))
try:
    session.questions.save_draft(sys.argv[2])
except Exception as error:
    print(type(error).__name__, flush=True)
sys.stdin.readline()
"""


def test_words_of_a_living_instance_are_left_to_it_and_of_a_killed_one_taken_over(
    path: Path, locked: sqlite3.Connection
) -> None:
    with child(KILLED, path, "theirs") as process:
        assert process.read() == "StorageError"
        locked.execute("ROLLBACK")
        session = begun(path)
        assert session.questions.draft().text == ""
        assert len(kept(path)) == 1
        process.kill()
    session.questions.save_draft("mine")
    assert session.questions.draft().text == "mine\n\ntheirs"
    assert not kept(path)
    session.close()


def test_where_the_disk_is_full_too_another_place_is_found(
    path: Path, tmp_path: Path, locked: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(elsewhere))
    replace = os.replace

    def full(source: Path, place: Path) -> None:
        if Path(place).parent == path.parent:
            raise OSError(28, "No space left on device")
        replace(source, place)

    session = begun(path)
    monkeypatch.setattr(fallback_drafts.os, "replace", full)
    with pytest.raises(StorageError, match="locked") as caught:
        session.questions.save_draft("precious words")
    assert str(elsewhere) in caught.value.hint
    assert not kept(path)
    os.close(session._store.refused._file)
    locked.execute("ROLLBACK")
    assert begun(path).questions.draft().text == "precious words"
    assert not list(elsewhere.iterdir())


def test_files_that_are_none_of_ours_are_left_alone(path: Path) -> None:
    session = begun(path)
    start = session._store.refused._start
    (path.parent / f"{start}a.json").write_text("no JSON")
    os.mkfifo(path.parent / f"{start}b.json")
    (path.parent / f"{start}c.json").symlink_to("/etc/passwd")
    assert session.questions.draft().text == ""
    assert len(kept(path)) == 3
    session.close()
