"""Grammars that llama.cpp can't work with are refused before a token, whatever they do to it."""

from __future__ import annotations

import os
import random

import pytest

from tests.engine.structured.random_model import fitting, vocabulary
from vlmtui.engine import death
from vlmtui.engine.backends.llamacpp import grammar, grammar_trial, llama_logs
from vlmtui.engine.backends.llamacpp.grammar_trial import GrammarTrial
from vlmtui.engine.cancellation import Aborted, CancelFlag
from vlmtui.engine.engine_requests import Constraint
from vlmtui.engine.structured import constraints
from vlmtui.errors import InputError

DOUBLING = "\n".join(
    ["root ::= r0", *(f"r{n} ::= r{n + 1} | r{n + 1}" for n in range(40)), 'r40 ::= "a"']
)
"""The parser looks for left recursion along each of its 2^40 ways."""

MULTIPLYING = "root ::= s\ns ::= ([^!] s t)? ([^!] t s)?\nt ::= ([^!] s)? ([^!] t)?"
"""After each character it may be at several times as many places."""

DEEP = "\n".join(
    ["root ::= r0", *(f'r{n} ::= r{n + 1} "a"' for n in range(200_000)), 'r200000 ::= "a"']
)
"""The search goes down as many functions: the stack is full."""

HUGE = f'root ::= "{"a" * 20_000}"{{2000}}'
TWELVE_WAYS = f"({'|'.join(['[a-df-z]'] * 12)})*!"
"""Until the e of a token like "triangle" is seen not to fit, all ways to it are tried."""


@pytest.fixture
def trial(monkeypatch: pytest.MonkeyPatch) -> GrammarTrial:
    llama_logs.install()
    monkeypatch.setattr(grammar_trial, "_MORE_MEMORY", 256 * 1024 * 1024)
    return GrammarTrial(vocabulary(), CancelFlag())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(text, said, id=said)
        for text, said in (
            (DOUBLING, "too much work"),
            (MULTIPLYING, "too much work|gives up"),
            (DEEP, "gives up|too much"),
            (HUGE, "too much"),
            ('root ::= "a"{3000}', "number of repetitions"),
            ('root ::= (("a"{0,2000} "b"){0,2000} "c"){0,2000}', "number of rules"),
            ('root ::= root "a" | "b"', "left recursion"),
            ("root ::= [a", "unexpected end"),
        )
    ],
)
def test_what_llama_cpp_cant_work_with_is_refused(
    trial: GrammarTrial, text: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grammar_trial, "_CPU_S", 0.15)
    with pytest.raises(InputError, match=said) as refused:
        trial.check(Constraint("grammar", text))
    assert refused.value.hint


def test_a_pattern_that_matches_in_many_ways_is_refused(
    trial: GrammarTrial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grammar_trial, "_CPU_S", 0.15)
    pattern = constraints.of_regex(TWELVE_WAYS)
    with pytest.raises(InputError, match="This pattern is too much work"):
        trial.check(pattern)


def test_sound_grammars_pass_and_are_tried_once(
    trial: GrammarTrial, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial.check(None)
    given = (
        constraints.of_grammar('root ::= "yes" | "no"'),
        constraints.of_grammar("root ::= [a-z]{0,2000}"),
        constraints.of_regex("(19|20)[0-9]{2}"),
        constraints.of_choices(["red", "green"]),
        constraints.of_schema('{"type": "array", "items": {"type": "string"}}'),
    )
    for constraint in given:
        trial.check(constraint)
    monkeypatch.delattr(grammar_trial.os, "fork")
    for constraint in given:
        trial.check(constraint)


def test_a_trial_is_given_up_when_it_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    cancel = CancelFlag()
    cancel.set()
    with pytest.raises(Aborted):
        GrammarTrial(vocabulary(), cancel).check(Constraint("grammar", DOUBLING))


def test_a_grammar_that_multiplies_later_on_ends_the_process_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(grammar, "_LONGEST_S", 0.05)
    text = 'root ::= "x" s' + MULTIPLYING.removeprefix("root ::= s")
    child = os.fork()
    if child == 0:  # what the engine's process comes to
        try:
            sampler, chance = grammar.Grammar(text, vocabulary()), random.Random(1)
            while True:
                tokens = [token for token in fitting(sampler) if sampler.joins(token)]
                sampler.accept(chance.choice(tokens))
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    cause, _ = death.explain(os.waitstatus_to_exitcode(status), "decode")
    assert "took llama.cpp too long" in cause
