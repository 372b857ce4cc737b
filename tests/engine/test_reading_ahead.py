"""Reading ahead on the real engine: what is ready before the question, and that nothing changes."""

from __future__ import annotations

import threading

import pytest

from tests.engine.asking import GREEDY, ask
from vlmtui.engine.engine_events import Delta, Encoded, Encoding, Finished, Prefill
from vlmtui.engine.engine_requests import Generate, Prepare
from vlmtui.messages import assistant, system, user

QUESTION = "What color is the circle?"


def prepare(engine, *messages):
    return list(engine.prepare(Prepare(tuple(messages))))


def test_a_picture_that_was_attached_early_is_neither_encoded_nor_read_when_asked(engine, picture):
    shown = picture()
    events = prepare(engine, system("Be brief."), user("", (shown,)))
    assert [type(event) for event in events][-1] is Finished
    assert events[-1].reason == "done"
    assert sum(isinstance(event, Encoding) for event in events) == 1
    answer = ask(engine, system("Be brief."), user(QUESTION, (shown,)))
    assert not answer.of(Encoding)
    stats = answer.finished.stats
    assert stats.reused_tokens > stats.image_tokens > 0
    assert stats.prompt_tokens - stats.reused_tokens < 30


def test_a_long_text_is_read_up_to_where_it_goes_on(engine):
    text = "The quick brown fox jumps over the lazy dog. " * 20
    prepare(engine, user(text))
    stats = ask(engine, user(text + " How many dogs are there?")).finished.stats
    assert stats.prompt_tokens - stats.reused_tokens < 30


def test_the_history_of_a_chat_is_read_before_its_next_question(engine, picture):
    history = (user("Describe it.", (picture(),)), assistant("A circle. " * 30))
    prepare(engine, *history)
    answer = ask(engine, *history, user(QUESTION))
    assert not answer.of(Encoding)
    stats = answer.finished.stats
    assert stats.prompt_tokens - stats.reused_tokens < 30


def test_what_is_ready_is_not_read_twice_and_what_the_cache_holds_beyond_stays(engine, picture):
    shown = picture()
    first = ask(engine, user(QUESTION, (shown,)))
    events = prepare(engine, user("", (shown,)))  # a shorter row of the same beginning
    assert [type(event) for event in events] == [Finished]
    again = ask(engine, *first.followed_by((user(QUESTION, (shown,)),), user("And the size?")))
    before = first.finished.stats
    assert again.finished.stats.reused_tokens >= before.prompt_tokens + before.generated_tokens - 1


@pytest.mark.parametrize("trimmed", [False, True])
def test_answers_are_those_without_reading_ahead(start, picture, trimmed):
    shown = picture(("red", "circle", "left"))
    history = (
        user("Describe it.", (shown,)), assistant("A circle. " * 40),
        user("What else?"), assistant("Nothing else. " * 40),
    )  # fmt: skip
    conversation = (*history, user(QUESTION, (shown,)))
    ctx = 512 if trimmed else 2048
    plain = ask(start(ctx=ctx), *conversation)
    ahead = start(ctx=ctx)
    prepare(ahead, *history)
    prepare(ahead, *history, user("", (shown,)))
    prepared = ask(ahead, *conversation)
    assert prepared.text == plain.text
    assert prepared.finished.stats.prompt_tokens == plain.finished.stats.prompt_tokens


def test_it_stops_when_it_is_told_to_and_keeps_what_it_has_done(engine, picture):
    shown = [picture(seed=seed) for seed in range(6)]
    events = engine.prepare(Prepare((user("", shown),)))
    for event in events:
        if isinstance(event, Encoded):
            engine.cancel()
            break
    rest = list(events)
    assert rest[-1].reason == "cancelled"
    answer = ask(engine, user(QUESTION, shown))
    assert answer.of(Encoded)[0].reused
    assert any(not event.reused for event in answer.of(Encoded))


def test_any_other_request_ends_it(engine, picture):
    """As it does where several clients share an engine: nobody sends a cancel."""
    from vlmtui.engine.wire import Command

    shown = [picture(seed=seed) for seed in range(12)]
    events = engine.prepare(Prepare((user("", shown),)))
    assert isinstance(next(events), Prefill)
    engine._process.channel.send(Command(99, Generate((user("Hi"),), GREEDY)))
    assert list(events)[-1].reason == "cancelled"


def test_a_model_that_sees_no_pictures_reads_the_words(start, picture):
    engine = start(source=_without_tower())
    events = prepare(engine, user("What is it? " * 20, (picture(),)))
    assert events[-1].reason == "done"
    assert not [event for event in events if isinstance(event, Encoding)]


def test_nothing_is_loaded_for_it(tmp_path):
    from vlmtui.engine.client import EngineClient

    engine = EngineClient(tmp_path / "engine.log")
    try:
        assert prepare(engine, user("Hi")) == [Finished("cancelled")]
        assert engine.pid is None
    finally:
        engine.close()


def test_a_cancel_from_another_thread_lets_a_question_through(engine, picture):
    shown = [picture(seed=seed) for seed in range(12)]
    reading = threading.Thread(target=lambda: prepare(engine, user("", shown)))
    reading.start()
    while engine._running is None:
        assert reading.is_alive()
    engine.cancel()
    answer = ask(engine, user("Hi"))
    reading.join()
    assert answer.of(Delta)


def _without_tower():
    from tests.engine.conftest import demo_load
    from vlmtui.engine.engine_requests import Files

    return Files(demo_load().files.model)
