"""`vlmtui config`."""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
import pytest

from vlmtui.cli import run
from vlmtui.cli.config import explained, template
from vlmtui.settings import Preset, Settings, load_settings
from vlmtui.ui.keys import key_bindings

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VLMTUI_HOME", str(tmp_path))
    monkeypatch.delenv("VISUAL", raising=False)
    return tmp_path / "config" / "config.toml"


def test_the_path_is_told_whether_or_not_there_is_a_file(file: Path, capsys: Captured) -> None:
    assert run(["config", "path"]) == 0
    assert capsys.readouterr().out == f"{file}\n"
    assert not file.parent.exists()


def test_a_new_file_explains_every_setting_and_sets_none(file: Path, capsys: Captured) -> None:
    assert run(["config", "init"]) == 0
    assert load_settings() == Settings()
    text = file.read_text("utf-8")
    for name, words in explained(Settings).items():
        assert f"\n#{name} = " in text or f"\n#[{name}" in text
        assert len(words) > 10, name


def test_a_new_file_is_right_when_every_line_is_taken(file: Path) -> None:
    lines = template().splitlines()
    taken = [line[1:] for line in lines if line.startswith("#") and line[1:2] != " "]
    settings = msgspec.toml.decode("\n".join(taken), type=Settings)
    assert settings.temperature == Settings().temperature
    assert settings.presets["poet"] == Preset("in verse", "Answer in rhymes.", 0.9)
    assert settings.keys


def test_a_file_is_never_written_over(file: Path, capsys: Captured) -> None:
    file.parent.mkdir()
    file.write_text("ctx = 7\n")
    assert run(["config", "init"]) == 2
    assert str(file) in capsys.readouterr().err
    assert file.read_text() == "ctx = 7\n"


def test_settings_are_shown_with_their_source(file: Path, capsys: Captured) -> None:
    file.parent.mkdir()
    file.write_text(
        '\ufeffctx = 7\nmodel = "ä"\n[keys]\n"chat.stop" = "f4"\n'
        '[presets."a b"]\nstop = ["\\u009bm"]\n',
        "utf-8",
    )
    assert run(["config", "show"]) == 0
    shown = capsys.readouterr().out
    assert "\nctx = 7\n" in shown
    assert "top_k = 40" in shown and "# default" in shown
    settings = msgspec.toml.decode(shown, type=Settings)
    assert (settings.model, settings.keys) == ("ä", {"chat.stop": "f4"})
    assert settings.presets == {"a b": Preset(stop=["\x9bm"])}
    assert run(["config", "show", "--json"]) == 0
    told = capsys.readouterr().out
    assert "\x9b" not in shown + told
    rows = json.loads(told)
    assert rows["settings"]["ctx"] == {"value": 7, "source": "file"}
    assert rows["settings"]["top_k"] == {"value": 40, "source": "default"}


def test_without_a_file_the_defaults_are_shown(file: Path, capsys: Captured) -> None:
    assert run(["config", "show"]) == 0
    assert "not there" in capsys.readouterr().out


def test_an_edited_file_is_checked(
    file: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    editor = tmp_path / "an editor"
    editor.write_text('#!/bin/sh\nprintf "%s" "$TEXT" > "$1"\n')
    editor.chmod(0o755)
    monkeypatch.setenv("EDITOR", f"'{editor}'")
    monkeypatch.setenv("TEXT", "ctx = 9\n")
    assert run(["config", "edit"]) == 0
    assert "is fine" in capsys.readouterr().out
    assert load_settings().ctx == 9
    monkeypatch.setenv("TEXT", "ctx = 'x'")
    assert run(["config", "edit"]) == 2
    assert "`ctx`" in capsys.readouterr().err
    monkeypatch.setenv("TEXT", 'theme = "plaid"\n[keys]\n"chat.stpo" = "f4"')
    assert run(["config", "edit"]) == 1
    told = capsys.readouterr().err
    assert "chat.stpo" in told
    assert "plaid" in told


@pytest.mark.parametrize(
    ("editor", "told"),
    [
        ("no-such-editor", "export EDITOR=nano"),
        ("'vi", "EDITOR has an unclosed quote"),
        ("false", "false ended with status 1"),
    ],
)
def test_an_editor_that_can_not_be_used_is_told(
    file: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch, editor: str, told: str
) -> None:
    monkeypatch.setenv("EDITOR", editor)
    assert run(["config", "edit"]) == 2
    assert told in capsys.readouterr().err


def test_a_place_that_can_not_be_written_is_told(file: Path, capsys: Captured) -> None:
    file.parent.parent.joinpath("config").write_text("a file in the way")
    assert run(["config", "init"]) != 0
    assert "can't be made" in capsys.readouterr().err


def test_every_setting_is_in_the_documentation() -> None:
    page = (Path(__file__).parents[2] / "docs" / "settings.md").read_text("utf-8")
    for name in explained(Settings):
        assert f"`{name}`" in page, name


def test_every_binding_that_the_documentation_names_is_there() -> None:
    page = (Path(__file__).parents[2] / "docs" / "settings.md").read_text("utf-8")
    named = set(re.findall(r'"([a-z_]+\.[a-z_]+)" =', page))
    assert named
    assert named <= {entry.id for entry in key_bindings.every_binding()}
