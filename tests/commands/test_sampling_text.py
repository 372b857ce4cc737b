from __future__ import annotations

import pytest

from vlmtui.commands import sampling_text
from vlmtui.errors import InputError
from vlmtui.settings import PRESETS, Preset


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("temperature 0.7", "temperature", 0.7),
        ("temperature=0", "temperature", 0.0),
        ("  Top-K   5 ", "top_k", 5),
        ("seed 42", "seed", 42),
        ("max_tokens 0", "max_tokens", 0),
        ('stop END "the end"', "stop", ["END", "the end"]),
        ("stop \\n", "stop", ["n"]),
        ('stop "\\n\\n"', "stop", ["\n\n"]),
        ("temperature default", "temperature", None),
    ],
)
def test_a_setting_and_its_value_are_read(line: str, name: str, value: object) -> None:
    assert sampling_text.read(line) == (name, value)


@pytest.mark.parametrize(
    ("line", "takes"),
    [
        ("temperature -1", "from 0 up"),
        ("temperature hot", "from 0 up"),
        ("temperature nan", "from 0 up"),
        ("temperature inf", "from 0 up"),
        ("top_p 1.5", "from 0 to 1"),
        ("top_k 1.5", "whole number"),
        ("repeat_penalty 1e-300", "from 0.01 to 100"),
        ("seed -1", "4294967295"),
        ('stop "open', "in quotes"),
        ("top_k", "/set top_k 40"),
        ("temprature 1", "temperature, top_k"),
    ],
)
def test_a_value_that_can_not_be_is_refused_with_those_that_can(line: str, takes: str) -> None:
    with pytest.raises(InputError) as refused:
        sampling_text.read(line)
    assert takes in refused.value.hint


def test_every_example_can_be_set() -> None:
    for name, (_, example) in sampling_text.FIELDS.items():
        assert sampling_text.read(f"{name} {example}")[1] is not None


def test_a_preset_names_only_what_differs() -> None:
    assert sampling_text.of_preset(Preset(system="x", top_k=0)) == {"top_k": 0}
    assert {"precise", "creative", "describe"} <= PRESETS.keys()


def test_sampling_is_shown_in_a_steady_order() -> None:
    values = {"stop": ["END"], "max_tokens": 0, "seed": None, "temperature": 0.5}
    shown = "temperature 0.5, seed none, max_tokens unlimited, stop 'END'"
    assert sampling_text.shown(values) == shown
