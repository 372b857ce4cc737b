"""`vlmtui chats` as a person or a script runs it: a subprocess on a real database."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image

from tests.cli.conftest import PROGRAM, Run
from tests.test_laws import imported_by
from vlmtui import cli
from vlmtui.chat.attached_images import AttachedImages
from vlmtui.commands import export_arguments
from vlmtui.errors import InputError
from vlmtui.messages import assistant, user
from vlmtui.storage.chats import ChatStore
from vlmtui.storage.database import Database
from vlmtui.storage.images import ImageStore

HELP = ["chats", "--help"], ["chats", "list", "--help"], ["chats", "recover", "--help"]


@pytest.fixture
def database(home: Path) -> Path:
    return home / "data" / "chats.db"


@pytest.fixture
def store(database: Path, tmp_path: Path) -> Iterator[ChatStore]:
    """Two chats, the first with a picture."""
    with closing(ChatStore(Database(database))) as store:
        Image.new("RGB", (6, 4), "red").save(tmp_path / "shapes.png")
        picture = AttachedImages(ImageStore(database.parent / "images")).attach(
            tmp_path / "shapes.png"
        )
        chat, question = store.start("Shapes", user("What is it?", (picture,)))
        store.add(chat.id, question.id, assistant("A red heron\x1b[31m"), "demo")
        store.start("Other \x1b]0;things\x07", user("Hello"))
        yield store


@pytest.mark.parametrize("arguments", HELP)
def test_help_imports_no_database(arguments: list[str]) -> None:
    names = imported_by(f"from vlmtui.cli import run; run({arguments!r})")
    assert names.isdisjoint({"sqlite3", "msgspec", "PIL", "textual", "markdown_it"})


def test_chats_are_listed(run: Run, store: ChatStore) -> None:
    store.pin(1, True)
    ended = run("chats", "list")
    assert ended.code == 0
    first, second = ended.out.splitlines()
    assert first.split()[0] == "1"
    assert first.endswith("    2  ★ Shapes  ▣ 1")
    assert second.endswith("    1  Other ␛]0;things␇")
    (row,) = json.loads(run("chats", "list", "--json", "--limit", "1").out)
    assert (row["id"], row["title"], row["messages"], row["images"]) == (1, "Shapes", 2, 1)


def test_no_chats_are_no_error(run: Run) -> None:
    ended = run("chats", "list")
    assert (ended.code, ended.out, ended.err) == (0, "", "There are no chats yet.\n")
    assert json.loads(run("chats", "list", "--json").out) == []


def test_words_are_found(run: Run, store: ChatStore) -> None:
    ended = run("chats", "search", "heron")
    assert ended.out == "     1  Shapes\n        A red heron␛[31m\n"
    (hit,) = json.loads(run("chats", "search", "her", "--json").out)
    begin, end = hit["spans"][0]
    assert hit["excerpt"][begin:end] == "heron"
    assert (hit["chat"], hit["message"], hit["in_title"]) == (1, 2, False)
    assert run("chats", "search", "absent").err == "Nothing was found.\n"


def test_a_chat_is_shown(run: Run, store: ChatStore) -> None:
    ended = run("chats", "show", "1")
    assert ended.code == 0
    assert "[image: shapes.png 6×4]\nWhat is it?" in ended.out
    assert "A red heron␛[31m" in ended.out
    missing = run("chats", "show", "99")
    assert missing.code == 1
    assert "There is no chat 99" in missing.err


def test_a_chat_is_exported_and_imported(run: Run, store: ChatStore, tmp_path: Path) -> None:
    for name, beginning in (("a.md", "# Shapes"), ("a.html", "<!DOCTYPE"), ("a.json", "{")):
        ended = run("chats", "export", "1", "-o", tmp_path / name)
        assert (ended.code, ended.out) == (0, f"{tmp_path / name}\n")
        assert (tmp_path / name).read_text().startswith(beginning)
    again = run("chats", "export", "1", "-o", tmp_path / "a.json")
    assert again.code == 2
    assert "already exists" in again.err
    assert run("chats", "export", "1", "-o", tmp_path / "a.json", "--force").code == 0
    named = run("chats", "export", "1", "--format", "json")
    assert named.out.endswith("/elsewhere/shapes.json\n")
    assert run("chats", "import", tmp_path / "a.json").out == "3  Shapes\n"
    assert len(store.thread(3)) == 2
    piped = run("chats", "import", "-", stdin=(tmp_path / "a.json").read_bytes())
    assert piped.out == "4  Shapes\n"
    wrong = run("chats", "import", "-", stdin=(tmp_path / "a.md").read_bytes())
    assert wrong.code == 2
    assert "Standard input is not the JSON of a chat" in wrong.err


@pytest.mark.parametrize("name", ["json", "html", "markdown"])
def test_a_chat_goes_to_standard_output_and_makes_no_file(
    name: str,
    store: ChatStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    odd, _ = store.start("caf\xe9 \x9b31m", user("\U0001f426 \x9b31m"))
    folder = tmp_path / "empty"
    folder.mkdir()
    monkeypatch.chdir(folder)
    assert cli.run(["chats", "export", str(odd.id), "--format", name, "-o", "-"]) == 0
    out = capfdbinary.readouterr().out.decode()
    assert "\x9b" not in out
    assert not list(folder.iterdir())
    if name == "json":
        assert out.isascii()
        assert json.loads(out)["messages"][0]["parts"][0]["text"] == "\U0001f426 \x9b31m"
    assert cli.run(["chats", "export", "1", "--format", name, "-o", "-"]) == 0
    out = capfdbinary.readouterr().out.decode()
    assert "shapes.png" in out
    assert "missing" not in out
    with pytest.raises(InputError, match="There is no format -"):  # the chat has no such output
        export_arguments.read("-")


def test_a_chat_is_deleted_and_restored(run: Run, store: ChatStore) -> None:
    ended = run("chats", "rm", "1")
    assert ended.code == 0
    assert "restore 1" in ended.err
    assert [row["id"] for row in json.loads(run("chats", "list", "--json").out)] == [2]
    (row,) = json.loads(run("chats", "list", "--deleted", "--json").out)
    assert row["id"] == 1
    assert "Shapes" in run("chats", "list", "--deleted").out
    assert run("chats", "restore", "1").code == 0
    assert len(json.loads(run("chats", "list", "--json").out)) == 2
    assert run("chats", "rm", "99").code == 1
    assert run("chats", "rm", "zero").code == 2


def test_a_reader_who_has_enough_is_not_told_off(store: ChatStore) -> None:
    for _ in range(300):
        store.start("a title of many words " * 20, user("q"))
    command = [*PROGRAM, "chats", "list", "--limit", "300"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 0


def test_a_damaged_database_is_recovered(run: Run, store: ChatStore, database: Path) -> None:
    for number in range(200):
        store.start(f"chat {number}", user("words " * 100))
    store.close()
    assert "is not damaged" in run("chats", "recover").out
    content = bytearray(database.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 4096] = b"\xaa" * 4096
    database.write_bytes(content)
    ended = run("chats", "recover")
    assert ended.code == 0
    assert "Saved: " in ended.out
    aside = Path(ended.out.rsplit("kept: ", 1)[1].strip())
    assert aside.read_bytes() == content
    assert run("chats", "list").code == 0


def test_nothing_to_recover_is_told(run: Run) -> None:
    ended = run("chats", "recover")
    assert ended.code == 1
    assert "nothing to recover" in ended.err
