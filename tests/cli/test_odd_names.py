"""File names that aren't UTF-8, as old disks and archives have them: used, or told in words."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from vlmtui import cli, demo
from vlmtui.compose import references
from vlmtui.errors import InputError

LONG = "x" * 100_000
LATIN = os.fsdecode(b"caf\xe9")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """The demo model in a directory and under a name of another encoding."""
    folder = tmp_path / LATIN
    folder.mkdir()
    return Path(shutil.copy(demo.model_path(), folder / f"{LATIN}.gguf"))


@pytest.mark.parametrize("command", ["add", "fit", "default", "info", "ask"])
def test_a_model_that_the_engine_can_not_be_told_of_is_told(
    run: Run, model: Path, command: str
) -> None:
    words = ("ask", "--model", model, "Hello") if command == "ask" else ("models", command, model)
    ended = run(*map(str, words))
    if command == "info":
        assert "not valid UTF-8" in ended.out
    else:
        assert ended.code == 2, ended.err
        assert "not valid UTF-8" in ended.err
        assert "a link to it" in ended.err
    assert "Internal" not in ended.err


def test_such_a_model_is_listed_and_used_through_a_link(
    run: Run, model: Path, tmp_path: Path
) -> None:
    link = tmp_path / "good.gguf"
    link.symlink_to(model)
    assert run("models", "add", str(link)).code == 0
    answered = run("ask", "--model", "good", "--max-tokens", "3", "Hello")
    assert (answered.code, bool(answered.out.strip())) == (0, True), answered.err
    listed = run("models", "--json")
    assert listed.code == 0, listed.err


def test_a_directory_that_was_deleted_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir("gone")
    (tmp_path / "gone").rmdir()
    assert cli.run(["chats", "import", "x.json"]) == 2
    assert "vlmtui was started in has been deleted" in capsys.readouterr().err
    with pytest.raises(InputError, match=r"working directory can't be read"):
        references.newest()


@pytest.mark.parametrize(
    "arguments",
    [
        ("models", "info", LONG),
        ("models", "pull", LONG),
        ("ask", f"{LONG}.png", "What?"),
        ("ask", f"--{LONG}"),
        ("chats", "show", LONG),
        (LONG,),
    ],
    ids=lambda arguments: " ".join(arguments)[:16],
)
def test_what_was_typed_is_not_echoed_without_end(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(arguments) == 2
    assert 20 < len(capsys.readouterr().err) < 5_000


@pytest.mark.parametrize("site", ["example.org", "https://example.org/", "https://a.b/page", "x"])
def test_a_site_that_no_browser_names_so_is_refused(
    site: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["serve", "--allow-origin", site]) == 2
    assert f"{site!r} is not like https://example.org" in capsys.readouterr().err


def test_a_chat_is_exported_and_imported_under_such_a_name(run: Run, tmp_path: Path) -> None:
    assert run("--plain", stdin=b"Hello\n").code == 0
    folder = tmp_path / LATIN
    folder.mkdir()
    for name in (f"{LATIN}.json", f"{LATIN}.md", f"{LATIN}.html"):
        ended = run("chats", "export", "1", "-o", str(folder / name))
        assert ended.code == 0, ended.err
        assert (folder / name).stat().st_size
    assert run("chats", "import", str(folder / f"{LATIN}.json")).code == 0
    assert run("chats", "export", "1", "-o", str(folder)).code == 0


@pytest.mark.parametrize(
    "words",
    [
        ("models", "import"),
        ("models", "add"),
        ("models", "info"),
        ("chats", "import"),
        ("ask", "Hello", "--image"),
        ("ask", "Hello", "--schema"),
    ],
)
def test_links_that_lead_to_each_other_are_told(
    tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    for name, other in (("one", "two"), ("two", "one")):
        (tmp_path / name).symlink_to(tmp_path / other)
    assert cli.run([*words, str(tmp_path / "one")]) == 2
    told = capsys.readouterr().err
    assert str(tmp_path / "one") in told
    assert "Internal" not in told
