from __future__ import annotations

import os
from pathlib import Path

import pytest

from vlmtui import paths
from vlmtui.compose import picture_folders, recent_pictures


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    (folder / "Holiday").mkdir(parents=True)
    (folder / "archive").mkdir()
    for age, name in enumerate(("old.png", "older.jpg", ".hidden.png", "notes.txt")):
        (folder / name).write_bytes(b"x")
        os.utime(folder / name, (1e9 - age, 1e9 - age))
    (folder / "new.png").write_bytes(b"xx")
    return folder


def names(listing: picture_folders.Listing) -> list[str]:
    return [entry.name for entry in listing.entries]


def test_the_newest_pictures_come_first_then_directories_by_name(folder: Path) -> None:
    listing = picture_folders.read(str(folder))
    assert names(listing) == ["new.png", "old.png", "older.jpg", "archive/", "Holiday/"]
    assert listing.entries[0].size_bytes == 2


def test_files_that_were_attached_lately_come_before_all(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere.png"
    other.write_bytes(b"x")
    gone = str(tmp_path / "gone.png")
    listing = picture_folders.read(
        str(folder), recent=[str(other), gone, str(folder / "older.jpg")]
    )
    assert names(listing)[:4] == ["elsewhere.png", "older.jpg", "new.png", "old.png"]
    assert [entry.recent for entry in listing.entries][:3] == [True, True, False]


def test_hidden_files_are_shown_on_request(folder: Path) -> None:
    assert ".hidden.png" in names(picture_folders.read(str(folder), hidden=True))


def test_a_filter_leaves_names_that_have_its_words(folder: Path) -> None:
    entries = picture_folders.read(str(folder)).entries
    assert [entry.name for entry in picture_folders.matching(entries, "OLD")] == [
        "old.png",
        "older.jpg",
    ]
    assert [entry.name for entry in picture_folders.matching(entries, "")] == names(
        picture_folders.read(str(folder))
    )


def test_a_directory_that_can_not_be_read_says_why(folder: Path) -> None:
    assert picture_folders.read(str(folder / "nowhere")).failure == "No such file or directory"
    assert picture_folders.read(str(folder / "new.png")).failure == "Not a directory"


def test_a_link_to_nowhere_is_still_listed(folder: Path) -> None:
    (folder / "broken.png").symlink_to(folder / "nowhere.png")
    assert "broken.png" in names(picture_folders.read(str(folder)))


def test_attached_files_are_remembered_the_last_first(folder: Path) -> None:
    recent_pictures.note(["/a.png", "/b.png"])
    recent_pictures.note(["/c.png", "/a.png"])
    assert recent_pictures.files() == ["/a.png", "/c.png", "/b.png"]
    recent_pictures.note([f"/{number}.png" for number in range(50)])
    assert len(recent_pictures.files()) == 20


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff"])
def test_a_damaged_list_is_an_empty_one(content: bytes) -> None:
    (paths.state_dir() / "recent.json").write_bytes(content)
    assert recent_pictures.files() == []
    recent_pictures.note(["/a.png"])
    assert recent_pictures.files() == ["/a.png"]
