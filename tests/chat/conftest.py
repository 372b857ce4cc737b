"""A session on a real store, with an engine that plays scripts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fakes import LOAD, TIMEOUT, FakeEngine, Gate
from vlmtui.chat.chat_events import ChatEvent
from vlmtui.chat.session import ChatSession
from vlmtui.storage.chats import ChatStore
from vlmtui.storage.database import Database
from vlmtui.storage.images import ImageStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "chats.db"


@pytest.fixture
def store(path: Path) -> Iterator[ChatStore]:
    store = ChatStore(Database(path))
    yield store
    store.close()


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def images(path: Path) -> ImageStore:
    return ImageStore(path.parent / "images")


@pytest.fixture
def session(engine: FakeEngine, store: ChatStore, images: ImageStore) -> Iterator[ChatSession]:
    session = ChatSession(engine, store, images, LOAD)
    yield session
    session.close()


class Turn:
    """A turn in a thread of its own, as the screen runs it; it may stand at a gate already."""

    def __init__(self, events: Iterator[ChatEvent], gate: Gate | None = None) -> None:
        self.events: list[ChatEvent] = []
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(events,))
        self._thread.start()
        if gate is not None:
            gate.wait_reached()

    def _run(self, events: Iterator[ChatEvent]) -> None:
        try:
            self.events.extend(events)
        except Exception as error:
            self.error = error

    def join(self) -> list[ChatEvent]:
        """Wait for its end."""
        self._thread.join(TIMEOUT)
        assert not self._thread.is_alive(), "the turn did not end"
        return self.events


Begin = Callable[..., Turn]


@pytest.fixture
def begin() -> Begin:
    return Turn
