"""`vlmtui keys`."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from vlmtui.cli import run
from vlmtui.ui.keys import key_bindings, keymap


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VLMTUI_HOME", str(tmp_path))
    file = tmp_path / "config" / "config.toml"
    file.parent.mkdir()
    return file


def test_the_list_can_be_pasted_into_the_settings(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["keys"]) == 0
    listed = capsys.readouterr().out
    config.write_text(listed)
    assert run(["keys"]) == 0
    again = capsys.readouterr()
    assert again.out == listed
    assert again.err == ""
    table = msgspec.toml.decode(listed)["keys"]
    assert table.keys() == {entry.id for entry in key_bindings.every_binding()}
    assert keymap.parse(table)[1] == []


def test_the_users_keys_are_listed_and_wrong_ones_told(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config.write_text('[keys]\n"chat.stop" = "Alt+F11"\n"chat.stpo" = "f5"\n"app.quit"="ctrl+m"\n')
    assert run(["keys", "--json"]) == 0
    told = capsys.readouterr()
    rows = {row["id"]: row for row in json.loads(told.out)}
    assert rows["chat.stop"]["keys"] == ["alt+f11"]
    assert rows["chat.stop"]["default"] == ["escape"]
    assert rows["app.quit"]["keys"] == ["ctrl+q"]
    assert f"{config}: [keys] chat.stpo: there is no such binding" in told.err
    assert "as Enter" in told.err
