"""Choices that a model would never say as its first word: it answers in its own words before.

Some models only know whole sentences: asked for a color, they begin with "The". What they make of
bare choices is chance then, while their own sentence names the right one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence

import msgspec

from vlmtui.engine.engine_events import Delta, Event, Finished
from vlmtui.engine.engine_requests import Generate

_LONGEST = 64
"""Tokens of an answer in the model's own words."""

Answer = Callable[[Generate, Callable[[Event], None]], Finished]


def in_own_words(answer: Answer, asked: Generate, emit: Callable[[Event], None]) -> Finished | None:
    """Have the model answer freely, and take the one choice that it names.

    Its own words are not among the events.

    Returns:
        The last event; None where the answer names none of the choices, or several.
    """
    sampling, words = asked.sampling, []
    assert sampling.constraint is not None
    longest = min(sampling.max_tokens or _LONGEST, _LONGEST)
    free = msgspec.structs.replace(sampling, constraint=None, max_tokens=longest)

    def hear(event: Event) -> None:
        if isinstance(event, Delta):
            words.append(event.text)
        else:
            emit(event)

    finished = answer(msgspec.structs.replace(asked, sampling=free), hear)
    if finished.reason == "cancelled":
        return finished
    named = mentioned("".join(words), json.loads(sampling.constraint.text))
    if len(named) != 1:
        return None
    emit(Delta(named[0], finished.stats.generated_tokens))
    return msgspec.structs.replace(finished, reason="stop")


def mentioned(text: str, choices: Sequence[str]) -> list[str]:
    """The choices that stand in a text as whole words; "light blue" isn't "blue"."""
    found = []
    for choice in sorted(choices, key=len, reverse=True):
        pattern = rf"(?<!\w){re.escape(choice)}(?!\w)"
        text, count = re.subn(pattern, "\0", text, flags=re.IGNORECASE)
        if count:
            found.append(choice)
    return found
