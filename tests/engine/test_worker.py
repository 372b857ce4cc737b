"""The worker on its own: what it makes of requests, with a backend that is no llama.cpp."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Iterator
from types import ModuleType

import pytest

from vlmtui.engine import registry
from vlmtui.engine.cancellation import CancelFlag
from vlmtui.engine.engine_events import Delta, Event, Failed, Finished, Loaded, ModelInfo
from vlmtui.engine.engine_requests import Endpoint, Generate, Load, Plan
from vlmtui.engine.wire import Channel, Command
from vlmtui.engine.worker import Worker
from vlmtui.messages import user

ECHO = Load(Endpoint("http://localhost:1/v1", "echo"), backend="echo")


class Echo(registry.Backend):
    """Says what it was told; runs elsewhere, so there is nothing to plan."""

    def load(self, request: Load, cancel: CancelFlag, emit: Callable[[Event], None]) -> Finished:
        emit(Loaded(ModelInfo(request.title, request.source, frozenset())))
        return Finished("done")

    def generate(
        self, request: Generate, cancel: CancelFlag, emit: Callable[[Event], None]
    ) -> Finished:
        emit(Delta(request.messages[-1].text, 1))
        return Finished("stop")

    def close(self) -> None:
        pass


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    module = ModuleType("echoing")
    module.Echo = Echo
    monkeypatch.setitem(sys.modules, "echoing", module)
    monkeypatch.setitem(registry._BACKENDS, "echo", "echoing:Echo")
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Worker(Channel(theirs, Command))


def test_a_backend_without_files_answers_through_the_same_requests(worker: Worker) -> None:
    events: list[Event] = []
    assert worker._answer(Command(1, ECHO), events.append) == Finished("done")
    asked = Command(2, Generate((user("Hello"),)))
    assert worker._answer(asked, events.append) == Finished("stop")
    loaded, delta = events
    assert isinstance(loaded, Loaded) and loaded.info.name == "echo" and not loaded.info.vision
    assert delta == Delta("Hello", 1)


def test_what_a_backend_can_not_plan_is_told(worker: Worker) -> None:
    ended = worker._answer(Command(1, Plan(ECHO)), lambda event: None)
    assert isinstance(ended, Failed)
    assert ended.kind == "LoadFailed" and "echo" in ended.message


def test_files_are_what_llama_cpp_loads(worker: Worker) -> None:
    wrong = Load(Endpoint("http://localhost:1/v1", "echo"), backend="llamacpp")
    ended = worker._answer(Command(1, wrong), lambda event: None)
    assert isinstance(ended, Failed)
    assert "no files" in ended.message and ended.hint
