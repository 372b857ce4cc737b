"""The host: one engine for all, with the real llama.cpp and the demo model."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import ANY

import pytest

from tests.engine.conftest import DrawPicture, demo_load
from tests.hosts import end_hosts, eventually, host_state, is_gone, shared
from tests.processes import child
from vlmtui.chat.fitting_engine import FittingEngine
from vlmtui.engine import host_socket
from vlmtui.engine.base import Engine
from vlmtui.engine.cache_folder import CacheFolder
from vlmtui.engine.client import EngineClient
from vlmtui.engine.engine_events import (
    Absent,
    Adjusted,
    Delta,
    Event,
    Finished,
    Loaded,
    Loading,
    Notice,
    Prefill,
    Waiting,
)
from vlmtui.engine.engine_requests import DiskCache, Generate, Load, Measure, Prepare, Sampling
from vlmtui.errors import EngineCrashed
from vlmtui.messages import user
from vlmtui.models.fit import Machine

__all__ = ["shared"]

Connect = Callable[..., EngineClient]

LONG = Generate((user("Hello"),), Sampling(50.0, 0, 1.0, 0.0, seed=1))
"""Goes on until the context is full."""


@pytest.fixture
def connect(shared: Path) -> Iterator[Connect]:
    clients: list[EngineClient] = []

    def make(keep_alive: float = 60.0) -> EngineClient:
        client = EngineClient(shared / "state" / f"engine-{len(clients)}.log", keep_alive)
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


def load(client: EngineClient, request: Load | None = None) -> list[Event]:
    return list(client.load(request or demo_load()))


def answer(client: Engine, text: str) -> str:
    request = Generate((user(text),), Sampling(0, max_tokens=8))
    return "".join(event.text for event in client.generate(request) if isinstance(event, Delta))


def test_the_second_client_finds_the_model_loaded(connect: Connect) -> None:
    first = connect()
    load(first)
    pid, said = first.pid, answer(first, "Hello")
    first.close()
    second = connect()
    events = list(second.join(demo_load()))
    assert [event.info.load_s for event in events if isinstance(event, Loaded)] == [0.0]
    assert not [event for event in events if isinstance(event, Loading | Absent)]
    assert second.pid == pid
    assert answer(second, "Hello") == said


def test_it_leaves_nothing_behind_when_the_model_was_unused_for_long_enough(
    connect: Connect, shared: Path
) -> None:
    client = connect(keep_alive=0.2)
    load(client)
    state = host_state()
    assert state is not None
    pids = (state.pid, client.pid or 0)
    client.close()
    eventually(lambda: all(map(is_gone, pids)))
    assert list((shared / "run").iterdir()) == []


def test_a_used_model_stays_however_long_it_is_not_asked(connect: Connect) -> None:
    client = connect(keep_alive=0.1)
    load(client)
    pid = client.pid
    time.sleep(1.0)
    answer(client, "Hello")
    assert client.pid == pid


def test_two_clients_are_answered_in_turn_and_told_so(connect: Connect) -> None:
    first, second = connect(), connect()
    load(first)
    load(second)
    began = threading.Event()

    def tell() -> None:
        for event in first.generate(LONG):
            if isinstance(event, Delta):
                began.set()

    telling = threading.Thread(target=tell)
    telling.start()
    assert began.wait(60)
    os.kill(first.pid or 0, signal.SIGSTOP)
    waited: list[Waiting] = []
    said = ""
    for event in second.generate(Generate((user("Hello"),), Sampling(0, max_tokens=8))):
        if isinstance(event, Waiting):
            waited.append(event)
            os.kill(first.pid or 0, signal.SIGCONT)
        elif isinstance(event, Delta):
            said += event.text
    telling.join(60)
    assert {event.before for event in waited} == {1}
    assert waited[0].who
    assert said == answer(first, "Hello")


def test_reading_ahead_gives_way_to_whoever_asks(connect: Connect) -> None:
    first, second = connect(), connect()
    load(first)
    load(second)
    long = user("The quick brown fox jumps over the lazy dog. " * 60)
    assert list(first.prepare(Prepare((long,))))[-1] == Finished("done", ANY)
    again = first.prepare(Prepare((user("Once more. " + long.text),)))
    assert isinstance(next(again), Prefill)
    os.kill(first.pid or 0, signal.SIGSTOP)
    said: list[str] = []
    asking = threading.Thread(target=lambda: said.append(answer(second, "Hello")))
    asking.start()
    eventually(lambda: (state := host_state()) and state.engines[0].waiting)
    os.kill(first.pid or 0, signal.SIGCONT)
    asking.join(60)
    assert said
    assert list(again)[-1].reason == "cancelled"


def test_nothing_is_read_ahead_while_somebody_is_answered(connect: Connect) -> None:
    first, second = connect(), connect()
    load(first)
    load(second)
    telling = first.generate(LONG)
    assert any(isinstance(event, Delta) for event in telling)
    assert list(second.prepare(Prepare((user("Hello"),)))) == [Finished("cancelled")]
    first.cancel()
    list(telling)


def test_pictures_are_measured_unless_somebody_is_answered(
    connect: Connect, picture: DrawPicture
) -> None:
    first, second = connect(), connect()
    load(first)
    load(second)
    wanted = Measure((picture(seed=1),))
    (tokens,) = second.measure(wanted)
    assert first.info is not None and first.info.picture_tokens == (tokens, tokens)
    answering = first.generate(LONG)
    while not isinstance(next(answering), Delta):
        pass
    assert second.measure(wanted) == ()  # and not when the answer has ended
    first.cancel()
    list(answering)
    assert second.measure(wanted) == (tokens,)


def test_who_waits_can_leave_the_line(connect: Connect) -> None:
    first, second = connect(), connect()
    load(first)
    load(second)
    telling = first.generate(LONG)
    assert any(isinstance(event, Delta) for event in telling)
    os.kill(first.pid or 0, signal.SIGSTOP)
    events = []
    for event in second.generate(LONG):
        events.append(event)
        second.cancel()
    assert isinstance(events[0], Waiting)
    assert events[-1] == Finished("cancelled")
    os.kill(first.pid or 0, signal.SIGCONT)
    first.cancel()
    assert list(telling)[-1].reason == "cancelled"


CLIENT = """
import sys
from pathlib import Path
from tests.engine.conftest import demo_load
from tests.engine.test_host import LONG
from vlmtui.engine.engine_events import Delta
from vlmtui.engine.client import EngineClient
client = EngineClient(Path(sys.argv[1]), 60.0)
list(client.load(demo_load()))
for event in client.generate(LONG):
    if isinstance(event, Delta):
        print("answering", flush=True)
"""


def test_a_client_that_is_killed_takes_nothing_along(connect: Connect, shared: Path) -> None:
    client = connect()
    load(client)
    pid = client.pid
    with child(CLIENT, shared / "state" / "other.log") as other:
        other.read()
        other.kill()
    assert answer(client, "Hello")
    assert client.pid == pid


def test_the_host_outlives_the_client_that_started_it(connect: Connect, shared: Path) -> None:
    with child(CLIENT, shared / "state" / "other.log") as other:
        other.read()
        other.kill()
    events = list(connect().join(demo_load()))
    assert any(isinstance(event, Loaded) for event in events)


def test_the_death_of_the_engine_is_told_with_its_phase(connect: Connect) -> None:
    first, second = connect(), FittingEngine(connect(), _plenty)
    load(first)
    list(second.load(demo_load()))
    with pytest.raises(EngineCrashed, match="died while answering") as caught:
        for event in first.generate(LONG):
            if isinstance(event, Delta) and first.pid:
                os.kill(first.pid, signal.SIGABRT)
    assert caught.value.phase == "decode"
    assert "Fatal Python error: Aborted" in caught.value.log_tail
    assert answer(second, "Hello") == answer(first, "Hello")
    assert first.pid == second.pid


def test_the_death_of_the_host_is_told_and_the_next_question_starts_another(
    connect: Connect,
) -> None:
    client = connect()
    load(client)
    state = host_state()
    assert state is not None
    engine = client.pid or 0
    with pytest.raises(EngineCrashed, match="its host was ended"):
        for event in client.generate(LONG):
            if isinstance(event, Delta):
                os.kill(state.pid, signal.SIGKILL)
    eventually(lambda: is_gone(engine))
    assert answer(client, "Hello")
    assert client.pid != engine


def test_insisting_ends_the_engine_and_the_next_question_loads_it(connect: Connect) -> None:
    client = connect()
    load(client)
    pid = client.pid or 0
    events = []
    for event in client.generate(LONG):
        events.append(event)
        if isinstance(event, Delta):
            os.kill(pid, signal.SIGSTOP)
            client.abort()
    assert events[-1] == Finished("cancelled")
    eventually(lambda: is_gone(pid))
    assert answer(client, "Hello")


def test_unloading_gives_memory_back_unless_others_use_the_model(connect: Connect) -> None:
    first, second = connect(), connect()
    load(first)
    load(second)
    pid = first.pid or 0
    first.unload()
    assert answer(second, "Hello")
    second.unload()
    assert is_gone(pid)


def test_a_model_that_made_way_is_loaded_again_with_the_next_question(connect: Connect) -> None:
    first, second = FittingEngine(connect(), _plenty), connect()
    list(first.load(demo_load()))
    said = answer(first, "Hello")
    pid = first.pid or 0
    other = demo_load(ctx=512)
    assert [event for event in second.join(other) if isinstance(event, Absent)] == [Absent(True)]
    assert list(second.make_room()) == [Absent(False), Finished("done")]
    assert is_gone(pid)
    load(second, other)
    assert answer(first, "Hello") == said
    assert first.pid not in (None, pid)
    assert second.pid and not is_gone(second.pid)  # both fit


def test_the_model_that_is_missed_the_least_makes_way_first(connect: Connect) -> None:
    answering, idle, gone, wanting = (connect() for _ in range(4))
    loads = [demo_load(ctx=ctx) for ctx in (1024, 768, 640)]
    for client, request in zip((answering, idle, gone), loads, strict=True):
        load(client, request)
        answer(client, "Hello")
    pids = [client.pid or 0 for client in (gone, idle, answering)]
    gone.close()
    telling = answering.generate(LONG)
    assert any(isinstance(event, Delta) for event in telling)
    list(wanting.join(demo_load(ctx=512)))
    for ended in (1, 2):
        assert list(wanting.make_room()) == [Absent(True), Finished("done")]
        assert [is_gone(pid) for pid in pids] == [True] * ended + [False] * (3 - ended)
    waited = []
    for event in wanting.make_room():
        waited.append(event)
        answering.cancel()
    assert {event.model for event in waited if isinstance(event, Waiting)} == {loads[0].title}
    assert list(telling)[-1].reason == "cancelled"
    assert waited[-2:] == [Absent(False), Finished("done")]


def test_a_host_that_is_told_to_end_leaves_the_state_of_the_chat(
    connect: Connect, picture: DrawPicture, tmp_path: Path
) -> None:
    (tmp_path / "read-speed").write_text("1e15")
    client = connect()
    load(client, demo_load(disk_cache=DiskCache(str(tmp_path), 1_000_000_000)))
    list(client.generate(Generate((user("Hello. " * 60, (picture(),)),), chat="a")))
    state = host_state()
    assert state is not None
    os.kill(state.pid, signal.SIGTERM)
    eventually(lambda: is_gone(state.pid) and is_gone(state.engines[0].pid))
    assert CacheFolder(tmp_path).find("chat", "a").exists()


def test_a_model_file_that_was_exchanged_is_loaded_anew(connect: Connect, tmp_path: Path) -> None:
    request = demo_load()
    copy = tmp_path / "model.gguf"
    copy.write_bytes(Path(request.files.model).read_bytes())
    load_of_copy = demo_load(source=type(request.files)(str(copy), request.files.mmproj))
    first = connect()
    load(first, load_of_copy)
    os.utime(copy, (1, 1))
    events = list(connect().join(load_of_copy))
    assert [event for event in events if isinstance(event, Absent)]


def test_a_socket_that_was_left_behind_is_replaced(connect: Connect) -> None:
    client = connect()
    load(client)
    state = host_state()
    assert state is not None
    os.kill(state.pid, signal.SIGKILL)
    eventually(lambda: is_gone(state.pid))
    assert host_socket.running() != []
    assert load(connect())[-1] == Finished("done")


def test_a_directory_that_others_may_enter_is_refused_and_said(
    connect: Connect, shared: Path
) -> None:
    (shared / "run").mkdir(mode=0o755)
    client = connect()
    events = load(client)
    notices = [event for event in events if isinstance(event, Notice)]
    assert [notice.kind for notice in notices] == ["host"]
    assert "0700" in notices[0].message
    assert answer(client, "Hello")
    assert list((shared / "run").iterdir()) == []


@pytest.mark.parametrize("place", ["x" * 120, "file/below"])
def test_without_a_place_for_the_socket_each_loads_for_itself(
    connect: Connect, shared: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    (shared / "file").touch()
    monkeypatch.setenv("VLMTUI_HOME", str(shared / place))
    client = connect()
    events = load(client)
    assert not [event for event in events if isinstance(event, Notice)]
    assert answer(client, "Hello")
    pid = client.pid or 0
    client.close()
    assert is_gone(pid)


def test_a_stopped_host_hangs_nobody(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vlmtui.engine.host_link.WELCOME_S", 1.0)
    load(connect())
    state = host_state()
    assert state is not None
    os.kill(state.pid, signal.SIGSTOP)
    try:
        client = connect()
        notices = [event for event in load(client) if isinstance(event, Notice)]
        assert "doesn't answer" in notices[0].message
        assert answer(client, "Hello")
    finally:
        os.kill(state.pid, signal.SIGCONT)
        end_hosts()


def test_a_second_model_is_loaded_beside_the_first_where_both_fit(connect: Connect) -> None:
    first, second = FittingEngine(connect(), _plenty), FittingEngine(connect(), _plenty)
    list(first.load(demo_load()))
    list(second.load(demo_load(ctx=512)))
    assert first.pid and second.pid
    assert not is_gone(first.pid) and not is_gone(second.pid)


def test_where_both_do_not_fit_the_first_makes_way_and_nothing_is_loaded_smaller(
    connect: Connect,
) -> None:
    client = connect()
    first = FittingEngine(client, _plenty)
    list(first.load(demo_load()))
    answer(client, "Hello")
    pid = client.pid or 0

    def as_long_as_it_is_there(_: int | None) -> Machine:
        return Machine(free=10_000_000_000 if is_gone(pid) else 1_000_000, total=16_000_000_000)

    second = FittingEngine(connect(), as_long_as_it_is_there)
    events = list(second.load(demo_load(ctx=512)))
    assert not [event for event in events if isinstance(event, Adjusted)]
    assert events[-1] == Finished("done")
    assert is_gone(pid)


def _plenty(_: int | None) -> Machine:
    return Machine(free=10_000_000_000, total=16_000_000_000)
