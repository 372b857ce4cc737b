"""Choices that a model would never begin with are taken from what it says in its own words."""

from __future__ import annotations

import random

import pytest

from tests.engine.asking import ask
from tests.engine.conftest import demo_load
from training import scenes
from vlmtui.engine.backends.llamacpp.choosing import mentioned
from vlmtui.engine.engine_events import Notice
from vlmtui.engine.engine_requests import Sampling
from vlmtui.engine.structured import constraints
from vlmtui.messages import user


def held(*choices: str) -> Sampling:
    return Sampling(temperature=0, constraint=constraints.of_choices([*choices]))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("The circle is Yellow.", ["yellow"]),
        ("red", ["red"]),
        ("It is light blue", ["light blue"]),
        ("Light blue, not blue", ["light blue", "blue"]),
        ("It is reddish, or a predator", []),
        ("", []),
    ],
)
def test_a_choice_is_named_by_whole_words(text: str, named: list[str]) -> None:
    assert mentioned(text, ["red", "blue", "yellow", "light blue"]) == named


@pytest.mark.trained
def test_choices_are_as_right_as_free_answers(engine, picture) -> None:
    right = {"free": 0, "choices": 0, "asked": 0}
    drawn = ((seed, scenes.random_scene(random.Random(seed))) for seed in range(16))
    single = ((seed, s, scene.find(kind=s.kind)) for seed, scene in drawn for s in scene.shapes[:1])
    for seed, shape in [(seed, shape) for seed, shape, alike in single if len(alike) == 1]:
        question = user(f"What color is the {shape.kind}?", (picture(seed=seed),))
        free = ask(engine, question, sampling=Sampling(temperature=0)).text
        chosen = ask(engine, question, sampling=held(*scenes.COLORS))
        assert chosen.text in scenes.COLORS and not chosen.of(Notice)
        right["asked"] += 1
        right["free"] += shape.color in free
        right["choices"] += shape.color == chosen.text
    assert right["choices"] >= right["free"] >= right["asked"] - 1 > 4


def test_where_its_own_words_name_none_one_is_taken_all_the_same(engine) -> None:
    asked = user("What is the capital of France?")
    answer = ask(engine, asked, sampling=held("Qq", "Zz"))
    assert answer.text in ("Qq", "Zz") and answer.finished.reason == "stop"
    assert not answer.of(Notice)


def test_the_next_question_is_answered_as_if_nothing_had_been_said_beside(engine) -> None:
    asked = (user("Are there shapes?"),)
    chosen = ask(engine, *asked, sampling=held("maybe", "never"))
    following = chosen.followed_by(asked, user("And circles?"))
    warm = ask(engine, *following).text
    engine.unload()
    list(engine.load(demo_load()))
    assert ask(engine, *following).text == warm
