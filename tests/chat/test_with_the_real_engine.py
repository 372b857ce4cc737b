"""A conversation with the demo model: nothing here is a fake."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes import PATIENCE
from vlmtui.chat.events import AnswerSaved, AnswerStarted, UserSaved
from vlmtui.chat.session import ChatSession
from vlmtui.demo import sample_images
from vlmtui.engine.base import Encoded, Finished, Load, Loaded, Sampling
from vlmtui.engine.client import EngineClient
from vlmtui.models import library
from vlmtui.storage.chats import ChatStore
from vlmtui.storage.images import ImageStore


@pytest.fixture
def llama(tmp_path: Path) -> EngineClient:
    return EngineClient(tmp_path / "engine.log")


@pytest.fixture
def demo(llama: EngineClient, store: ChatStore, images: ImageStore) -> Iterator[ChatSession]:
    session = session_with_demo(llama, store, images)
    yield session
    session.close()


def kill(pid: int | None) -> None:
    """`kill -9`, and wait until the process is gone, without taking its status from its parent."""
    assert pid is not None
    process = os.pidfd_open(pid)
    os.kill(pid, signal.SIGKILL)
    select.select([process], [], [], PATIENCE)
    os.close(process)


def session_with_demo(engine: EngineClient, store: ChatStore, images: ImageStore) -> ChatSession:
    model = library.resolve("demo")
    return ChatSession(
        engine,
        store,
        images,
        Load(str(model.path), str(model.mmproj), model.name),
        sampling=Sampling(temperature=0, max_tokens=24),
        chat=store.latest(),
    )


def test_a_picture_is_asked_about_and_a_follow_up_reuses_it(
    demo: ChatSession, tmp_path: Path
) -> None:
    source = tmp_path / "shapes.png"
    source.write_bytes(sample_images()[0].read_bytes())
    image = demo.attach(source)
    source.unlink()
    first = list(demo.send("Describe the image.", [image]))
    assert [type(event) for event in first[:2]] == [UserSaved, AnswerStarted]
    assert isinstance(first[-1], AnswerSaved)
    follow_up = list(demo.send("How many shapes are there?"))
    assert [event.reused for event in follow_up if isinstance(event, Encoded)] == [True]
    assert not any(isinstance(event, Loaded) for event in follow_up)
    stored = demo.transcript()[-1]
    assert (stored.status, stored.model) == ("complete", "demo")
    assert stored.message.text
    assert (stored.stats or {})["reused_tokens"] > 0


def test_a_chat_goes_on_in_a_new_process_from_what_is_on_disk(
    demo: ChatSession, tmp_path: Path, store: ChatStore, images: ImageStore
) -> None:
    image = demo.attach(sample_images()[0])
    list(demo.send("Describe the image.", [image]))
    warm = list(demo.send("How many shapes are there?"))[-1]
    demo.close()
    later = session_with_demo(EngineClient(tmp_path / "engine.log"), store, images)
    cold = list(later.regenerate())[-1]
    later.close()
    assert isinstance(warm, AnswerSaved)
    assert isinstance(cold, AnswerSaved)
    assert cold.stored.message == warm.stored.message


def test_an_engine_that_was_killed_between_two_questions_is_replaced(
    demo: ChatSession, llama: EngineClient
) -> None:
    image = demo.attach(sample_images()[0])
    list(demo.send("Describe the image.", [image]))
    kill(llama.pid)
    events = list(demo.send("How many shapes are there?"))
    assert any(isinstance(event, Loaded) for event in events)
    assert demo.transcript()[-1].status == "complete"


def test_a_turn_cancelled_at_its_beginning_leaves_the_model_ready(demo: ChatSession) -> None:
    image = demo.attach(sample_images()[0])
    for event in demo.send("Describe the image.", [image]):
        if isinstance(event, Loaded):
            demo.cancel()
    assert demo.transcript()[-1].status == "cancelled"
    events = list(demo.regenerate())
    assert not any(isinstance(event, Loaded) for event in events)
    assert any(isinstance(event, Finished) and event.reason != "cancelled" for event in events)
