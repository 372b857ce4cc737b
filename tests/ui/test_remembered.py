"""How the screen was left comes back, and nothing on the disk keeps the chat from opening."""

from __future__ import annotations

from pathlib import Path

import pytest

from vlmtui import paths
from vlmtui.ui import remembered
from vlmtui.ui.remembered import Memory, Remembered


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "screen.json")
    memory.change(chats=True, side_width=50)
    memory.save()
    assert Memory(tmp_path / "screen.json").value == Remembered(chats=True, side_width=50)
    assert [path.name for path in tmp_path.iterdir()] == ["screen.json"]


@pytest.mark.parametrize(
    "garbage",
    [b"", b"{", b"[]", b"null", b"\xff\xfe\x00", b"[" * 200_000, b'{"side": "yes", "chats": 3}'],
)
def test_a_damaged_file_is_as_good_as_none(tmp_path: Path, garbage: bytes) -> None:
    path = tmp_path / "screen.json"
    path.write_bytes(garbage)
    assert Memory(path).value == Remembered()


def test_what_makes_sense_survives_what_does_not(tmp_path: Path) -> None:
    path = tmp_path / "screen.json"
    path.write_text('{"side": false, "side_width": "wide", "from the future": [1]}')
    assert Memory(path).value == Remembered(side=False)


def test_a_place_that_can_not_be_written_is_no_error(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "missing" / "screen.json")
    memory.change(chats=True)
    memory.save()
    assert memory.value.chats is True


def test_a_directory_in_the_place_of_the_file_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "screen.json"
    path.mkdir()
    memory = Memory(path)
    memory.change(chats=True)
    memory.save()
    assert [found.name for found in tmp_path.iterdir()] == ["screen.json"]


def test_without_a_state_directory_nothing_is_remembered(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.write_text("a file where the directory should be")
    memory = remembered.memory()
    memory.change(chats=True)
    memory.save()
    assert memory.value.chats is True


def test_the_users_own_lies_with_the_state() -> None:
    memory = remembered.memory()
    memory.change(theme="x")
    memory.save()
    assert (paths.state_dir() / "screen.json").is_file()
