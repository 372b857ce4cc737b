from __future__ import annotations

import stat
from pathlib import Path

import pytest

from vlmtui.compose import external_editor
from vlmtui.errors import InputError


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """An editor that is a shell script with the file as its last argument."""

    def make(body: str, arguments: str = "") -> Path:
        path = tmp_path / "my editor"
        path.write_text(f"#!/bin/sh\nfor file; do :; done\n{body}\n")
        path.chmod(0o700)
        monkeypatch.setenv("VISUAL", f"'{path}' {arguments}")
        monkeypatch.setenv("TMPDIR", str(tmp_path))
        return path

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return make


def test_the_text_comes_back_as_it_was_written(script, tmp_path: Path) -> None:
    script(f'printf "more\\r\\nänd\\n" >> "$file"; stat -c "%a %n" "$file" > {tmp_path}/mode', "-w")
    assert external_editor.edit("text ") == "text more\nänd"
    mode, name = (tmp_path / "mode").read_text().split()
    assert stat.S_IMODE(int(mode, 8)) == 0o600
    assert name.endswith(".md")
    assert not Path(name).exists()


def test_arguments_of_the_editor_are_passed_on(script, tmp_path: Path) -> None:
    script('printf "%s" "$1 $2" > "$file"', '-w "two words"')
    assert external_editor.edit("") == "-w two words"


def test_an_editor_that_fails_is_told_and_what_it_saved_stays(script, tmp_path: Path) -> None:
    script('echo lost > "$file"; exit 3')
    with pytest.raises(InputError, match="ended with status 3") as caught:
        external_editor.edit("text")
    (kept,) = tmp_path.glob("vlmtui-*.md")
    assert kept.read_text() == "lost\n"
    assert f"What it saved is in {kept}" in caught.value.hint


def test_a_path_with_spaces_need_not_be_quoted(script, monkeypatch: pytest.MonkeyPatch) -> None:
    path = script("kill -SEGV $$")
    spaced = path.rename(path.with_name("my editor"))
    monkeypatch.setenv("VISUAL", str(spaced))
    with pytest.raises(InputError, match="my editor ended with signal 11"):
        external_editor.edit("text")


def test_an_editor_that_removes_the_file_is_told(script) -> None:
    script('rm "$file"')
    with pytest.raises(InputError, match="can't be edited"):
        external_editor.edit("text")


def test_a_missing_editor_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", "frobnicate -w")
    with pytest.raises(InputError, match="EDITOR names the editor frobnicate"):
        external_editor.command()
    monkeypatch.setenv("EDITOR", "'half")
    with pytest.raises(InputError, match="unclosed quote"):
        external_editor.command()


def test_without_a_name_the_first_common_one_is_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.delenv("EDITOR", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="There is no editor"):
        external_editor.command()
    (tmp_path / "vi").write_text("#!/bin/sh\n")
    (tmp_path / "vi").chmod(0o700)
    assert external_editor.command() == ["vi"]
