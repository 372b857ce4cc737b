"""What comes out of the database is of the types it should be, whatever was put in."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from vlmtui.errors import StorageError
from vlmtui.messages import assistant, user
from vlmtui.stats import answer_stats, image_costs
from vlmtui.storage import stored_json
from vlmtui.storage.chats import ChatStore
from vlmtui.storage.database import Database
from vlmtui.storage.recover import is_sound

NAMES = (
    "generated_tokens", "decode_tokens_per_s", "time_to_first_token_s", "peak_memory_bytes",
    "context_used", "context_size", "finish_reason", "continued", "continued_by", "energy",
    "joules_per_token", "bandwidth_share", "pictures", "trimmed", "unseen", "decode_s", "counted",
)  # fmt: skip
WRONG = (
    "abc", "", -1, -0.5, 1e300, 10**400, None, True, [], {}, [1], ["a", {}], {"net_j": "much"},
    [{"sha256": 5}], [{"sha256": "ab", "seconds": "x"}], {"images": 5}, [[[]]], "9" * 5000,
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_whatever_stands_in_an_answers_stats_can_be_told(name: str) -> None:
    for wrong in WRONG:
        stats = stored_json.stats({"prompt_tokens": 7, name: wrong})
        assert stats is not None and stats["prompt_tokens"] == 7
        answer_stats.sentence(stats)
        answer_stats.summary([stats])
        answer_stats.roofline(stats)
        image_costs.costs(stats)


def test_what_is_right_stays_as_it_was() -> None:
    whole = {
        "generated_tokens": 57,
        "decode_tokens_per_s": 32.04,
        "finish_reason": "stop",
        "energy": {"net_j": 3.5, "total_j": 4.0, "idle_w": None, "seconds": 2.0, "phases": {}},
        "pictures": [
            {"sha256": "ab", "tokens": 5, "seconds": 0.5, "reused": False, "scaled_to": [3, 4]}
        ],
        "trimmed": {"dropped": 2, "images": ["ab"]},
        "of a later version": [1, {"a": None}],
    }
    assert stored_json.stats(whole) == whole


@pytest.mark.parametrize("text", ["{", "no JSON", "[1]", "5", "", "\0", '{"a":' * 100_000])
def test_a_row_with_unreadable_json_costs_its_stats_alone(path: Path, text: str) -> None:
    with closing(ChatStore(Database(path))) as store:
        chat, question = store.start("title", user("What is it?"))
        answer = store.add(chat.id, question.id, assistant("A cat."), "demo")
        store.update_text(answer.id, "A cat.", "complete", {"generated_tokens": 3})
    with closing(sqlite3.connect(path)) as plain, plain:
        plain.execute("UPDATE messages SET stats = ?", (text,))
        plain.execute("UPDATE chats SET sampling = ?", (text,))
        plain.execute(
            "INSERT INTO drafts (text, attachments, updated, writer) VALUES ('draft', ?, 1, 'x')",
            (text,),
        )
    with closing(ChatStore(Database(path))) as store:
        assert [stored.message.text for stored in store.thread(chat.id)][1] == "A cat."
        assert store.thread(chat.id)[1].stats is None
        assert store.get(chat.id).sampling is None
        assert store.drafts.find(None).text == "draft"
        assert store.trees.read(chat.id)
        store.annotate(answer.id, {"generated_tokens": 4})
        assert store.thread(chat.id)[1].stats == {"generated_tokens": 4}


def test_a_damaged_row_costs_what_is_damaged_of_it_alone(path: Path) -> None:
    with closing(ChatStore(Database(path))) as store:
        chat, question = store.start("a chat", user("why?"))
        answer = store.add(chat.id, question.id, assistant("because"), "demo")
        more = store.add(chat.id, answer.id, user("really?"))
    with closing(sqlite3.connect(path)) as plain, plain:
        plain.execute("UPDATE messages SET role = 'assistent' WHERE id = ?", (answer.id,))
        plain.execute("UPDATE messages SET role = '' WHERE id = ?", (question.id,))
        plain.execute("UPDATE messages SET text = CAST(x'68c32d' AS TEXT) WHERE id = ?", (more.id,))
        plain.execute("UPDATE messages SET parent_id = ? WHERE id = ?", (more.id, answer.id))
    with closing(ChatStore(Database(path))) as store:
        shown = store.thread(chat.id)  # from behind, as far as it isn't a circle
        assert [each.message.text for each in shown] == ["because", "h\N{REPLACEMENT CHARACTER}-"]
        tree = store.trees.read(chat.id)
        assert [each.message.role.value for each in tree] == ["user", "assistant", "user"]
        assert len(store.trees.read(store.trees.add(chat, tree).id)) == 3
        store.trash.delete_message(answer.id)
        store.add(chat.id, more.id, user("yes"))  # brings back what it follows


def test_a_schema_that_is_no_text_is_told_as_damage(path: Path) -> None:
    Database(path).close()
    with closing(sqlite3.connect(path)) as plain:
        plain.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = path.read_bytes()
    path.write_bytes(
        content.replace(b"CREATE TABLE messages (", b"CREATE " + b"\xff" * 5 + b" messages (")
    )
    with pytest.raises(StorageError, match="are damaged"):
        Database(path)
    assert not is_sound(path)
