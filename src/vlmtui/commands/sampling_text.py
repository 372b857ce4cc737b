"""Sampling as people write and read it: `/set temperature 0.7`, `temperature 0.7, top_k 20`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from vlmtui import printable
from vlmtui.errors import InputError
from vlmtui.messages import Detail
from vlmtui.settings import Preset

DEFAULT = "default"
"""Instead of a value: what the settings have."""

FIELDS = {
    "temperature": ("a number from 0 up; 0 always takes the likeliest token", "0.7"),
    "top_k": ("a whole number from 0 up; 0 turns it off", "40"),
    "top_p": ("a number from 0 to 1; 1 turns it off", "0.9"),
    "min_p": ("a number from 0 to 1; 0 turns it off", "0.05"),
    "repeat_penalty": ("a number from 0.01 to 100; 1 turns it off", "1.1"),
    "seed": ("a whole number from 0 to 4294967295; default picks a new one each time", "42"),
    "max_tokens": ("a whole number from 0 up; 0 is unlimited", "256"),
    "think": ("auto, on, off, or a whole number of tokens from 1 up", "256"),
    "detail": ("low, normal, high, max, or how many tokens a picture may take", "high"),
    "question": ("what to ask of pictures that come without words", "Table Recognition:"),
    "stop": ("one or more texts, those with spaces in quotes", '"END"'),
}
"""What can be set, the values it takes, and one of them."""


def read(line: str) -> tuple[str, Any]:
    """Read the arguments of `/set`: a name, and its value or None for the default.

    Raises:
        InputError: There is no such name, or its value can't be; says which can.
    """
    name, _, text = line.strip().replace("=", " ", 1).partition(" ")
    name = name.lower().replace("-", "_")
    text = text.strip()
    if name not in FIELDS:
        raise InputError(
            f"There is no setting {printable.line(name, 30)}", "There are: " + ", ".join(FIELDS)
        )
    values, example = FIELDS[name]
    if not text:
        raise InputError(f"{name} needs a value: {values}", f"For example: /set {name} {example}")
    if text.lower() == DEFAULT:
        return name, None
    try:
        return name, _value(name, text)
    except ValueError:  # msgspec's are, too
        raise InputError(
            f"{name} can't be {printable.line(text, 30)}", f"It takes {values}"
        ) from None


def _value(name: str, text: str) -> Any:
    if name == "stop":
        import shlex

        return [word.replace("\\n", "\n") for word in shlex.split(text)]
    if name == "think" and not text.isdecimal():
        return msgspec.convert({name: text.lower()}, Preset).think
    if name == "question":
        return text
    if name == "detail":
        return detail(text)
    number = (
        float(text) if name in ("temperature", "top_p", "min_p", "repeat_penalty") else int(text)
    )
    return getattr(msgspec.convert({name: number}, Preset), name)


def detail(text: str) -> Detail:
    """Read a detail; raises `ValueError` where there is none such."""
    word = text.strip().lower().replace(",", "")
    number = word.isascii() and word.isdecimal()
    found: Detail = msgspec.convert(int(word) if number else word, Detail)
    return found


def of_preset(preset: Preset) -> dict[str, Any]:
    """The sampling that a preset names."""
    values = msgspec.structs.asdict(preset)
    return {name: values[name] for name in FIELDS if values[name] is not None}


def shown(values: Mapping[str, Any]) -> str:
    """`temperature 0.7, top_k 20`, in the order of the list above."""
    return ", ".join(f"{name} {_shown(name, values[name])}" for name in FIELDS if name in values)


def _shown(name: str, value: Any) -> str:
    if value is None:
        return "none"
    if name == "question":
        return repr(value) if value else "that of the model"
    if name == "max_tokens" and value == 0:
        return "unlimited"
    if isinstance(value, (list, tuple)):
        return " ".join(repr(word) for word in value) or "none"
    return str(value)
