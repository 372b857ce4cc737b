from __future__ import annotations

from msgspec.structs import replace

from tests.fakes import INFO, STATS
from vlmtui.engine.engine_events import (
    Delta,
    Encoded,
    Encoding,
    Finished,
    Loaded,
    Loading,
    Prefill,
    Stats,
    Thought,
    Waiting,
)
from vlmtui.stats.engine_progress import begin, exchanging, fold, stopping
from vlmtui.stats.engine_state import EngineState, Phase


def after(*events: object, engine_state: EngineState = EngineState()) -> EngineState:  # noqa: B008 - frozen
    for second, event in enumerate(events, start=1):
        engine_state = fold(engine_state, event, float(second))
    return engine_state


def test_a_load_goes_from_loading_to_ready() -> None:
    assert after(Loading(0.4)).label() == "loading 40 %"
    loaded = after(Loading(0.4), Loaded(INFO))
    assert (loaded.phase, loaded.model, loaded.context_size) == (Phase.READY, "fake", 4096)


def test_a_turn_names_its_phases() -> None:
    asked = begin(after(Loaded(INFO)), 0.5)
    assert after(Encoding(1, 2), engine_state=asked).label() == "encoding picture 1/2"
    assert after(Encoding(1, 1), engine_state=asked).label() == "encoding picture"
    assert after(Prefill(56, 116, 16), engine_state=asked).label() == "prefill 40 %"
    assert after(Prefill(16, 16, 16), engine_state=asked).label() == "prefill 100 %"
    assert after(Delta("a", 1), engine_state=asked).label() == "decoding"


def test_a_thought_is_told_with_its_time_and_its_tokens() -> None:
    asked = begin(after(Loaded(INFO)), 0.5)
    thinking = after(Thought("a", 1), Thought("b", 40), Thought("c", 340), engine_state=asked)
    assert thinking.label() == "thinking 2 s, 340 tokens"
    assert thinking.busy
    answering = fold(thinking, Delta("d", 341), 4.0)
    assert answering.label() == "decoding"
    assert answering.tokens_per_s is not None
    assert begin(answering, 5.0).thought_s == 0


def test_waiting_for_another_is_told_until_something_happens() -> None:
    asked = begin(after(Loaded(INFO)), 0.5)
    waiting = after(Waiting(1, "pts/3"), engine_state=asked)
    assert waiting.label() == "waiting for another vlmtui (pts/3), 1 before you"
    assert waiting.busy
    assert after(Encoding(1, 1), engine_state=waiting).label() == "encoding picture"
    assert waiting.waiting(1.0).endswith("Esc leaves the queue")
    assert after(Waiting(1, "pts/3")).phase is Phase.ABSENT
    other = after(Waiting(1, "pts/3", "other"), engine_state=asked).label()
    assert other == "waiting for other to finish its answer (pts/3): no memory for both models"


def test_a_picture_is_told_with_the_share_that_the_last_one_has_taught() -> None:
    asked = begin(after(Loaded(INFO)), 0.5)
    first = after(Encoding(1, 2), engine_state=asked)
    assert first.waiting(2.0) == "encoding picture 1/2"  # nobody knows yet how long it takes
    assert first.waiting(3.0) == "encoding picture 1/2 · 2 s"
    second = fold(fold(first, Encoded(0, 64, 20.0, False), 21.0), Encoding(2, 2), 21.0)
    assert second.waiting(26.5) == "encoding picture 2/2 28 % · 26 s"
    assert second.waiting(60.5) == "encoding picture 2/2 · 60 s"  # it takes longer this time
    stopped = stopping(second).waiting(26.0)
    assert stopped == "stopping when the picture is encoded, in about 15 s · 26 s"
    reading = fold(fold(second, Encoded(1, 64, 20.0, False), 41.0), Prefill(8, 64, 0), 41.0)
    assert stopping(reading).waiting(41.0) == "stopping · 40 s"


def test_what_one_model_has_taught_is_nothing_to_another() -> None:
    asked = begin(after(Loaded(INFO)), 0.5)
    taught = after(Encoding(1, 1), Encoded(0, 64, 20.0, False), engine_state=asked)
    other = fold(exchanging(taught, "other"), Loaded(INFO), 30.0)
    assert fold(begin(other, 30.0), Encoding(1, 1), 30.0).waiting(31.0) == "encoding picture"


def test_a_load_inside_a_turn_does_not_look_like_its_end() -> None:
    asked = begin(EngineState(), 0.5)
    assert after(Loading(1.0), Loaded(INFO), engine_state=asked).busy


def test_time_to_first_token_and_speed_are_live() -> None:
    asked = begin(after(Loaded(INFO)), 0.5)
    live = after(
        Prefill(80, 80, 16), Delta("a", 1), Delta("b", 11), Delta("c", 21), engine_state=asked
    )
    assert live.first_token == 1.5
    assert live.tokens_per_s == 10.0
    assert live.context_used == 101


def test_the_engines_own_figures_stand_at_the_end() -> None:
    asked = begin(after(Loaded(INFO)), 0.5)
    stats = replace(STATS, network_s=0.5)
    done = after(Delta("a", 1), Finished("stop", stats), engine_state=asked)
    assert done.phase is Phase.READY
    assert (done.first_token, done.tokens_per_s, done.reused) == (0.75, 32.0, 16)
    assert (done.prompt, done.network_s) == (stats.prompt_tokens, 0.5)


def test_what_still_comes_after_a_stop_does_not_look_like_going_on() -> None:
    stopped = stopping(begin(after(Loaded(INFO)), 0.5))
    assert after(Delta("late", 9), engine_state=stopped).phase is Phase.STOPPING
    assert after(Finished("cancelled"), engine_state=stopped).phase is Phase.READY


def test_they_do_also_where_a_server_that_was_stopped_tells_nothing_of_the_prompt() -> None:
    asked = begin(after(Loaded(INFO)), 0.5)
    stats = Stats(time_to_first_token_s=0.25, generated_tokens=3, decode_tokens_per_s=9.0)
    done = after(Delta("a", 1), Finished("cancelled", stats), engine_state=asked)
    assert (done.first_token, done.generated, done.tokens_per_s) == (0.25, 3, 9.0)
