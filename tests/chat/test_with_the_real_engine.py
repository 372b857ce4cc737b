"""A conversation with the demo model: nothing here is a fake."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.engine import zoo
from tests.fakes import TIMEOUT
from vlmtui.chat.chat_events import AnswerSaved, AnswerStarted, UserSaved
from vlmtui.chat.session import ChatSession
from vlmtui.demo import sample_images
from vlmtui.engine.client import EngineClient
from vlmtui.engine.engine_events import Delta, Encoded, Finished, Loaded, Prefill
from vlmtui.engine.engine_requests import Files, Load, Sampling
from vlmtui.errors import EngineCrashed, SwitchFailed
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
    select.select([process], [], [], TIMEOUT)
    os.close(process)


def session_with_demo(engine: EngineClient, store: ChatStore, images: ImageStore) -> ChatSession:
    model = library.resolve("demo")
    return ChatSession(
        engine,
        store,
        images,
        Load(Files(str(model.path), str(model.mmproj)), model.name),
        sampling=Sampling(temperature=0, max_tokens=24),
        chat=store.latest(),
    )


def test_a_picture_is_asked_about_and_a_follow_up_reuses_it(
    demo: ChatSession, tmp_path: Path
) -> None:
    source = tmp_path / "shapes.png"
    source.write_bytes(sample_images()[0].read_bytes())
    image = demo.images.attach(source)
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
    image = demo.images.attach(sample_images()[0])
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
    image = demo.images.attach(sample_images()[0])
    list(demo.send("Describe the image.", [image]))
    kill(llama.pid)
    events = list(demo.send("How many shapes are there?"))
    assert any(isinstance(event, Loaded) for event in events)
    assert demo.transcript()[-1].status == "complete"


def test_a_turn_cancelled_at_its_beginning_leaves_the_model_ready(demo: ChatSession) -> None:
    image = demo.images.attach(sample_images()[0])
    for event in demo.send("Describe the image.", [image]):
        if isinstance(event, Loaded):
            demo.cancel()
    assert demo.transcript()[-1].status == "cancelled"
    events = list(demo.regenerate())
    assert not any(isinstance(event, Loaded) for event in events)
    assert any(isinstance(event, Finished) and event.reason != "cancelled" for event in events)


WHOLE = Sampling(temperature=0, max_tokens=200)
"""Lets the demo model end its sentences."""


def test_an_answer_that_was_cut_off_goes_on_as_if_it_never_was(demo: ChatSession) -> None:
    demo.preferences.change(sampling=WHOLE)
    image = demo.images.attach(sample_images()[0])
    list(demo.send("Describe the image.", [image]))
    whole = demo.transcript()[-1].message.text
    demo.preferences.change(sampling={"max_tokens": 4})
    list(demo.regenerate())
    cut = demo.transcript()[-1]
    assert whole.startswith(cut.message.text) and cut.message.text != whole
    demo.preferences.change(sampling=WHOLE)
    list(demo.continue_answer())
    rest = demo.transcript()[-1]
    assert (rest.id, rest.message.text) == (cut.id, whole)
    stats = rest.stats or {}
    assert (stats["generated_tokens"] > 4, stats["continued"]) == (True, 1)


def test_an_answer_that_was_cancelled_goes_on_as_if_it_never_was(demo: ChatSession) -> None:
    demo.preferences.change(sampling=WHOLE)
    image = demo.images.attach(sample_images()[0])
    list(demo.send("Describe the image.", [image]))
    whole = demo.transcript()[-1].message.text
    for event in demo.regenerate():
        if isinstance(event, Delta):
            demo.cancel()
    for _time in range(len(whole)):
        if demo.transcript()[-1].status != "cancelled":
            break
        for event in demo.continue_answer():
            if isinstance(event, Delta):
                demo.cancel()
    assert demo.transcript()[-1].message.text == whole


def test_an_answer_goes_on_in_an_engine_that_was_killed(
    demo: ChatSession, llama: EngineClient
) -> None:
    demo.preferences.change(sampling=WHOLE)
    image = demo.images.attach(sample_images()[0])
    list(demo.send("Describe the image.", [image]))
    whole = demo.transcript()[-1].message.text
    with pytest.raises(EngineCrashed):
        for event in demo.regenerate():
            if isinstance(event, Prefill) and event.done == event.total:
                kill(llama.pid)
    # a death before the first word leaves nothing: the answer from before is shown again
    demo.preferences.change(sampling={"max_tokens": 3})
    list(demo.regenerate())
    kill(llama.pid)
    demo.preferences.change(sampling=WHOLE)
    events = list(demo.continue_answer())
    assert any(isinstance(event, Loaded) for event in events)
    assert demo.transcript()[-1].message.text == whole


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Load:
    """Another model than the demo, of random weights."""
    files = zoo.build("qwen2.5-vl", tmp_path_factory.mktemp("zoo"))
    return Load(Files(str(files.model), str(files.mmproj)), "small", ctx=1024)


def test_a_picture_is_encoded_anew_for_another_model_and_again_for_the_first(
    demo: ChatSession, llama: EngineClient, small: Load
) -> None:
    first = demo.model.request
    image = demo.images.attach(sample_images()[0])
    list(demo.send("Describe the image.", [image]))
    by_demo = demo.transcript()[-1]
    process = llama.pid
    list(demo.switch(small))
    assert llama.pid != process
    list(demo.regenerate(by_demo.id))
    by_small = demo.transcript()[-1]
    assert (by_small.model, by_small.sibling, by_small.siblings) == ("small", 2, 2)
    list(demo.switch(first))
    list(demo.regenerate(by_demo.id))
    again = demo.transcript()[-1]
    assert again.message == by_demo.message
    costs = [(stored.stats or {})["pictures"][0] for stored in (by_demo, by_small, again)]
    assert [cost["reused"] for cost in costs] == [False, False, False]
    assert costs[0]["tokens"] == costs[2]["tokens"] != costs[1]["tokens"]


def test_a_file_that_is_no_model_brings_the_old_one_back(demo: ChatSession, tmp_path: Path) -> None:
    list(demo.send("Hello"))
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(b"GGUF" + b"\xff" * 100)
    with pytest.raises(SwitchFailed) as caught:
        list(demo.switch(Load(Files(str(bad)), name="bad")))
    assert caught.value.back
    events = list(demo.send("Still there?"))
    assert not any(isinstance(event, Loaded) for event in events)
    assert demo.transcript()[-1].model == "demo"


def test_pictures_that_left_the_context_are_named_with_the_answer(
    llama: EngineClient, store: ChatStore, images: ImageStore
) -> None:
    session = session_with_demo(llama, store, images)
    list(session.switch(msgspec.structs.replace(session.model.request, ctx=512)))
    parts = [session.images.attach(path) for path in sample_images()[:2]]
    list(session.send("Describe the image.", [parts[0]]))
    list(session.send("Is there a star? " * 80, [parts[1]]))
    stats = session.transcript()[-1].stats or {}
    assert stats["trimmed"] == {"dropped": 2, "images": [parts[0].sha256]}
    assert [picture["sha256"] for picture in stats["pictures"]] == [parts[1].sha256]
    session.close()
