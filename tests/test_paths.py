"""Where files lie, and what happens when they can't lie there."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from vlmtui import paths
from vlmtui.errors import StorageError


def test_one_variable_puts_everything_into_one_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "box"
    monkeypatch.setenv("VLMTUI_HOME", str(home))
    assert paths.data_dir() == home / "data"
    assert paths.config_dir() == home / "config"
    assert paths.cache_dir() == home / "cache"
    assert paths.state_dir() == home / "state"
    assert paths.database_path().parent == home / "data"
    assert paths.images_dir().parent == home / "data"
    assert paths.engine_log_path().parent == home / "state"
    assert paths.app_log_path().parent == home / "state"
    assert paths.config_path().parent == home / "config"


def test_a_relative_home_does_not_follow_a_change_of_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VLMTUI_HOME", "box")
    assert paths.data_dir() == tmp_path / "box" / "data"


def test_without_the_variable_the_platforms_places_are_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VLMTUI_HOME", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert paths.data_dir() == tmp_path / "share" / "vlmtui"
    assert paths.state_dir() == tmp_path / "state" / "vlmtui"


def test_directories_are_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLMTUI_HOME", str(tmp_path / "box"))
    assert stat.S_IMODE(paths.data_dir().stat().st_mode) == 0o700


def test_asking_for_the_settings_file_makes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VLMTUI_HOME", str(tmp_path / "box"))
    paths.config_path()
    assert not (tmp_path / "box").exists()


def test_a_file_in_the_way_is_an_error_that_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").write_text("in the way")
    monkeypatch.setenv("VLMTUI_HOME", str(tmp_path))
    with pytest.raises(StorageError, match=str(tmp_path / "data")) as caught:
        paths.data_dir()
    assert "VLMTUI_HOME" in caught.value.hint


def test_a_path_below_home_is_shown_with_a_tilde(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    assert paths.shown("/home/ada/pictures/cat.png") == "~/pictures/cat.png"
    assert paths.shown(Path("/home/ada")) == "~"
    assert paths.shown("/home/adam/cat.png") == "/home/adam/cat.png"
    monkeypatch.setenv("HOME", "/")
    assert paths.shown("/srv/cat.png") == "/srv/cat.png"


def test_a_name_like_one_that_is_not_there_is_offered(tmp_path: Path) -> None:
    (tmp_path / "photo\x1b.jpg").touch()
    (tmp_path / "notes.txt").touch()
    assert paths.or_rather(tmp_path / "phto.jpg") == f"Did you mean {tmp_path}/photo␛.jpg?"
    assert paths.or_rather(tmp_path / "cat.png") == "Check the path."
    assert "no directory" in paths.or_rather(tmp_path / "shots" / "cat.png")


def test_a_user_without_a_home_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container that runs under a number of no user."""
    for name in ("VLMTUI_HOME", "HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)

    def nobody(_: int) -> None:
        raise KeyError("getpwuid(): uid not found")

    monkeypatch.setattr("pwd.getpwuid", nobody)
    with pytest.raises(StorageError, match="There is no home directory") as caught:
        paths.data_dir()
    assert "VLMTUI_HOME" in caught.value.hint
