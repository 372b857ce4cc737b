"""Chats: what goes in comes out, nothing is overwritten, and the dead are told from the living."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec
import pytest

from tests.processes import child
from vlmtui.errors import StorageError
from vlmtui.messages import ImagePart, Message, Role, TextPart, assistant, system, user
from vlmtui.storage.chats import ChatStore
from vlmtui.storage.database import Database


def image(path: Path, name: str = "shapes.png", digit: str = "a") -> ImagePart:
    return ImagePart(str(path), digit * 64, name, 640, 480)


def texts(store: ChatStore, chat_id: int, leaf_id: int | None = None) -> list[str]:
    return [stored.message.text for stored in store.thread(chat_id, leaf_id)]


# ---------------------------------------------------------------------- round trips


def test_a_chat_comes_back_as_it_was(path: Path) -> None:
    picture = image(path.parent / "images" / "aa" / "a.png")
    with closing(ChatStore(Database(path))) as store:
        chat, question = store.start("Shapes", user("What is this? 🟦\n\tä", (picture,)))
        answer = store.add(chat.id, question.id, assistant("A square."), "demo")
        store.update_text(answer.id, "A **blue** square.", "complete", {"decode_s": 0.5})
    with closing(ChatStore(Database(path))) as store:
        first, second = store.thread(chat.id)
        assert first == question
        assert first.message == user("What is this? 🟦\n\tä", (picture,))
        assert second.message == assistant("A **blue** square.")
        assert second.parent_id == first.id
        assert (second.status, second.model) == ("complete", "demo")
        assert second.stats == {"decode_s": 0.5}
        assert store.latest() == store.get(chat.id)


def test_pictures_keep_their_places_between_texts(store: ChatStore, path: Path) -> None:
    a, b = image(path.parent / "a.png"), image(path.parent / "b.png", "b", "b")
    b = msgspec.structs.replace(b, detail=700)
    parts = (TextPart("Compare "), a, TextPart(" with "), b, a)
    chat, stored = store.start("t", Message(Role.USER, parts))
    assert store.thread(chat.id)[0].message.parts == parts == stored.message.parts


def test_a_failure_is_kept_with_its_kind_and_words(store: ChatStore) -> None:
    chat, question = store.start("t", user("q"))
    answer = store.add(chat.id, question.id, assistant(""), "demo", "streaming")
    store.update_text(answer.id, "A", "failed", error="It died", error_kind="EngineCrashed")
    failed = store.thread(chat.id)[-1]
    assert (failed.status, failed.error, failed.error_kind) == (
        "failed",
        "It died",
        "EngineCrashed",
    )


def test_pictures_are_found_when_the_data_directory_moves(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    inside, outside = here / "images" / "a.png", tmp_path / "outside.png"
    with closing(ChatStore(Database(here / "chats.db"))) as store:
        pictures = (image(inside), image(outside, digit="b"))
        chat, _ = store.start("t", user("q", pictures))
    here.rename(there)
    with closing(ChatStore(Database(there / "chats.db"))) as store:
        found = store.thread(chat.id)[0].message.images
    assert [each.path for each in found] == [str(there / "images" / "a.png"), str(outside)]


def test_text_that_is_no_unicode_is_kept_as_far_as_it_can_be(store: ChatStore, path: Path) -> None:
    odd = image(path.parent / "a.png", name="caf\udce9.png")
    chat, stored = store.start("t\udcff", user("a\udc80b \ud83d\ude00 \0", (odd,)))
    assert stored.message.text == "a\ufffdb 😀 \0"
    assert store.thread(chat.id)[0] == stored
    assert stored.message.images[0].name == "caf\ufffd.png"


def test_a_system_message_can_be_part_of_a_chat(store: ChatStore) -> None:
    chat, _ = store.start("t", system("Be brief."))
    assert store.thread(chat.id)[0].message == system("Be brief.")


# ---------------------------------------------------------------------- the tree


def test_a_second_answer_is_a_sibling_and_the_first_one_stays(store: ChatStore) -> None:
    chat, question = store.start("t", user("q"))
    one = store.add(chat.id, question.id, assistant("one"))
    two = store.add(chat.id, question.id, assistant("two"))
    assert texts(store, chat.id) == ["q", "two"]
    assert texts(store, chat.id, one.id) == ["q", "one"]
    assert store.siblings(two.id) == store.siblings(one.id) == [one.id, two.id]
    store.set_leaf(chat.id, one.id)
    assert texts(store, chat.id) == ["q", "one"]


def test_a_reworded_first_question_is_a_sibling_too(store: ChatStore) -> None:
    chat, first = store.start("t", user("first"))
    other_chat, _ = store.start("t", user("another chat's"))
    again = store.add(chat.id, None, user("reworded"))
    assert texts(store, chat.id) == ["reworded"]
    assert store.siblings(first.id) == [first.id, again.id]
    assert texts(store, other_chat.id) == ["another chat's"]


def test_the_chat_that_got_a_message_last_comes_first(store: ChatStore) -> None:
    assert store.latest() is None
    one, question = store.start("one", user("q"))
    two, _ = store.start("two", user("q"))
    assert [chat.id for chat in store.recent()] == [two.id, one.id]
    store.add(one.id, question.id, assistant("a"))
    assert [chat.id for chat in store.recent()] == [one.id, two.id]
    assert [chat.id for chat in store.recent(limit=1)] == [one.id]


def test_a_clock_that_is_set_back_does_not_change_what_came_last(
    store: ChatStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    yesterday, _ = store.start("yesterday", user("q"))
    monkeypatch.setattr("time.time", lambda: 0.0)
    today, _ = store.start("after a boot without a battery", user("q"))
    assert [chat.id for chat in store.recent()] == [today.id, yesterday.id]


def test_a_chat_without_messages_is_not_listed(store: ChatStore) -> None:
    chat = store.create("empty")
    assert store.recent() == []
    assert store.thread(chat.id) == []
    assert store.get(chat.id).title == "empty"


def test_a_chat_can_be_renamed(store: ChatStore) -> None:
    chat, _ = store.start("old", user("q"))
    store.rename(chat.id, "new")
    assert store.get(chat.id).title == "new"


def test_what_is_not_there_is_an_error(store: ChatStore) -> None:
    with pytest.raises(StorageError, match="no chat 7"):
        store.get(7)
    with pytest.raises(StorageError):
        store.add(7, None, user("q"))
    with pytest.raises(StorageError, match="was deleted"):
        store.update_text(7, "text", "complete")


def test_a_first_message_that_fails_leaves_no_chat(store: ChatStore, path: Path) -> None:
    with closing(sqlite3.connect(path)) as plain:
        plain.execute(
            "CREATE TRIGGER refuse BEFORE INSERT ON messages"
            " BEGIN SELECT RAISE(ABORT, 'refused'); END"
        )
    with pytest.raises(StorageError, match="refused"):
        store.start("t", user("q"))
    with closing(sqlite3.connect(path)) as plain:
        assert plain.execute("SELECT count(*) FROM chats").fetchone() == (0,)


# ---------------------------------------------------------------------- searching


def found(store: ChatStore, text: str) -> list[str]:
    return sorted(hit.excerpt for hit in store.listing.search(text))


def test_words_are_found_by_their_beginnings_without_case_or_accents(store: ChatStore) -> None:
    store.start("t", user("Where is the Café?"))
    store.start("t", user("Where is the circle?"))
    assert found(store, "CAFE") == ["Where is the Café?"]
    assert found(store, "whe cir") == ["Where is the circle?"]
    assert found(store, "the") == ["Where is the Café?", "Where is the circle?"]
    assert found(store, "square") == []


@pytest.mark.parametrize(
    "typed",
    [
        '"',
        '"circle',
        "circle*",
        "^circle",
        "text:circle",
        "circle -red",
        "(circle",
        "circle)",
        "NOT circle",
        "circle AND",
        "OR",
        "NEAR(circle",
        "{text}:circle",
        "circle + red",
        "' OR 1=1 --",
        "%",
        "a\0b",
        "\udcff",
        "",
        "  ",
        "…",
    ],
)
def test_no_text_is_a_wrong_search(store: ChatStore, typed: str) -> None:
    store.start("t", user("a circle"))
    store.listing.search(typed)


def test_signs_around_a_word_do_not_hide_it(store: ChatStore) -> None:
    store.start("t", user("Is there a circle-shaped thing?"))
    for typed in ('"circle"', "circle*", "(circle)", "circle-shaped", "- circle", "circle ?"):
        assert found(store, typed) == ["Is there a circle-shaped thing?"], typed


def test_a_search_knows_what_an_answer_says_now(store: ChatStore) -> None:
    chat, question = store.start("t", user("q"))
    answer = store.add(chat.id, question.id, assistant(""), "demo", "streaming")
    store.update_text(answer.id, "a triangle", "streaming")
    (hit,) = store.listing.search("triangle")
    assert (hit.chat.id, hit.message_id, hit.excerpt) == (chat.id, answer.id, "a triangle")
    store.update_text(answer.id, "a star", "complete")
    assert found(store, "triangle") == []
    assert found(store, "star") == ["a star"]


def test_a_deleted_chat_is_not_found_and_the_index_stays_sound(
    store: ChatStore, path: Path
) -> None:
    store.start("t", user("gone"))
    with closing(sqlite3.connect(path)) as plain:
        plain.execute("PRAGMA foreign_keys = ON")
        plain.execute("DELETE FROM chats")
        plain.commit()
        plain.execute("INSERT INTO messages_fts (messages_fts) VALUES ('integrity-check')")
    assert found(store, "gone") == []


# ---------------------------------------------------------------------- power cuts


class WatchedDatabase(Database):
    """Notes which writes are flushed to the disk."""

    flushed: list[bool]

    @contextmanager
    def write(self, *, durable: bool = False) -> Iterator[sqlite3.Connection]:
        self.__dict__.setdefault("flushed", []).append(durable)
        with super().write(durable=durable) as connection:
            yield connection


def test_questions_and_finished_answers_survive_a_power_cut(path: Path) -> None:
    database = WatchedDatabase(path)
    with closing(ChatStore(database)) as store:
        database.flushed.clear()
        chat, question = store.start("t", user("q"))
        assert database.flushed[0]
        database.flushed.clear()
        again = store.add(chat.id, question.id, user("q"))
        answer = store.add(chat.id, again.id, assistant(""), "demo", "streaming")
        store.update_text(answer.id, "half", "streaming")
        store.update_text(answer.id, "whole", "complete")
        assert database.flushed == [True, False, False, True]


# ---------------------------------------------------------------------- several instances


def test_both_instances_see_what_either_writes(store: ChatStore, other: ChatStore) -> None:
    chat, question = store.start("t", user("q"))
    other.add(chat.id, question.id, assistant("theirs"))
    assert texts(store, chat.id) == ["q", "theirs"]
    assert texts(store, chat.id, question.id) == ["q"]


def test_the_answer_of_another_running_instance_is_streaming(
    store: ChatStore, other: ChatStore
) -> None:
    chat, question = store.start("t", user("q"))
    answer = store.add(chat.id, question.id, assistant(""), "demo", "streaming")
    store.update_text(answer.id, "half", "streaming")
    assert other.thread(chat.id)[-1].status == "streaming"
    assert store.thread(chat.id)[-1].status == "streaming"


def test_an_answer_that_its_instance_left_unfinished_is_interrupted(
    store: ChatStore, other: ChatStore
) -> None:
    chat, question = store.start("t", user("q"))
    store.add(chat.id, question.id, assistant(""), "demo", "streaming")
    store.close()
    assert other.thread(chat.id)[-1].status == "interrupted"


STREAM = """
import sys
from vlmtui.messages import assistant, user
from vlmtui.storage.chats import ChatStore
from vlmtui.storage.database import Database
store = ChatStore(Database(sys.argv[1]))
chat, question = store.start("t", user("What is this?"))
answer = store.add(chat.id, question.id, assistant(""), "demo", "streaming")
store.update_text(answer.id, "A red", "streaming")
print(chat.id, flush=True)
sys.stdin.readline()
"""


def test_a_process_killed_while_it_streams_leaves_its_words_as_interrupted(
    store: ChatStore, path: Path
) -> None:
    with child(STREAM, path) as process:
        chat_id = int(process.read())
        assert store.thread(chat_id)[-1].status == "streaming"
        process.kill()
        question, answer = store.thread(chat_id)
    assert question.message.text == "What is this?"
    assert (answer.message.text, answer.status) == ("A red", "interrupted")
