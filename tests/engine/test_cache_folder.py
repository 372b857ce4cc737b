"""The folder of an engine's caches: bounded, private, and never in the way."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from vlmtui.engine import cached_file
from vlmtui.engine.cache_folder import CacheFolder
from vlmtui.engine.cached_file import Useless


def put(folder: CacheFolder, name: str, size: int, age: float = 0.0) -> Path:
    path = folder.find("picture", name)
    assert folder.keep(path, b"about " + name.encode(), [memoryview(bytes(size))])
    used = path.stat().st_mtime - age
    os.utime(path, (used, used))
    return path


def test_what_was_unused_for_longest_leaves_first(tmp_path: Path) -> None:
    folder = CacheFolder(tmp_path / "cache", 3_000)
    old, older, oldest = (put(folder, str(age), 800, age) for age in (10, 20, 30))
    folder.used(oldest)
    put(folder, "new", 800)
    assert old.exists() and oldest.exists() and not older.exists()
    assert sum(entry.size_bytes for entry in folder.entries()) <= 3_000


def test_what_is_larger_than_all_of_it_is_not_kept(tmp_path: Path) -> None:
    folder = CacheFolder(tmp_path / "cache", 1_000)
    small = put(folder, "small", 100)
    assert not folder.keep(folder.find("picture", "large"), b"", [memoryview(bytes(2_000))])
    assert small.exists()


def test_only_its_owner_reads_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        path = put(CacheFolder(tmp_path / "cache", 1_000), "a", 10)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_full_disk_holds_nobody_up(tiny_disk: Path) -> None:
    folder = CacheFolder(tiny_disk / "cache", 10_000_000)
    path = folder.find("chat", "a")
    assert not folder.keep(path, b"", [memoryview(bytes(2_000_000))])
    assert not folder.entries()


def test_a_place_that_can_not_be_written_holds_nobody_up(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    folder = CacheFolder(tmp_path / "file" / "cache", 1_000)
    folder.begin_chat("a")
    assert not folder.keep(folder.find("chat", "a"), b"", [memoryview(b"x")])
    assert folder.entries() == [] and folder.clear() == 0


def test_what_is_given_up_leaves_nothing(tmp_path: Path) -> None:
    folder = CacheFolder(tmp_path / "cache", 10_000_000)
    left = iter([True, True, False])
    size = 5_000_000
    path = folder.find("chat", "a")
    assert not folder.keep(path, b"", [memoryview(bytes(size))], lambda: next(left))
    assert list(folder.path.iterdir()) == []


def test_all_of_it_is_cleared(tmp_path: Path) -> None:
    folder = CacheFolder(tmp_path / "cache", 10_000)
    folder.begin_chat("b")
    path = put(folder, "a", 1_000)
    assert folder.clear() >= 1_000
    assert not path.exists() and not folder.is_wanted("b")
    assert list(folder.path.iterdir()) == []


def test_links_are_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("mine")
    folder = CacheFolder(tmp_path / "cache", 10_000)
    folder.path.mkdir()
    (folder.path / "chat-x").symlink_to(precious)
    assert folder.entries() == []
    folder.clear()
    assert precious.read_text() == "mine"


def test_a_pipe_in_the_place_of_a_file_holds_nobody_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a")
    with pytest.raises(Useless):
        cached_file.read(tmp_path / "a")


@pytest.mark.parametrize("cut", [0, 5, 20, 60, 1_100, 2_000])
def test_a_torn_file_is_useless(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "a"
    cached_file.write(path, b"about" * 10, [memoryview(os.urandom(2_000))])
    assert cached_file.read(path)[0] == cached_file.described(path) == b"about" * 10
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(Useless):
        cached_file.read(path)


def test_a_large_file_comes_back_as_its_parts_in_a_row(tmp_path: Path) -> None:
    path = tmp_path / "a"
    parts = [os.urandom(size) for size in (1_500_000, 0, 2_000_000, 7)]
    assert cached_file.write(path, b"about", [memoryview(part) for part in parts])
    assert cached_file.read(path) == (b"about", b"".join(parts))


@pytest.mark.parametrize("change", ["last", "swapped", "shorter", "longer", "of before"])
def test_damage_far_inside_makes_it_useless(tmp_path: Path, change: str) -> None:
    path = tmp_path / "a"
    cached_file.write(path, b"about", [memoryview(os.urandom(3_500_000))])
    whole = bytearray(path.read_bytes())
    piece = 1 << 20
    start = len(whole) - 3_500_000 - 32
    if change == "last":
        whole[-33] ^= 1
    elif change == "swapped":
        one, two = slice(start, start + piece), slice(start + piece, start + 2 * piece)
        whole[one], whole[two] = whole[two], whole[one]
    elif change == "shorter":
        del whole[start : start + piece]
    elif change == "longer":
        whole[start:start] = bytes(piece)
    else:
        whole[7] = 1
    path.write_bytes(whole)
    with pytest.raises(Useless):
        cached_file.read(path)


def test_each_changed_byte_makes_it_useless(tmp_path: Path) -> None:
    path = tmp_path / "a"
    cached_file.write(path, b"about", [memoryview(b"payload")])
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(Useless):
            cached_file.read(path)
