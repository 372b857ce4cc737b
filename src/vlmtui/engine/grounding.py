"""Whether a question asks where in a picture something is, as numbers."""

from __future__ import annotations

import re

_BOXES = re.compile(
    r"\bbbox|\bbounding[ -]?box|\bbox(?:es)? (?:around|of|for)\b|\bcoordinates\b|\blocate\b",
    re.IGNORECASE,
)

FINDERS = frozenset(("qwen2vl", "qwen3vl", "qwen3vlmoe", "qwen35", "qwen35moe"))
"""Architectures (`general.architecture`) whose boxes are off in pictures of fewer than 1,024
tokens, as clip.cpp warns."""


def asks_for_boxes(text: str) -> bool:
    """Whether boxes or coordinates are asked for, going by the words of models' own examples."""
    return _BOXES.search(text) is not None
