"""A run without a disk: everything works, and nothing stays."""

from __future__ import annotations

import tempfile
import threading
from contextlib import closing
from pathlib import Path

import pytest

from tests.disks import fill
from tests.storage.pictures import keep
from vlmtui.errors import StorageError
from vlmtui.messages import ImagePart, assistant, user
from vlmtui.storage import temporary_store
from vlmtui.storage.temporary_store import TemporaryStore

REASON = StorageError("The chats in /x/chats.db are damaged", "Look at them")


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    return place


def test_a_chat_with_pictures_is_held_and_then_gone(temporary: Path) -> None:
    with closing(TemporaryStore(REASON, Path("words"))) as held:
        kept = keep(held.images, b"picture")
        image = ImagePart(str(kept.path), kept.sha256, "a.png", 1, 1)
        chat, question = held.store.start("t", user("q", (image,)))
        held.store.add(chat.id, question.id, assistant(""), "demo", "streaming")
        held.store.drafts.save(chat.id, "and", (image,))
        assert [m.status for m in held.store.thread(chat.id)] == ["complete", "streaming"]
        (shown,) = held.store.thread(chat.id)[0].message.images
        assert Path(shown.path).read_bytes() == b"picture"
        assert held.store.drafts.find(chat.id).images == (image,)
        assert "damaged" in held.warning.message
        assert "/export" in held.warning.hint
    assert list(temporary.iterdir()) == []


def test_threads_share_it(temporary: Path) -> None:
    def talk() -> None:
        chat, question = held.store.start("t", user("q"))
        for _ in range(20):
            answer = held.store.add(chat.id, question.id, assistant(""), "demo", "streaming")
            held.store.update_text(answer.id, "yes", "complete")
            assert held.store.thread(chat.id)[-1].message.text == "yes"

    with closing(TemporaryStore(REASON, Path("words"))) as held:
        threads = [threading.Thread(target=talk) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [row.messages for row in held.store.listing.rows()] == [21] * 4


def test_where_the_temporary_directory_is_full_too_another_place_is_found(
    tiny_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tiny_disk / "ballast")
    memory = tmp_path / "memory"
    memory.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tiny_disk))
    monkeypatch.setattr(temporary_store, "_IN_MEMORY", str(memory))
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    with closing(TemporaryStore(REASON, Path("words"))) as held:
        assert keep(held.images, b"x").path.is_relative_to(memory)
    assert list(memory.iterdir()) == []


def test_where_there_is_no_room_at_all_the_reason_is_told(
    tiny_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tiny_disk / "ballast")
    monkeypatch.setattr(tempfile, "tempdir", str(tiny_disk))
    monkeypatch.setattr(temporary_store, "_IN_MEMORY", str(tiny_disk))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tiny_disk))
    with pytest.raises(StorageError) as caught:
        TemporaryStore(REASON, Path("words"))
    assert caught.value is REASON
    assert [each.name for each in tiny_disk.iterdir()] == ["ballast"]
