"""`vlmtui ask` with models that think: a subprocess, llama.cpp, scripted models."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.engine.zoo import scripted
from tests.engine.zoo.scripted import SWITCHLESS, TIGHT, Script, chain, circle

CIRCLES = circle("<think>", "o", "h") | chain("</think>", "r", "e", "d")


@pytest.fixture
def model(tmp_path: Path) -> Callable[..., tuple[str, ...]]:
    def make(follows: dict[str, str], template: str = TIGHT) -> tuple[str, ...]:
        path = scripted.write(tmp_path / "thinker.gguf", Script(follows, template))
        return ("ask", "--model", str(path), "--temperature", "0")

    return make


def test_the_answer_alone_is_printed(run: Run, model: Callable[..., tuple[str, ...]]) -> None:
    ask = model(chain("<think>", "h", "m", "</think>", "r", "e", "d"))
    ended = run(*ask, "What?")
    assert (ended.code, ended.out, ended.err) == (0, "red\n", "")
    ended = run(*ask, "--thought", "What?")
    assert (ended.code, ended.out, ended.err) == (0, "red\n", "hm\n")


def test_json_has_it(run: Run, model: Callable[..., tuple[str, ...]]) -> None:
    told = json.loads(run(*model(CIRCLES), "--think", "4", "--json", "What?").out)
    assert (told["text"], told["thought"]) == ("red", "ohoh")
    assert told["stats"]["thought_tokens"] == 4
    assert told["stats"]["thought_s"] >= 0
    told = json.loads(run(*model(CIRCLES), "--think", "off", "--json", "What?").out)
    assert (told["text"], told["thought"]) == ("red", "")


def test_a_model_without_a_switch_is_stopped_thinking(
    run: Run, model: Callable[..., tuple[str, ...]]
) -> None:
    ask = model({**CIRCLES, "<0x0A>": "<think>"}, SWITCHLESS)
    ended = run(*ask, "--think", "off", "--json", "What?")
    told = json.loads(ended.out)
    assert (told["thought"], told["stats"]["thought_tokens"]) == ("", 0)
    assert "Its template has no switch for it" in told["notices"][0]
    assert told["notices"][0] in ended.err


@pytest.mark.parametrize("as_json", [True, False])
def test_a_thought_without_an_answer_is_a_failure(
    run: Run, model: Callable[..., tuple[str, ...]], as_json: bool
) -> None:
    options = ("--json",) if as_json else ()
    ended = run(*model(CIRCLES), "--think", "on", "--max-tokens", "6", *options, "What?")
    assert ended.code == 1
    assert "The model thought up to the length limit and gave no answer" in ended.err
    assert "--think 256" in ended.err
    assert ended.out == "" if not as_json else json.loads(ended.out)["thought"] == "ohohoh"


@pytest.mark.parametrize("value", ["0", "-1", "maybe", "1.5", ""])
def test_what_can_not_be_meant_is_refused(run: Run, value: str) -> None:
    ended = run("ask", "--think", value, "What?")
    assert ended.code == 2
    assert "is not on, off, auto" in ended.err
