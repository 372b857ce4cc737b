from __future__ import annotations

import getpass
import os
import time
from pathlib import Path

import pytest

from vlmtui.compose.pasted_paths import paths
from vlmtui.compose.remote_paths import copied, copy_command, is_elsewhere


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("/a/b.png", ["/a/b.png"]),
        ("/a/b.png ", ["/a/b.png"]),
        ("'/a/it s.png'", ["/a/it s.png"]),
        ('"/a/b c.png"', ["/a/b c.png"]),
        ("'/a/it'\\''s.png'", ["/a/it's.png"]),
        ("'/a/it'\"'\"'s.png' '/b c.png'", ["/a/it's.png", "/b c.png"]),
        ("/a/it\\'s.png", ["/a/it's.png"]),
        (r"'/a/it\'\''s.png'", [r"/a/it\'s.png"]),
        (r"'/a/it\'s \\.png' '/b c.png'", ["/a/it's \\.png", "/b c.png"]),
        (r'"/a/a \"b\" \$c.png"', ['/a/a "b" $c.png']),
        (r"$'/a/it\'s \303\244\xc3\xb6\u00fc.png' /b.png", ["/a/it's äöü.png", "/b.png"]),
        (r"$'/a/\377.png'", ["/a/\udcff.png"]),
        ("/a/b\\ c.png", ["/a/b c.png"]),
        ("/a/b c.png", ["/a/b c.png"]),
        ("file:///a/b%20c.png", ["/a/b c.png"]),
        ("/a/b.png /a/c.JPG", ["/a/b.png", "/a/c.JPG"]),
        ("'/a/b.png' '/a/c d.png'", ["/a/b.png", "/a/c d.png"]),
        ("/a/b.png\n/a/c d.png\n", ["/a/b.png", "/a/c d.png"]),
        ("~/b.png", ["~/b.png"]),
        (r"C:\Users\me\b.png", [r"C:\Users\me\b.png"]),
        (r'"C:\My pictures\b.png"', [r"C:\My pictures\b.png"]),
        ("https://example.org/b.png?size=2", ["https://example.org/b.png?size=2"]),
    ],
)
def test_what_terminals_make_of_a_dropped_file_is_read(text: str, found: list[str]) -> None:
    assert paths(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "see /a/b.png",
        "/a/notes.txt",
        "nowhere.png",
        "a sentence about b.png",
        "https://example.org/page",
        "file://[broken.png",
        "file:///a%00b.png",
        "/a/b.png\nand a second line",
        "x" * 30_000 + ".png",
    ],
)
def test_other_texts_are_just_texts(text: str) -> None:
    assert paths(text) == []


def test_two_backslashes_in_quotes_are_one_where_fish_wrote_them(tmp_path: Path) -> None:
    written = rf"'{tmp_path}/a\\b.png'"
    assert paths(written) == [rf"{tmp_path}/a\\b.png"]
    (tmp_path / r"a\b.png").touch()
    assert paths(written) == [rf"{tmp_path}/a\b.png"]
    (tmp_path / r"a\\b.png").touch()
    assert paths(written) == [rf"{tmp_path}/a\\b.png"]


def test_a_bare_name_is_a_path_when_the_file_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here.png").touch()
    assert paths("here.png") == ["here.png"]


@pytest.mark.parametrize(
    "path",
    [
        "/Users/me/Desktop/a.png",
        "/home/nobody-of-this-name/a.png",
        "C:\\Users\\me\\a.png",
        "~/Desktop/a.png",
        "/var/folders/x1/T/a.png",
    ],
)
def test_paths_of_a_laptop_are_told_from_typos(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert is_elsewhere(path)
    assert not is_elsewhere("~/typo.png")
    assert not is_elsewhere("/nowhere/typo.png")


def test_a_file_of_that_name_that_was_here_before_is_another_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    picture = tmp_path / "a.png"
    picture.write_bytes(b"x")
    os.utime(picture, (1e9, 1e9))  # as `scp -p` leaves it
    assert copied("/Users/me/a.png") == ["a.png"]
    now = time.time()
    monkeypatch.setattr("time.time", lambda: now + 86_400)
    assert copied("/Users/me/a.png") == []


def test_a_file_that_is_there_is_not_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "Desktop").mkdir()
    (tmp_path / "Desktop" / "a.png").touch()
    assert not is_elsewhere("~/Desktop/a.png")


@pytest.mark.parametrize(
    ("connection", "scp", "host"),
    [
        ("10.0.0.9 5000 10.0.0.2 22", "scp", "10.0.0.2"),
        ("fe80::9 5000 fe80::2 2222", "scp -P 2222", "[fe80::2]"),
    ],
)
def test_the_command_copies_to_where_one_is_logged_in(
    connection: str, scp: str, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_CONNECTION", connection)
    user = getpass.getuser()
    monkeypatch.setattr("os.getcwd", lambda: "/data/my work")
    assert (
        copy_command("/Users/me/it's.png")
        == f"{scp} '/Users/me/it'\"'\"'s.png' {user}@{host}:'/data/my work/'"
    )
    monkeypatch.setattr("os.getcwd", lambda: "/d")
    assert copy_command("~/Desktop/a b.png") == f"{scp} ~/'Desktop/a b.png' {user}@{host}:/d/"
    assert copy_command("C:\\a b.png") == f'{scp} "C:\\a b.png" {user}@{host}:/d/'
