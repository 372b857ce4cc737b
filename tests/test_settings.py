"""Reading the settings file, and refusing one that means nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from vlmtui.errors import SettingsError
from vlmtui.settings import Settings, keep_alive_seconds, load_settings


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the settings are; there is none yet."""
    monkeypatch.setenv("VLMTUI_HOME", str(tmp_path))
    (tmp_path / "config").mkdir()
    return tmp_path / "config" / "config.toml"


def read(file: Path, text: str) -> Settings:
    file.write_text(text, encoding="utf-8")
    return load_settings()


def test_without_a_file_the_defaults_hold(file: Path) -> None:
    assert load_settings() == Settings()
    assert Settings().model == "demo"


def test_the_users_own_file_is_read(file: Path) -> None:
    found = read(file, 'model = "llava"\ntemperature = 1\nsystem = "Antworte kurz, ä."\n')
    assert found == Settings(model="llava", temperature=1.0, system="Antworte kurz, ä.")


def test_a_byte_order_mark_is_no_obstacle(file: Path) -> None:
    assert read(file, "\ufeffctx = 8192\n").ctx == 8192


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ('ctx = "many"', "ctx"),
        ("ctx = -1", "ctx"),
        ("ctx = 1.5", "ctx"),
        ("ctx = 99999999999999999999", "ctx"),
        ("gpu_layers = 9999999999", "gpu_layers"),
        ("threads = 9999999999", "threads"),
        ("temperature = nan", "temperature"),
        ("temperature = inf", "temperature"),
        ("top_p = 1.5", "top_p"),
        ("repeat_penalty = 1e-300", "repeat_penalty"),
        ('mmproj = ""', "mmproj"),
        ("model = 3", "model"),
        ("mmproj = 3", "mmproj"),
        ("[system]", "system"),
    ],
)
def test_a_wrong_value_is_refused_by_file_and_key(file: Path, line: str, key: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read(file, line)
    assert str(file) in caught.value.message
    assert f"`{key}`" in caught.value.message
    assert "default" in caught.value.hint


def test_a_template_without_a_name_is_refused(file: Path) -> None:
    with pytest.raises(SettingsError, match=r"`templates.*text in quotes"):
        read(file, 'templates = {demo = ""}')


def test_a_misspelt_key_is_refused_with_the_key_that_was_meant(file: Path) -> None:
    with pytest.raises(SettingsError, match="`temprature`") as caught:
        read(file, "temprature = 0.5")
    assert "`temperature`" in caught.value.hint


def test_an_unknown_key_is_refused_with_the_known_ones(file: Path) -> None:
    with pytest.raises(SettingsError, match="`zzz`") as caught:
        read(file, "zzz = 0.5")
    assert "gpu_layers" in caught.value.hint


def test_what_is_not_toml_is_refused_by_line(file: Path) -> None:
    with pytest.raises(SettingsError, match="line 2"):
        read(file, "ctx = 1\nmodel = \n")


def test_what_is_nested_too_deeply_is_refused_in_words(file: Path) -> None:
    with pytest.raises(SettingsError, match="nested too deeply"):
        read(file, "a = " + "[" * 100_000)


def test_what_is_not_utf8_is_refused(file: Path) -> None:
    file.write_bytes(b'system = "\xff"')
    with pytest.raises(SettingsError, match="UTF-8"):
        load_settings()


@pytest.mark.parametrize(
    ("minutes", "seconds"), [(1e308, -1), (1e17, -1), (5, 300), (0, 0), (-1, -60)]
)
def test_minutes_beyond_a_century_are_for_ever(
    minutes: float, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VLMTUI_KEEP_ALIVE", raising=False)
    assert keep_alive_seconds(Settings(keep_alive=minutes)) == seconds


def test_a_directory_in_its_place_is_refused(file: Path) -> None:
    file.mkdir()
    with pytest.raises(SettingsError, match="can't be read"):
        load_settings()
