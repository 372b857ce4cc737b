"""Many chats: listed, searched, put in order, thrown away and brought back."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.processes import child
from vlmtui.chat.archive import Archive
from vlmtui.errors import ArchiveError, StorageError
from vlmtui.messages import ImagePart, assistant, user
from vlmtui.storage import migrations
from vlmtui.storage.chats import ChatStore
from vlmtui.storage.database import Database
from vlmtui.storage.images import ImageStore


@pytest.fixture
def archive(store: ChatStore, images: ImageStore) -> Archive:
    return Archive(store, images)


@pytest.fixture
def other(path: Path) -> Iterator[ChatStore]:
    """A second instance on the same file."""
    other = ChatStore(Database(path))
    yield other
    other.close()


def picture(path: Path, digit: str = "a") -> ImagePart:
    return ImagePart(str(path.parent / f"{digit}.png"), digit * 64, f"{digit}.png", 64, 48)


def titles(archive: Archive, **wanted: object) -> list[str]:
    return [row.chat.title for row in archive.listing.rows(**wanted)]


def texts(store: ChatStore, chat_id: int) -> list[str]:
    return [stored.message.text for stored in store.thread(chat_id)]


# ---------------------------------------------------------------------- lists


def test_a_row_tells_how_much_there_is_and_how_it_ended(
    archive: Archive, store: ChatStore, path: Path
) -> None:
    chat, question = store.start("Shapes", user("What is it?", (picture(path), picture(path, "b"))))
    store.add(chat.id, question.id, assistant("A  **red**\n\ncircle."))
    store.add(chat.id, question.id, assistant("A blue\nsquare."))
    (row,) = archive.listing.rows()
    assert row.chat == store.get(chat.id)
    assert (row.messages, row.images, row.preview) == (3, 2, "A blue square.")


def test_an_answer_without_words_is_previewed_by_its_question(
    archive: Archive, store: ChatStore
) -> None:
    chat, question = store.start("t", user("What is it?"))
    store.add(chat.id, question.id, assistant(""), "demo", "streaming")
    assert archive.listing.rows()[0].preview == "What is it?"


def test_pinned_chats_stand_above_the_newest(archive: Archive, store: ChatStore) -> None:
    chats = [store.start(title, user("q"))[0] for title in ("one", "two", "three")]
    archive.chats.pin(chats[0].id, True)
    assert titles(archive) == ["one", "three", "two"]
    assert archive.listing.rows()[0].chat.pinned
    archive.chats.pin(chats[0].id, False)
    assert titles(archive) == ["three", "two", "one"]


def test_a_list_comes_in_pages(archive: Archive, store: ChatStore) -> None:
    for number in range(5):
        store.start(str(number), user("q"))
    assert titles(archive, limit=2) == ["4", "3"]
    assert titles(archive, limit=2, offset=2) == ["2", "1"]
    assert titles(archive, limit=2, offset=4) == ["0"]


@pytest.mark.parametrize("typed", ["café", "CAFE", "fé", "É"])
def test_a_list_is_narrowed_by_a_part_of_the_title(
    archive: Archive, store: ChatStore, typed: str
) -> None:
    store.start("Das Café am Eck", user("q"))
    store.start("100 % of it", user("café"))
    assert titles(archive, title_like=typed) == ["Das Café am Eck"]


def test_signs_of_sql_are_just_signs_in_a_title(archive: Archive, store: ChatStore) -> None:
    store.start("100 % of_it", user("q"))
    store.start("other", user("q"))
    for typed in ("%", "_", "100 %"):
        assert titles(archive, title_like=typed) == ["100 % of_it"]
    assert titles(archive, title_like="' OR 1=1") == []


def test_a_chat_gets_the_title_that_is_given_on_one_line(
    archive: Archive, store: ChatStore
) -> None:
    chat, _ = store.start("old", user("q"))
    archive.rename(chat.id, "  new\x1b[31m\n title  ")
    assert store.get(chat.id).title == "new [31m title"
    archive.rename(chat.id, "mi\u200ckonam\u200b")
    assert store.get(chat.id).title == "mi\u200ckonam"
    for nothing in ("", " \n", "\x07"):
        with pytest.raises(ArchiveError, match="needs a title"):
            archive.rename(chat.id, nothing)
    with pytest.raises(StorageError, match="no chat 99"):
        archive.rename(99, "x")
    with pytest.raises(StorageError, match="no chat 99"):
        archive.chats.pin(99, True)


def test_what_a_chat_is_set_to_is_kept(store: ChatStore) -> None:
    chat, _ = store.start("t", user("q"))
    assert (chat.system, chat.sampling, chat.model) == (None, None, None)
    chat = msgspec.structs.replace(
        store.get(chat.id), system="Be brief.", sampling={"temperature": 0.5}, model="demo"
    )
    store.configure(chat)
    assert store.get(chat.id) == chat
    store.configure(msgspec.structs.replace(chat, system="", sampling=None, model=None))
    assert store.get(chat.id).system == ""
    assert store.get(chat.id).sampling is None


# ---------------------------------------------------------------------- siblings


def test_messages_know_their_places_among_their_siblings(store: ChatStore) -> None:
    chat, question = store.start("t", user("q"))
    one = store.add(chat.id, question.id, assistant("one"))
    two = store.add(chat.id, question.id, assistant("two"))
    assert (one.sibling, one.siblings) == (1, 1)
    assert (two.sibling, two.siblings) == (2, 2)
    again = store.add(chat.id, None, user("reworded"))
    assert (again.sibling, again.siblings) == (2, 2)
    store.start("another chat", user("q"))
    shown = store.thread(chat.id, one.id)
    assert [(each.sibling, each.siblings) for each in shown] == [(1, 2), (1, 2)]
    assert [(each.sibling, each.siblings) for each in store.thread(chat.id)] == [(2, 2)]


# ---------------------------------------------------------------------- deleting chats


def test_a_deleted_chat_is_gone_until_it_is_restored(archive: Archive, store: ChatStore) -> None:
    chat, _ = store.start("secret plans", user("xyzzy"))
    kept, _ = store.start("kept", user("q"))
    store.set_leaf(chat.id, chat.leaf_id or 0)
    archive.delete(chat.id)
    archive.delete(chat.id)
    assert titles(archive) == ["kept"]
    assert archive.listing.search("xyzzy") == archive.listing.search("secret") == []
    assert store.latest() == store.get(kept.id)
    assert [each.id for each in archive.chats.trash.chats()] == [chat.id]
    archive.chats.trash.restore(chat.id)
    assert titles(archive) == ["kept", "secret plans"]
    assert len(archive.listing.search("xyzzy")) == len(archive.listing.search("secret")) == 1
    assert archive.chats.trash.chats() == []
    for call in (archive.delete, archive.chats.trash.restore, archive.duplicate):
        with pytest.raises(StorageError, match="no chat 99"):
            call(99)


def test_a_chat_that_goes_on_elsewhere_is_not_deleted_any_more(
    archive: Archive, store: ChatStore, other: ChatStore
) -> None:
    chat, question = store.start("t", user("q"))
    archive.delete(chat.id)
    other.add(chat.id, question.id, assistant("theirs"))
    assert titles(archive) == ["t"]


# ---------------------------------------------------------------------- deleting messages


def test_a_deleted_message_takes_along_what_follows_it(archive: Archive, store: ChatStore) -> None:
    chat, q1 = store.start("t", user("q1"))
    a1 = store.add(chat.id, q1.id, assistant("a1 word"))
    q2 = store.add(chat.id, a1.id, user("q2 word"))
    a2 = store.add(chat.id, q2.id, assistant("a2 word"))
    after = archive.delete_message(q2.id)
    assert after == store.get(chat.id)
    assert after.leaf_id == a1.id
    assert texts(store, chat.id) == ["q1", "a1 word"]
    assert [hit.message_id for hit in archive.listing.search("word")] == [a1.id]
    assert archive.listing.rows()[0].messages == 2
    assert [m.id for m in store.thread(chat.id, a2.id)] == [q1.id, a1.id, q2.id, a2.id]
    after = archive.chats.trash.restore_message(q2.id)
    assert after == store.get(chat.id)
    assert texts(store, chat.id) == ["q1", "a1 word", "q2 word", "a2 word"]


def test_where_an_answer_was_deleted_another_one_is_shown(
    archive: Archive, store: ChatStore
) -> None:
    chat, question = store.start("t", user("q"))
    one, two, three = (
        store.add(chat.id, question.id, assistant(text)) for text in ("one", "two", "three")
    )
    more = store.add(chat.id, one.id, user("more"))
    store.set_leaf(chat.id, two.id)
    assert archive.delete_message(two.id).leaf_id == more.id
    assert [(m.sibling, m.siblings) for m in store.thread(chat.id)][1] == (1, 2)
    assert store.siblings(one.id) == [one.id, three.id]
    assert archive.delete_message(one.id).leaf_id == three.id
    assert archive.delete_message(three.id).leaf_id == question.id
    assert archive.chats.trash.restore_message(two.id).leaf_id == two.id
    assert texts(store, chat.id) == ["q", "two"]


def test_a_message_elsewhere_is_deleted_without_changing_what_is_shown(
    archive: Archive, store: ChatStore
) -> None:
    chat, question = store.start("t", user("q"))
    one = store.add(chat.id, question.id, assistant("one"))
    store.add(chat.id, question.id, assistant("two"))
    archive.delete_message(one.id)
    assert texts(store, chat.id) == ["q", "two"]


def test_deletions_inside_each_other_are_undone_in_any_order(
    archive: Archive, store: ChatStore
) -> None:
    chat, question = store.start("t", user("q"))
    answer = store.add(chat.id, question.id, assistant("a"))
    archive.delete_message(answer.id)
    archive.delete_message(question.id)
    assert texts(store, chat.id) == []
    archive.chats.trash.restore_message(answer.id)  # it stays hidden with its question
    assert texts(store, chat.id) == []
    archive.chats.trash.restore_message(question.id)
    assert texts(store, chat.id) == ["q", "a"]
    archive.delete_message(answer.id)
    archive.delete_message(question.id)
    archive.chats.trash.restore_message(question.id)
    assert texts(store, chat.id) == ["q"]
    archive.chats.trash.restore_message(answer.id)
    assert texts(store, chat.id) == ["q", "a"]
    for call in (archive.delete_message, archive.chats.trash.restore_message):
        with pytest.raises(StorageError, match="no message 99"):
            call(99)


def test_going_on_from_a_deleted_message_brings_back_the_way_to_it(
    archive: Archive, store: ChatStore, other: ChatStore
) -> None:
    chat, question = store.start("t", user("q"))
    answer = store.add(chat.id, question.id, assistant("a"))
    store.add(chat.id, answer.id, user("gone"))
    archive.delete_message(question.id)
    other.add(chat.id, answer.id, user("theirs"))
    assert texts(store, chat.id) == ["q", "a", "theirs"]
    assert archive.listing.search("gone") == []


# ---------------------------------------------------------------------- copies


def test_a_copy_has_all_branches_and_goes_its_own_way(
    archive: Archive, store: ChatStore, path: Path
) -> None:
    chat, question = store.start("t", user("q", (picture(path),)))
    one = store.add(chat.id, question.id, assistant("one"), "demo")
    store.update_text(one.id, "one", "complete", {"decode_s": 0.5})
    store.add(chat.id, question.id, assistant("gone"))
    store.add(chat.id, question.id, assistant("two"))
    archive.delete_message(one.id + 1)
    store.set_leaf(chat.id, one.id)
    copy = archive.duplicate(chat.id)
    assert copy == store.get(copy.id)
    assert copy.title == "t (copy)"

    def told(chat_id: int) -> list[object]:
        return [
            (m.message, m.status, m.model, m.stats, m.created, m.sibling, m.siblings)
            for m in store.trees.read(chat_id)
        ]

    assert told(copy.id) == told(chat.id)
    assert texts(store, copy.id) == ["q", "one"]
    store.add(copy.id, copy.leaf_id, user("more"))
    assert texts(store, chat.id) == ["q", "one"]
    assert archive.duplicate(copy.id).title == "t (copy)"


# ---------------------------------------------------------------------- searching


def test_an_excerpt_is_one_line_without_the_space_around_it(
    archive: Archive, store: ChatStore
) -> None:
    store.start("t", user("\n\n  a \t red\n\nbird  \n"))
    (hit,) = archive.listing.search("red")
    assert hit.excerpt == "a red bird"
    assert [hit.excerpt[begin:end] for begin, end in hit.spans] == ["red"]


def test_hits_are_marked_in_the_excerpt(archive: Archive, store: ChatStore) -> None:
    store.start("t", user("Is there  a\nCafé, or two cafés?"))
    (hit,) = archive.listing.search("cafe")
    assert hit.excerpt == "Is there a Café, or two cafés?"
    assert [hit.excerpt[begin:end] for begin, end in hit.spans] == ["Café", "cafés"]


def test_a_chat_is_found_by_its_title_and_opened_at_its_end(
    archive: Archive, store: ChatStore
) -> None:
    store.start("other", user("the invoices are elsewhere"))
    chat, question = store.start("Invoices of May", user("q"))
    answer = store.add(chat.id, question.id, assistant("a"))
    first, second = archive.listing.search("invoice")
    assert (first.chat.id, first.message_id, first.in_title) == (chat.id, answer.id, True)
    assert (first.excerpt, first.spans) == ("Invoices of May", ((0, 8),))
    assert not second.in_title


def test_a_title_taken_from_a_question_is_not_found_twice(
    archive: Archive, store: ChatStore
) -> None:
    chat, question = store.start("a heron", user("a heron"))
    (hit,) = archive.listing.search("heron")
    assert (hit.message_id, hit.in_title) == (question.id, False)
    archive.rename(chat.id, "birds")
    assert [hit.excerpt for hit in archive.listing.search("bird")] == ["birds"]
    assert archive.listing.search("birds heron") == []


ODD = st.text(
    st.characters() | st.sampled_from("\"'*^:()-+{}[]\\%_ \t\n\0\x01\x02…áßİ①ﬁ🟦"), max_size=30
)


@settings(suppress_health_check=list(HealthCheck))
@given(title=ODD, text=ODD, typed=ODD)
def test_any_text_can_be_searched_for_in_any_other(
    archive: Archive, store: ChatStore, title: str, text: str, typed: str
) -> None:
    chat, _ = store.start(title, user(f"{text} needle"))
    for wanted in (typed, text, title, f"{typed} needle"):
        archive.listing.rows(title_like=wanted)
        for hit in archive.listing.search(wanted):
            ends = [0, *(place for span in hit.spans for place in span), len(hit.excerpt)]
            assert ends == sorted(ends)
            assert all(begin < end for begin, end in hit.spans)
            assert not set("\n\t\r") & set(hit.excerpt)
    assert any(hit.chat.id == chat.id for hit in archive.listing.search("needle", 100_000))
    assert any(row.chat.id == chat.id for row in archive.listing.rows(100_000, 0, title))
    archive.delete(chat.id)
    assert not any(hit.chat.id == chat.id for hit in archive.listing.search("needle", 100_000))


def test_an_excerpt_of_endless_words_stays_short(archive: Archive, store: ChatStore) -> None:
    store.start("t", user("x" * 100_000 + " needle " + "y" * 100_000))
    (hit,) = archive.listing.search("needle")
    assert len(hit.excerpt) <= 400
    assert [hit.excerpt[begin:end] for begin, end in hit.spans] == ["needle"]


# ---------------------------------------------------------------------- older databases


def test_chats_of_the_first_format_are_listed_found_and_kept(path: Path) -> None:
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path)) as plain:
        for statement in migrations.MIGRATIONS[0]:
            plain.execute(statement)
        plain.execute("PRAGMA application_id = 0x564C4D54")
        plain.execute("PRAGMA user_version = 1")
        for chat in (1, 2):
            plain.execute("INSERT INTO chats VALUES (?, ?, 1, 1, NULL)", (chat, f"title{chat}"))
        plain.executemany(
            "INSERT INTO messages (chat_id, parent_id, role, text, status, created)"
            " VALUES (?, ?, ?, ?, 'complete', 1)",
            [(2, None, "user", "second"), (1, None, "user", "first"), (1, 2, "assistant", "yes")],
        )
        plain.execute("UPDATE chats SET leaf_id = 3 WHERE id = 1")
        plain.execute("UPDATE chats SET leaf_id = 1 WHERE id = 2")
        plain.commit()
    with closing(ChatStore(Database(path))) as store:
        archive = Archive(store, ImageStore(path.parent / "images"))
        assert [(row.chat.title, row.messages) for row in archive.listing.rows()] == [
            ("title1", 2),
            ("title2", 1),
        ]
        assert [hit.chat.id for hit in archive.listing.search("title2")] == [2]
        assert texts(store, 1) == ["first", "yes"]


# ---------------------------------------------------------------------- a second process

DELETE = """
import sys
from pathlib import Path
from vlmtui.chat.archive import Archive
from vlmtui.storage.chats import ChatStore
from vlmtui.storage.database import Database
from vlmtui.storage.images import ImageStore
store = ChatStore(Database(sys.argv[1]))
archive = Archive(store, ImageStore(Path(sys.argv[1]).parent / "images"))
for line in sys.stdin:
    word, number = line.split()
    {"delete": archive.delete, "restore": store.trash.restore}[word](int(number))
    print(len(archive.listing.rows()), flush=True)
"""


def test_what_one_instance_deletes_the_other_can_restore(
    archive: Archive, store: ChatStore, path: Path
) -> None:
    chat, _ = store.start("t", user("q"))
    with child(DELETE, path) as process:
        process.tell(f"delete {chat.id}")
        assert process.read() == "0"
        assert archive.listing.rows() == []
        archive.chats.trash.restore(chat.id)
        process.tell(f"restore {chat.id}")
        assert process.read() == "1"
    assert titles(archive) == ["t"]
