"""A damaged database: what can be read is saved, and the damaged file is kept."""

from __future__ import annotations

import os
import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.disks import fill
from tests.processes import child
from tests.storage.pictures import keep
from vlmtui.errors import StorageError
from vlmtui.messages import ImagePart, assistant, user
from vlmtui.storage.chats import ChatStore
from vlmtui.storage.database import Database
from vlmtui.storage.images import ImageStore
from vlmtui.storage.recover import is_sound, recover

CHATS = 120


@pytest.fixture
def images(path: Path) -> ImageStore:
    return ImageStore(path.parent / "images")


@pytest.fixture
def full(path: Path, images: ImageStore) -> Path:
    """A database of many chats, each with a picture."""
    database = Database(path)
    with closing(ChatStore(database)) as store, database.write():  # in one: on disk only once
        for number in range(CHATS):
            stored = keep(images, f"picture {number}".encode())
            picture = ImagePart(str(stored.path), stored.sha256, f"{number}.png", 640, 480)
            asked = user(f"question {number} " * 20, (picture,))
            chat, question = store.start(f"title {number}", asked)
            store.add(chat.id, question.id, assistant(f"answer {number} " * 60), "demo")
        store.drafts.save(None, "unsent")
    return path


def measure(path: Path) -> tuple[int, int]:
    return (640, 480)


def root_page(path: Path, name: str) -> int:
    with closing(sqlite3.connect(path)) as plain:
        found = plain.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (name,))
        return int(found.fetchone()[0])


def leaves(path: Path, table: str) -> list[int]:
    """Pages below the root of a table."""
    content = path.read_bytes()
    start = (root_page(path, table) - 1) * 4096
    assert content[start] == 5, "the table has only one page"
    cells = int.from_bytes(content[start + 3 : start + 5], "big")
    pages = []
    for cell in range(cells):
        at = start + int.from_bytes(content[start + 12 + 2 * cell : start + 14 + 2 * cell], "big")
        pages.append(int.from_bytes(content[at : at + 4], "big"))
    return pages


def overwrite(path: Path, page: int) -> None:
    content = bytearray(path.read_bytes())
    content[(page - 1) * 4096 : page * 4096] = random.Random(page).randbytes(4096)
    path.write_bytes(content)


def test_a_page_in_the_middle_costs_only_what_was_on_it(full: Path, images: ImageStore) -> None:
    pages = leaves(full, "messages")
    overwrite(full, pages[len(pages) // 2])
    damaged = full.read_bytes()
    assert not is_sound(full)
    killed = full.with_name("chats.db.recovering-0123-copy")
    killed.touch()
    os.utime(killed, (0, 0))
    done = recover(full, images, measure)
    assert done.aside.read_bytes() == damaged
    assert is_sound(full)
    assert 2 * CHATS - 20 < done.messages < 2 * CHATS
    with closing(ChatStore(Database(full))) as store:
        assert store.drafts.find(None).text == "unsent"
        rows = store.listing.rows()
        assert len(rows) == done.chats >= CHATS - 10
        for number in (0, CHATS - 1):  # on both sides of the damage
            (hit,) = [
                h
                for h in store.listing.search(f"answer {number}")
                if h.chat.title == f"title {number}"
            ]
            question, answer = store.thread(hit.chat.id)
            assert answer.message.text.startswith(f"answer {number} ")
            assert question.message.images[0].name == f"{number}.png"
        chat, question = store.start("it goes on", user("q"))
        assert store.thread(chat.id) == [question]
    with closing(sqlite3.connect(full)) as plain:
        assert plain.execute("PRAGMA foreign_key_check").fetchall() == []
    assert not list(full.parent.glob("*recovering*"))


def test_messages_without_their_chats_get_new_ones(full: Path, images: ImageStore) -> None:
    for page in leaves(full, "chats"):
        overwrite(full, page)
    done = recover(full, images, measure)
    assert done.messages == 2 * CHATS
    with closing(ChatStore(Database(full))) as store:
        rows = store.listing.rows()
        assert {row.messages for row in rows if row.chat.title.startswith("Recovered chat")} == {2}


def test_pictures_of_unknown_size_are_measured(full: Path, images: ImageStore) -> None:
    overwrite(full, root_page(full, "images"))
    done = recover(full, images, lambda path: (7, 5))
    assert done.pictures == CHATS
    with closing(ChatStore(Database(full))) as store:
        (image,) = store.thread(store.listing.rows()[0].chat.id)[0].message.images
        assert (image.width, image.height) == (7, 5)
        assert Path(image.path).exists()


@pytest.mark.parametrize("seed", range(8))
def test_damage_anywhere_ends_in_words_or_in_a_sound_database(
    full: Path, images: ImageStore, seed: int
) -> None:
    chance = random.Random(seed)
    content = bytearray(full.read_bytes())
    for _ in range(chance.randint(1, 12)):
        at = chance.randrange(100, len(content) - 2000)
        content[at : at + 2000] = chance.randbytes(2000)
    full.write_bytes(content)
    try:
        done = recover(full, images, measure)
    except StorageError as error:
        assert str(full) in error.message
        assert full.read_bytes() == content
    else:
        assert done.aside.read_bytes() == content
        assert is_sound(full)
        with closing(ChatStore(Database(full))) as store:
            for row in store.listing.rows():
                store.thread(row.chat.id)


@pytest.mark.parametrize("content", [b"", b"no database\n" * 1000])
def test_what_was_never_a_database_stays_as_it_is(
    path: Path, images: ImageStore, content: bytes
) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(StorageError):
        recover(path, images, measure)
    assert path.read_bytes() == content
    assert list(path.parent.iterdir()) == [path]


def test_a_database_of_a_newer_vlmtui_is_left_alone(full: Path, images: ImageStore) -> None:
    with closing(sqlite3.connect(full)) as plain:
        plain.execute("PRAGMA user_version = 99")
    before = full.read_bytes()
    with pytest.raises(StorageError, match="newer vlmtui"):
        recover(full, images, measure)
    assert full.read_bytes() == before


HOLD = """
import sys
from vlmtui.storage.chats import ChatStore
from vlmtui.storage.database import Database
store = ChatStore(Database(sys.argv[1]))
store.drafts.save(None, "typing")
print("there", flush=True)
sys.stdin.readline()
"""


def test_nothing_is_done_while_an_instance_runs(full: Path, images: ImageStore) -> None:
    with child(HOLD, full) as process:
        assert process.read() == "there"
        with pytest.raises(StorageError, match="is running"):
            recover(full, images, measure)
        process.kill()
    assert recover(full, images, measure).chats == CHATS


def test_a_directory_that_is_full_leaves_everything_as_it_was(full: Path, tiny_disk: Path) -> None:
    path = tiny_disk / "chats.db"
    path.write_bytes(full.read_bytes())
    path.with_name("chats.db-wal").touch()
    fill(tiny_disk / "ballast")
    with pytest.raises(StorageError, match=r"no space|may be full") as refused:
        recover(path, ImageStore(tiny_disk / "images"), measure)
    assert "Move it away" not in refused.value.hint  # nothing is wrong with it
    assert path.read_bytes() == full.read_bytes()
    assert not list(tiny_disk.glob("*recovering*"))


@pytest.mark.parametrize("kept", [0.5, 0.9, 0.999])
def test_a_database_that_was_cut_off_gives_what_is_left_of_it(
    full: Path, images: ImageStore, kept: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vlmtui.storage.recover._LONGEST_GAP", 1000)
    with closing(sqlite3.connect(full)) as plain:
        plain.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = full.read_bytes()
    cut = content[: int(len(content) * kept)]
    full.write_bytes(cut)
    done = recover(full, images, measure)
    assert done.messages >= 2 * CHATS * (kept - 0.3)
    assert done.messages > 0
    assert done.aside.read_bytes() == cut
    assert is_sound(full)
    assert not list(full.parent.glob("*recovering*"))


def test_what_is_wrong_on_its_first_page_costs_nothing(full: Path, images: ImageStore) -> None:
    with closing(sqlite3.connect(full)) as plain:
        plain.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = full.read_bytes()
    for at, wrong in (
        (0, b"\x1f\x8b"), (16, b"\0\0"), (16, b"\2\0"), (16, b"\x20\0"), (18, b"\x09\x09"),
        (20, b"\xff"), (21, b"\xff" * 3), (44, b"\0\0\0\x09"), (56, b"\0\0\0\2"),
        (0, bytes(100)), (0, bytes(4096)), (500, b"\xff" * 3000),
    ):  # fmt: skip
        full.write_bytes(content[:at] + wrong + content[at + len(wrong) :])
        assert recover(full, images, measure).messages == 2 * CHATS, (at, wrong[:4])
        assert is_sound(full)


def test_a_file_of_which_nothing_is_left_is_told_and_left_alone(
    full: Path, images: ImageStore
) -> None:
    for content in (bytes(200_000), full.read_bytes()[:4096]):
        full.write_bytes(content)
        with pytest.raises(StorageError, match="Nothing can be read"):
            recover(full, images, measure)
        assert full.read_bytes() == content


OPEN = """
import sys
from vlmtui.storage.chats import ChatStore
from vlmtui.storage.database import Database
store = ChatStore(Database(sys.argv[1]))
print("there", flush=True)
sys.stdin.readline()
"""


def test_nothing_is_done_beside_an_instance_that_was_only_opened(
    full: Path, images: ImageStore
) -> None:
    before = full.read_bytes()
    with child(OPEN, full) as process:
        assert process.read() == "there"
        with pytest.raises(StorageError, match="is running"):
            recover(full, images, measure)
        assert full.read_bytes() == before
        process.kill()
    assert recover(full, images, measure).chats == CHATS


@pytest.mark.parametrize("kind", ["fifo", "device", "directory"])
def test_what_is_no_file_is_told_and_left_alone(path: Path, images: ImageStore, kind: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()
    with pytest.raises(StorageError, match="not a regular file"):
        is_sound(path)
    with pytest.raises(StorageError, match="not a regular file"):
        recover(path, images, measure)
    assert path.exists()
