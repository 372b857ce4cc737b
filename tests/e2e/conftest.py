"""An answer that takes its time, and what of it is on disk."""

from __future__ import annotations

import re
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bench import make_model
from tests.e2e.ssh import Server
from tests.e2e.tmux import Tmux
from vlmtui.messages import Role
from vlmtui.storage.chats import ChatStore
from vlmtui.storage.database import Database
from vlmtui.storage.records import StoredMessage


@pytest.fixture(scope="session")
def slow_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with random weights, whose answers take the better part of a minute."""
    return make_model.ensure("slow", tmp_path_factory.mktemp("slow")).model


@pytest.fixture
def tmux(home: Path) -> Iterator[Tmux]:
    # the path of a socket may have 107 characters at most, and tmp_path can be longer
    with tempfile.TemporaryDirectory(prefix="vt-") as sockets:
        terminal = Tmux(sockets, home)
        yield terminal
        terminal.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path / "sshd")
    try:
        server.wait_until_it_listens()
        yield server
    finally:
        server.close()


@pytest.fixture
def long_answers(home: Path) -> None:
    """Answers four times as long, where a fast machine would be done too soon."""
    settings(home, "ctx = 16384\n")


def settings(home: Path, text: str) -> None:
    (home / "config").mkdir(parents=True)
    (home / "config" / "config.toml").write_text(text)


def answers(home: Path) -> list[StoredMessage]:
    """The answers of the last chat, the oldest first, as the next start will read them."""
    store = ChatStore(Database(home / "data" / "chats.db"))
    with closing(store):
        chat = store.latest()
        thread = store.thread(chat.id) if chat is not None else []
    return [stored for stored in thread if stored.message.role is Role.ASSISTANT]


def statuses(home: Path) -> list[str]:
    """How the answers of the last chat stand on disk."""
    return [answer.status for answer in answers(home)]


def end_of(answer: StoredMessage) -> str:
    """The last letters of an answer; other characters may be shown as something else."""
    return re.findall(r"[a-z]+", answer.message.text)[-1]


def drafts(home: Path) -> list[str]:
    """What is kept of composers."""
    return [text for (text,) in _read(home, "SELECT text FROM drafts")]


def texts(home: Path, role: str) -> list[str]:
    """What is on disk of one side of all chats, the oldest first."""
    query = f"SELECT text FROM messages WHERE role = '{role}' ORDER BY id"
    return [text for (text,) in _read(home, query)]


def has_words(home: Path, number: int = 4) -> bool:
    """Whether the last answer has begun to reach the disk."""
    return any(len(text.split()) >= number for text in texts(home, "assistant")[-1:])


def _read(home: Path, query: str) -> list[tuple[str, ...]]:
    """Look into the database without opening it as vlmtui does, which would change it."""
    path = home / "data" / "chats.db"
    if not path.exists():
        return []
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as database:
        try:
            return database.execute(query).fetchall()
        except sqlite3.OperationalError:  # its tables aren't there yet
            return []
