"""What comes from outside is printed as text by every command, and no terminal obeys it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.cli.conftest import Ended, Run
from tests.models import headers
from tests.ui.foreign import HOSTILE, TAG
from vlmtui.messages import assistant, user
from vlmtui.storage.chats import ChatStore
from vlmtui.storage.database import Database

_ACTS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def assert_harmless(ended: Ended) -> None:
    for text in (ended.out, ended.err):
        assert not _ACTS.search(text), text


@pytest.fixture
def chat(home: Path) -> int:
    """A chat in which everything is hostile."""
    (home / "data").mkdir(parents=True)
    store = ChatStore(Database(home / "data" / "chats.db"))
    found, question = store.start(f"{TAG} {HOSTILE}", user(f"{TAG} {HOSTILE}"))
    store.add(found.id, question.id, assistant(f"{TAG} {HOSTILE}"), HOSTILE)
    store.close()
    return found.id


@pytest.mark.parametrize("arguments", ["list", "search tag", "show 1"])
def test_chats_are_printed_as_text(run: Run, chat: int, arguments: str) -> None:
    ended = run("chats", *arguments.split())
    assert ended.code == 0
    assert TAG in ended.out
    assert_harmless(ended)


def test_a_file_named_after_a_chat_is_printed_as_text(run: Run, chat: int) -> None:
    ended = run("chats", "export", str(chat))
    assert ended.code == 0
    assert Path(ended.out.strip()).exists()
    assert_harmless(ended)


def test_the_plain_chat_prints_text(run: Run, chat: int) -> None:
    lines = ["/chats", f"/open {TAG}", "/search tag", f"/rename {HOSTILE}", f"/set {HOSTILE}"]
    lines += [f"/{HOSTILE}", f"@/nowhere/{HOSTILE} what?", "/nothing"]
    typed = "".join(line.replace("\n", " ") + "\n" for line in lines)
    ended = run("--plain", "--continue", stdin=typed.encode())
    assert TAG in ended.out + ended.err
    assert_harmless(ended)


@pytest.mark.parametrize("arguments", ["models info", "models fit", "ask --model"])
def test_what_a_model_says_of_itself_is_text(run: Run, tmp_path: Path, arguments: str) -> None:
    path = tmp_path / f"{HOSTILE.replace('/', '|').replace(chr(0), '')[:90]}.gguf"
    names = ("general.architecture", "general.name", "general.license", "general.author")
    path.write_bytes(headers.gguf([headers.text(name, HOSTILE) for name in names]))
    ended = run(*arguments.split(), path, *(["hello"] if "ask" in arguments else []))
    assert ended.out or ended.err
    assert_harmless(ended)


def test_an_argument_is_repeated_as_text(run: Run) -> None:
    hostile = HOSTILE.replace("\0", "")
    for arguments in (["ask", "--image", hostile, "x"], ["--model", hostile], ["chats", hostile]):
        ended = run(*arguments)
        assert ended.code != 0
        assert_harmless(ended)
