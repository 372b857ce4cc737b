"""`vlmtui ask` above a scripted engine: what is printed when, and what an engine is asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fakes import FakeEngine, crash
from tests.fakes import answer as script
from vlmtui.ask.conversation import answer
from vlmtui.ask.question import Question
from vlmtui.engine.engine_events import Adjusted, Encoded, Finished, Loaded, Notice, Stats, Trimmed
from vlmtui.errors import EngineCrashed, GenerateFailed, LoadFailed
from vlmtui.messages import Role


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


def test_text_is_kept_and_its_line_ended_when_the_engine_dies(
    engine: FakeEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    engine.script(*script("A red", " circ"), crash("decode"))
    with pytest.raises(EngineCrashed):
        answer(Question(prompt="What is it?"), engine)
    assert capsys.readouterr().out == "A red circ\n"
    assert engine.closed


def test_a_failure_prints_no_json(engine: FakeEngine, capsys: pytest.CaptureFixture[str]) -> None:
    engine.script(*script("Yes."))
    engine.script(GenerateFailed("llama_decode returned -3"))
    with pytest.raises(GenerateFailed):
        answer(Question(prompt="One", then=("Two",), as_json=True), engine)
    assert capsys.readouterr().out == ""
    assert engine.closed


def test_a_model_that_cannot_be_loaded_is_never_asked(engine: FakeEngine) -> None:
    engine.script_load(LoadFailed("It is damaged"))
    with pytest.raises(LoadFailed):
        answer(Question(prompt="What is it?"), engine)
    assert not engine.requests
    assert engine.closed


def test_an_empty_line_stands_between_turns(
    engine: FakeEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    engine.script(*script("One.", "\n"))
    engine.script(*script("Two."))
    engine.script()
    engine.script(*script("Four."))
    assert answer(Question(prompt="1", then=("2", "3", "4")), engine)
    assert capsys.readouterr().out == "One.\n\nTwo.\n\nFour.\n"


def test_follow_ups_carry_the_whole_conversation(
    engine: FakeEngine, picture: Callable[..., Path]
) -> None:
    engine.script(*script("A circle."))
    image = str(picture("red circle at left"))
    question = Question(
        prompt="What?", images=(image,), then=("Where?",), system="Be brief.", temperature=0, seed=5
    )
    assert answer(question, engine)
    first, second = engine.requests
    assert [message.role for message in first.messages] == [Role.SYSTEM, Role.USER]
    assert [message.text for message in second.messages] == [
        "Be brief.",
        "What?",
        "A circle.",
        "Where?",
    ]
    assert second.messages[1].images[0].path == image
    assert not second.messages[3].images
    assert (second.sampling.temperature, second.sampling.seed) == (0, 5)


def test_json_leaves_out_pictures_that_left_the_prompt(
    engine: FakeEngine, picture: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    images = tuple(str(picture("red circle at left", name=f"{n}.png")) for n in range(2))
    engine.script(Encoded(0, 64, 0.5, False), Encoded(1, 64, 0.25, False), *script("Two."))
    engine.script(Trimmed(2, 2), *script("Many."))
    assert answer(Question(prompt="How many?", images=images, then=("And?",), as_json=True), engine)
    first, second = json.loads(capsys.readouterr().out)
    assert [image["encode_s"] for image in first["images"]] == [0.5, 0.25]
    assert second["images"] == []


def test_json_tells_of_a_model_that_was_loaded_again(
    engine: FakeEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    engine.script(*script("One."))
    engine.script(Loaded(engine._info), *script("Two."), Finished("length", Stats(prompt_tokens=9)))
    assert answer(Question(prompt="1", then=("2",), as_json=True), engine)
    first, second = json.loads(capsys.readouterr().out)
    assert first["stats"]["load_s"] == second["stats"]["load_s"] == engine._info.load_s
    assert second["finish_reason"] == "length"
    assert second["stats"]["prompt_tokens"] == 9


def test_what_left_the_context_is_told_in_json_and_on_stderr_where_no_terminal_is(
    engine: FakeEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    engine.script(*script("One."))
    engine.script(Trimmed(2, 1), *script("Two."))
    assert answer(Question(prompt="1", then=("2",), as_json=True), engine)
    ended = capsys.readouterr()
    first, second = json.loads(ended.out)
    assert (first["trimmed"], second["trimmed"]) == (None, {"messages": 2, "images": 1})
    assert "the 2 oldest messages, with 1 picture, are no longer seen by the model" in ended.err


def test_json_tells_what_was_changed_of_what_was_asked(
    engine: FakeEngine, picture: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    engine.script_load(
        Adjusted("short", "a context of 2,048 tokens", {"ctx": 2048, "kv": "q8_0"}),
        Notice("threads", "99 threads were asked for", "Leave it."),
    )
    engine.script(Encoded(0, 64, 0.5, False, (336, 252)), *script("One."))
    image = str(picture("red circle at left"))
    assert answer(Question(prompt="1", images=(image,), then=("2",), as_json=True), engine)
    ended = capsys.readouterr()
    first, second = json.loads(ended.out)
    for turn in (first, second):
        assert turn["changed"] == {"ctx": 2048, "kv": "q8_0"}
        assert turn["notices"] == ["99 threads were asked for"]
        assert turn["images"][0]["scaled_to"] == [336, 252]
    assert "99 threads were asked for. Leave it." in ended.err


def test_json_tells_of_a_context_that_llama_cpp_rounds(
    engine: FakeEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert answer(Question(prompt="1", ctx=4000, as_json=True), engine)
    assert json.loads(capsys.readouterr().out)["changed"] == {"ctx": 4096}
