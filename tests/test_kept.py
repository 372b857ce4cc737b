"""Small files: nothing in the place of one hangs, and nothing is half written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.disks import fill
from vlmtui import kept, paths
from vlmtui.cli import run
from vlmtui.compose import recent_pictures as recent
from vlmtui.doctor.bundle import write_bundle
from vlmtui.errors import SettingsError, StorageError, VlmtuiError
from vlmtui.hardware import bandwidth
from vlmtui.models import added, catalog, opened, pulled
from vlmtui.models.facts import FactsCache
from vlmtui.settings import load_settings
from vlmtui.storage.database import Database
from vlmtui.ui import remembered
from vlmtui.ui.themes.theme_files import load_themes


def _themes() -> None:
    folder = paths.config_dir() / "themes"
    assert [failure.path.name for failure in load_themes(folder).failures] == ["odd.toml"]


READERS: dict[str, Callable[[], object]] = {
    "config/config.toml": load_settings,
    "config/models.toml": catalog.load,
    "config/themes/odd.toml": _themes,
    "data/chats.db": lambda: Database(paths.database_path()),
    "data/models.json": added.ADDED.everything,
    "data/pulled.json": lambda: pulled.files("owner/name"),
    "state/opened.json": opened.files,
    "state/recent.json": recent.files,
    "state/screen.json": remembered.memory,
    "state/bandwidth.json": bandwidth.measured,
    "cache/models.json": FactsCache,
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", ["fifo", "endless", "directory"])
@pytest.mark.parametrize("name", READERS)
def test_what_is_no_file_in_the_place_of_one_holds_up_nobody(
    home: Path, name: str, kind: str
) -> None:
    path = home / name
    path.parent.mkdir(parents=True)
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "endless":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()
    try:
        READERS[name]()
    except VlmtuiError as error:
        assert path.name in error.message


@pytest.mark.timeout(60)
def test_a_bundle_for_a_report_waits_for_no_settings_that_are_no_file(
    home: Path, tmp_path: Path
) -> None:
    paths.config_dir()
    os.mkfifo(paths.config_path())
    made = write_bundle([], tmp_path / "report.zip")
    assert "config.toml" not in zipfile.ZipFile(made).namelist()


@pytest.mark.parametrize("text", ["a = " + "[" * 50_000, "x = " + "{a = " * 5_000])
def test_settings_nested_too_deeply_are_refused_in_words(home: Path, text: str) -> None:
    paths.config_dir()
    paths.config_path().write_text(text)
    with pytest.raises(SettingsError, match="not valid TOML"):
        load_settings()


def test_a_file_larger_than_a_small_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(bytes(kept.MOST_BYTES))
    assert len(kept.read(path)) == kept.MOST_BYTES
    path.write_bytes(bytes(kept.MOST_BYTES + 1))
    with pytest.raises(OSError, match="larger than 1 MB"):
        kept.read(path)


def test_a_full_disk_leaves_what_was_there(tiny_disk: Path) -> None:
    path = tiny_disk / "list.json"
    kept.store(path, {"old": 1})
    fill(tiny_disk / "ballast")
    with pytest.raises(StorageError, match="No space"):
        kept.store(path, {"new": "x" * 100_000})
    assert json.loads(path.read_bytes()) == {"old": 1}
    assert {each.name for each in tiny_disk.iterdir()} == {"list.json", "ballast"}


def test_a_settings_file_that_found_no_space_can_be_begun_again(
    tiny_disk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VLMTUI_HOME", str(tiny_disk))
    paths.config_dir()
    fill(tiny_disk / "ballast")
    assert run(["config", "init"]) == 2
    assert "No space" in capsys.readouterr().err
    (tiny_disk / "ballast").unlink()
    assert run(["config", "init"]) == 0
    load_settings()
    assert run(["config", "init"]) == 2
    assert "already" in capsys.readouterr().err


def test_a_new_file_is_for_its_owner_and_an_old_one_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "list"
    kept.write(path, b"1")
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o640)
    kept.write(path, b"2")
    assert (path.stat().st_mode & 0o777, path.read_bytes()) == (0o640, b"2")


def test_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "config.toml"
    link.symlink_to("elsewhere/config.toml")
    kept.write(link, b"1")
    kept.write(link, b"2")
    assert link.is_symlink()
    assert (tmp_path / "elsewhere/config.toml").read_bytes() == b"2"


def test_no_file_takes_the_place_of_a_device(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with pytest.raises(OSError, match="not a regular file"):
        kept.write(fifo, b"1")
    assert fifo.is_fifo()


def test_what_a_killed_writer_left_is_removed_in_time(tmp_path: Path) -> None:
    path = tmp_path / "list"
    left, fresh = tmp_path / ".list.0a.draft", tmp_path / ".list.0b.draft"
    for draft in (left, fresh):
        draft.write_bytes(b"half")
    an_age_ago = time.time() - 86_400
    os.utime(left, (an_age_ago, an_age_ago))
    kept.write(path, b"1")
    assert {each.name for each in tmp_path.iterdir()} == {"list", fresh.name}


def test_names_that_are_no_utf_8_are_kept(home: Path) -> None:
    path = os.fsdecode(b"/models/caf\xe9.gguf")
    added.ADDED.add(added.Added("latin", path))
    (model,) = added.ADDED.everything()
    assert os.fsencode(model.path) == b"/models/caf\xe9.gguf"


def test_two_that_add_at_once_lose_nothing(home: Path) -> None:
    program = (
        "import sys\n"
        "from vlmtui.models import added\n"
        "for number in range(10):\n"
        "    added.ADDED.add(added.Added(f'{sys.argv[1]}-{number}', '/x'))\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", program, name]) for name in "abc"]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    assert len(added.ADDED.everything()) == 30
