"""The content store: each picture once, whole or not at all."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path

import pytest

from tests.processes import child
from tests.storage.pictures import keep
from vlmtui.errors import StorageError
from vlmtui.storage.images import ImageStore


@pytest.fixture
def images(tmp_path: Path) -> ImageStore:
    return ImageStore(tmp_path / "store")


def files(tmp_path: Path) -> list[Path]:
    return [each for each in (tmp_path / "store").rglob("*") if each.is_file()]


def write(path: Path, content: bytes = b"picture") -> Path:
    path.write_bytes(content)
    return path


def test_a_picture_lies_under_the_hash_of_its_bytes(images: ImageStore, tmp_path: Path) -> None:
    stored = images.add(write(tmp_path / "Holiday.PNG"))
    sha256 = hashlib.sha256(b"picture").hexdigest()
    assert stored.sha256 == sha256
    assert stored.path == tmp_path / "store" / sha256[:2] / f"{sha256}.png"
    assert stored.path.read_bytes() == b"picture"
    assert stat.S_IMODE(stored.path.stat().st_mode) == 0o600


def test_equal_pictures_are_kept_once(images: ImageStore, tmp_path: Path) -> None:
    one = images.add(write(tmp_path / "one.png"))
    inode = one.path.stat().st_ino
    assert images.add(write(tmp_path / "two.png")) == one
    assert keep(images, b"picture") == one
    assert files(tmp_path) == [one.path]
    assert one.path.stat().st_ino == inode


def test_the_copy_stays_when_the_file_is_gone(images: ImageStore, tmp_path: Path) -> None:
    source = write(tmp_path / "a.png")
    stored = images.add(source)
    source.unlink()
    assert stored.path.read_bytes() == b"picture"


@pytest.mark.parametrize("damage", [b"", b"pict", b"PICTURE"])
def test_a_damaged_copy_is_replaced(images: ImageStore, tmp_path: Path, damage: bytes) -> None:
    source = write(tmp_path / "a.png")
    images.add(source).path.write_bytes(damage)
    assert images.add(source).path.read_bytes() == b"picture"
    assert len(files(tmp_path)) == 1


@pytest.mark.parametrize("name", ["a", "a.", "a.p/../../x", "a.p\udce9g", "a.longer", "a. g"])
def test_a_strange_ending_is_left_out(images: ImageStore, name: str) -> None:
    stored = keep(images, b"picture", Path(name).suffix)
    assert stored.path.name == stored.sha256


def test_a_file_that_cannot_be_read_is_an_error(images: ImageStore, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"absent\.png"):
        images.add(tmp_path / "absent.png")
    assert not (tmp_path / "store").exists()


def test_a_store_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    write(tmp_path / "store")
    with pytest.raises(StorageError, match="can't be kept") as caught:
        keep(ImageStore(tmp_path / "store"), b"picture")
    assert "VLMTUI_HOME" in caught.value.hint


def test_a_full_disk_is_an_error_and_leaves_no_rubbish(tiny_disk: Path) -> None:
    images = ImageStore(tiny_disk / "store")
    with pytest.raises(StorageError, match="no space left") as caught:
        keep(images, b"x" * 2_000_000)
    assert "Free some space" in caught.value.hint
    assert not [each for each in tiny_disk.rglob("*") if each.is_file()]
    assert keep(images, b"small").path.read_bytes() == b"small"


HALF = """
import io, sys
from vlmtui.storage.images import ImageStore
class Endless(io.RawIOBase):
    def read(self, size=-1):
        print("copying", flush=True)
        sys.stdin.readline()
        return b"half"
ImageStore(sys.argv[1]).add_open(Endless(), ".png")
"""


def test_a_process_killed_while_it_copies_leaves_no_half_picture(
    images: ImageStore, tmp_path: Path
) -> None:
    with child(HALF, tmp_path / "store") as process:
        process.read()
        process.tell("go on")
        process.read()
        process.kill()
    stored = keep(images, b"half")
    assert stored.path.read_bytes() == b"half"
    assert list((tmp_path / "store").glob("*/*")) == [stored.path]


@pytest.mark.parametrize("then", ["the next picture", "the next start"])
def test_what_a_killed_process_was_copying_is_removed(
    images: ImageStore, tmp_path: Path, then: str
) -> None:
    with child(HALF, tmp_path / "store") as process:
        process.read()
        copies = list((tmp_path / "store").glob("incoming-*"))
        assert len(copies) == 1
        images.sweep()  # it is still being written
        assert copies[0].exists()
        process.kill()
    assert copies[0].exists()
    if then == "the next start":
        images.sweep()
    else:
        keep(images, b"picture")
    assert not list((tmp_path / "store").glob("incoming-*"))
