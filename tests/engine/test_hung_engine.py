"""An engine that is stopped, or deaf: it is told, and whoever insists gets another one."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import psutil
import pytest

from tests.engine.asking import GREEDY, ask
from tests.engine.test_client import ENDLESS
from vlmtui.engine import engine_connection, running_request
from vlmtui.engine.client import EngineClient
from vlmtui.engine.engine_events import Delta, Event, Finished, Notice
from vlmtui.engine.engine_requests import Cancel, Generate
from vlmtui.engine.running_request import RunningRequest
from vlmtui.messages import user

LARGE = Generate((user("Is there a circle? " * 40_000),), GREEDY)
"""More than a socket holds."""


@pytest.fixture(autouse=True)
def quick_clocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_connection, "_TICK_S", 0.05)
    monkeypatch.setattr(running_request, "SILENCE_S", 1.5)


def until_notice(events: Iterator[Event]) -> Notice:
    return next(event for event in events if isinstance(event, Notice))


def stopped_while_answering(engine: EngineClient) -> Iterator[Event]:
    """The rest of an answer whose process was stopped after its first word."""
    events = engine.generate(Generate((user("Hello"),), ENDLESS))
    for event in events:
        if isinstance(event, Delta):
            break
    os.kill(engine.pid, signal.SIGSTOP)
    return events


def test_a_stopped_process_is_told_and_goes_on_when_it_is_let(engine: EngineClient) -> None:
    events = stopped_while_answering(engine)
    notice = until_notice(events)
    assert notice.kind == "silent"
    assert "no sign of life" in notice.message and "answering" in notice.message
    assert "Stop twice" in notice.hint
    os.kill(engine.pid, signal.SIGCONT)
    assert isinstance(next(event for event in events if isinstance(event, Delta)), Delta)
    engine.cancel()
    assert list(events)[-1].reason == "cancelled"


def test_an_answer_of_a_stopped_process_can_be_ended_and_the_next_has_another(
    engine: EngineClient,
) -> None:
    first = psutil.Process(engine.pid)
    events = stopped_while_answering(engine)
    engine.cancel()  # returns at once, and is heard by nobody
    until_notice(events)
    engine.abort()
    last = list(events)[-1]
    assert isinstance(last, Finished) and last.reason == "cancelled"
    assert not first.is_running() and engine.info is None
    assert ask(engine, user("Hello")).text
    assert engine.pid != first.pid


def test_a_question_that_does_not_fit_into_the_socket_can_be_ended(engine: EngineClient) -> None:
    os.kill(engine.pid, signal.SIGSTOP)
    events = engine.generate(LARGE)
    until_notice(events)
    engine.cancel()
    engine.abort()
    assert [type(event) for event in events] == [Finished]
    assert ask(engine, user("Hello")).text


def test_closing_hangs_neither_on_a_stopped_process_nor_on_half_a_question(
    engine: EngineClient,
) -> None:
    process = psutil.Process(engine.pid)
    process.suspend()
    events = engine.generate(LARGE)
    until_notice(events)
    closer = threading.Thread(target=engine.close)
    closer.start()
    assert list(events)[-1].reason == "cancelled"
    closer.join(60)
    assert not closer.is_alive() and not process.is_running()


def test_leaving_half_a_question_ends_the_process_that_has_the_half(engine: EngineClient) -> None:
    os.kill(engine.pid, signal.SIGSTOP)
    events = engine.generate(LARGE)
    until_notice(events)
    events.close()
    assert ask(engine, user("Hello")).text


def test_leaving_an_answer_of_a_stopped_process_ends_it(
    engine: EngineClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_connection, "_DRAIN_S", 0.3)
    stopped_while_answering(engine).close()
    assert ask(engine, user("Hello")).text


def test_a_cancel_during_the_sending_is_sent_after_it(engine: EngineClient) -> None:
    process = psutil.Process(engine.pid)
    process.suspend()
    events = engine.generate(LARGE)
    until_notice(events)
    engine.cancel()
    process.resume()
    assert list(events)[-1].reason == "cancelled"


def test_a_cancel_that_takes_long_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(running_request.time, "monotonic", lambda: now[0])

    class Line:
        sent = 0

        def try_send(self, frame: object) -> bool:
            self.sent += isinstance(frame.request, Cancel)
            return True

    line, run = Line(), RunningRequest(1)
    run.whole = True
    assert not list(run.notices("encode"))
    run.cancel(line)
    run.cancel(line)
    assert line.sent == 1
    now[0] += running_request.CANCEL_S
    run.heard()
    (notice,) = run.notices("encode")
    assert "still encoding a picture" in notice.message and "Stop again" in notice.hint
    assert not list(run.notices("encode"))
