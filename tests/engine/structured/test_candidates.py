"""The tokens that are looked at because their first bytes fit are all that fit, each once."""

from __future__ import annotations

import random
from array import array

import pytest

from tests.engine.structured import random_model
from vlmtui.engine.backends.llamacpp import candidates
from vlmtui.engine.backends.llamacpp.candidates import Candidates
from vlmtui.engine.backends.llamacpp.grammar import Grammar
from vlmtui.engine.engine_requests import Constraint
from vlmtui.engine.structured import constraints

SCHEMA = """{"type": "object", "additionalProperties": {"enum": ["ä", 1.5, null]},
 "properties": {"name": {"type": "string", "maxLength": 9}}, "required": ["name"]}"""


@pytest.mark.parametrize("small", [2, 256])
@pytest.mark.parametrize(
    "constraint",
    [
        constraints.of_schema(SCHEMA),
        constraints.of_regex("(the )?[a-f]+ ?\\.|ça va|日本"),
        constraints.of_choices(["red", "really red", "🙂"]),
    ],
)
def test_none_is_missing_at_any_place_of_an_answer(
    constraint: Constraint, small: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candidates, "_SMALL", small)
    words, chance = random_model.vocabulary(), random.Random(7)
    known = Candidates(words)
    monkeypatch.setattr(known, "_logits", lambda context: array("f", bytes(4 * words.size)))
    grammar = Grammar(constraints.grammar(constraint), words)
    for _ in range(40):
        allowed = random_model.fitting(grammar)
        fitting = [each for each in allowed if words.piece(each) or words.ends_turn(each)]
        found = known.fewer(None, (), grammar)
        grammar.apply(found)
        chosen = [each.id for each in found.data[: found.size] if each.logit == 0.0]
        assert sorted(chosen) == fitting
        going_on = [each for each in fitting if not words.ends_turn(each) and grammar.joins(each)]
        if not going_on:
            break
        grammar.accept(chance.choice(going_on))
    grammar.close()


def test_where_many_may_fit_there_is_no_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "_FEW", 300)
    words = random_model.vocabulary()
    grammar = Grammar("root ::= [^x]+", words)
    assert Candidates(words).fewer(None, (), grammar) is None
    grammar.close()
