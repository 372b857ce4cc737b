"""A store on a real file, for each test anew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from vlmtui.storage.chats import ChatStore
from vlmtui.storage.database import Database


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "chats.db"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    database = Database(path)
    yield database
    database.close()


@pytest.fixture
def store(path: Path) -> Iterator[ChatStore]:
    store = ChatStore(Database(path))
    yield store
    store.close()


@pytest.fixture
def other(path: Path, store: ChatStore) -> Iterator[ChatStore]:
    """A second instance on the same file."""
    other = ChatStore(Database(path))
    yield other
    other.close()
