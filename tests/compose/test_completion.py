from __future__ import annotations

import os
from pathlib import Path

import pytest

from vlmtui.compose.completion import Fragment, Kind, candidates, common, fragment, spell


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("cat.png", "Car.JPG", "notes.txt", ".hidden.png", "two words.webp"):
        (tmp_path / name).touch()
    (tmp_path / "camera").mkdir()
    (tmp_path / "camera" / "1.png").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def names(typed: str) -> list[str]:
    return [candidate.name for candidate in candidates(typed)]


def test_pictures_and_directories_are_offered_and_nothing_else(folder: Path) -> None:
    assert names("") == ["Car.JPG", "cat.png", "two words.webp", "camera/"]


def test_hidden_files_are_offered_after_a_dot(folder: Path) -> None:
    assert names(".") == [".hidden.png"]


def test_small_letters_find_capitals_and_capitals_only_capitals(folder: Path) -> None:
    assert names("ca") == ["Car.JPG", "cat.png", "camera/"]
    assert names("Ca") == ["Car.JPG"]


def test_a_directory_is_completed_in_the_users_spelling(folder: Path) -> None:
    assert [candidate.path for candidate in candidates("camera/")] == ["camera/1.png"]
    assert [candidate.path for candidate in candidates("~/cat")] == ["~/cat.png"]
    assert [candidate.path for candidate in candidates(f"{folder}/cat")] == [f"{folder}/cat.png"]


def test_what_can_not_be_read_has_no_candidates(folder: Path) -> None:
    assert candidates("nowhere/") == []
    assert candidates("cat.png/") == []


def test_the_common_beginning_is_completed(folder: Path) -> None:
    assert common("c", candidates("camera/")) == "camera/1.png"
    assert common("ca", candidates("ca")) == "ca"
    assert common("x", []) == "x"


@pytest.mark.parametrize(
    ("text", "path", "quote"),
    [
        ("see @ca", "ca", ""),
        ("@", "", ""),
        ('@"two wo', "two wo", '"'),
        ("@two\\ wo", "two wo", ""),
        ("/image cat.png ca", "ca", ""),
        ("/image 'two wo", "two wo", "'"),
    ],
)
def test_the_path_at_the_cursor_is_recognised(text: str, path: str, quote: str) -> None:
    found = fragment(text, len(text))
    assert found is not None
    assert (found.path, found.quote) == (path, quote)


@pytest.mark.parametrize(
    "text", ["me@ca", "just text", "@a.png and", "say /image ca", "/image a\nca"]
)
def test_elsewhere_nothing_is_completed(text: str) -> None:
    assert fragment(text, len(text)) is None


@pytest.mark.parametrize("quote", ["", '"'])
@pytest.mark.parametrize("path", ["a.png", "two words.webp", "it's (1).png", "tab\there.png"])
def test_a_completed_path_reads_back_as_itself(path: str, quote: str) -> None:
    text = "@" + spell(path, quote, whole=False)
    found = fragment(text, len(text))
    if quote and "'" in path:
        return  # a quote of the other kind inside quotes ends the fragment; the mention still reads
    assert found is not None
    assert found.path == path


def test_a_command_is_recognised_behind_pictures() -> None:
    lead = "[image: a.png 1x1] "
    found = fragment(lead + "/ima", len(lead) + 4, len(lead))
    assert found == Fragment(Kind.COMMAND, len(lead), len(lead) + 4, "/ima")
    found = fragment(lead + "/image ca", len(lead) + 9, len(lead))
    assert found is not None and (found.kind, found.path) == (Kind.PATH, "ca")
    found = fragment("/theme dark", 11)
    assert found == Fragment(Kind.ARGUMENT, 7, 11, "dark", command="theme")


def test_a_pattern_offers_all_that_it_fits_and_each(folder: Path) -> None:
    (folder / "dog.png").touch()
    rows = candidates("*.png")
    assert [(row.path, row.note) for row in rows] == [
        ("*.png", "all 2 pictures"),
        ("cat.png", ""),
        ("dog.png", ""),
    ]
    assert spell("my shots/*.png", "", whole=True) == "my\\ shots/*.png"


def test_a_name_that_only_looks_like_a_pattern_is_completed(folder: Path) -> None:
    (folder / "[draft] cat.png").touch()
    (folder / "new one.png").touch()
    assert [row.path for row in candidates("[dr")] == ["[draft] cat.png"]
    assert [row.path for row in candidates("[draft] c")] == ["[draft] cat.png"]


def test_newest_is_offered_with_the_name_of_the_picture(folder: Path) -> None:
    os.utime(folder / "cat.png", (2e9, 2e9))
    assert [(row.path, row.note) for row in candidates("new")] == [("newest", "cat.png")]
    assert [row.note for row in candidates("newest:3")] == ["cat.png and 2 more"]
