"""Judges an answer: the one right colour, shape, number, yes/no or place is in it, no wrong one."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from dataclasses import dataclass

from training.scenes import COLORS, KINDS, PLACES, Scene, Shape

_NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight")
_SAME = {
    "upper": "top", "lower": "bottom", "middle": "center", "centre": "center", "central": "center",
    "top-left": "top left", "top-right": "top right", "bottom-left": "bottom left",
    "bottom-right": "bottom right", "colour": "color", "grey": "gray",
}  # fmt: skip


@dataclass(frozen=True)
class Expected:
    """What a right answer says; None where the question isn't about that."""

    color: str | None = None
    kind: str | None = None
    number: int | None = None
    yes: bool | None = None
    place: str | None = None
    shape: Shape | None = None
    """The one shape that is meant."""
    image: str | None = None
    """``first``, ``second`` or ``same``."""
    scene: Scene | None = None
    """Everything, as in a description."""
    demo: bool = False
    """The sentence that this is only the demo model."""


def words(answer: str) -> list[str]:
    """The answer's words in lower case, synonyms unified."""
    found = re.findall(r"[a-z]+(?:-[a-z]+)*|\d+", answer.lower())
    return [part for word in found for part in _SAME.get(word, word).split()]


def colors(answer: str) -> set[str]:
    """Colours that the answer names."""
    return set(words(answer)) & set(COLORS)


def kinds(answer: str) -> set[str]:
    """Shapes that the answer names, in the singular."""
    return {word.removesuffix("s") for word in words(answer)} & set(KINDS)


def numbers(answer: str) -> set[int]:
    """Numbers that the answer names, in digits or in words."""
    named = {_NUMBERS.index(word) for word in words(answer) if word in _NUMBERS}
    return named | {int(word) for word in words(answer) if word.isdigit()}


def places(answer: str) -> list[str]:
    """Places that the answer names, in order."""
    found = []
    rest = words(answer)
    while rest:
        two = " ".join(rest[:2])
        if two in ("top center", "bottom center", "center left", "center right"):
            found.append(two.replace("center", "").strip())
            rest = rest[2:]
        elif two in PLACES and len(rest) > 1:
            found.append(two)
            rest = rest[2:]
        else:
            if rest[0] in PLACES:
                found.append(rest[0])
            rest = rest[1:]
    return found


def right(answer: str, expected: Expected) -> bool:
    """Whether the answer is right and says nothing wrong."""
    said = words(answer)
    if expected.demo:
        return "demo" in said and "--model" in answer
    if "demo" in said:
        return False
    if expected.color is not None:
        return colors(answer) == {expected.color}
    if expected.kind is not None:
        return kinds(answer) == {expected.kind}
    if expected.number is not None:
        return numbers(answer) == {expected.number}
    if expected.yes is not None:
        return ("yes" in said, "no" in said) == (expected.yes, not expected.yes)
    if expected.place is not None:
        return set(places(answer)) == {expected.place}
    if expected.shape is not None:
        return colors(answer) == {expected.shape.color} and kinds(answer) == {expected.shape.kind}
    if expected.image is not None:
        which = {word for word in said if word in ("first", "second", "same", "both", "equal")}
        return (
            which == {expected.image}
            if expected.image != "same"
            else not which & {"first", "second"} and bool(which)
        )
    assert expected.scene is not None
    return _described(answer, expected.scene)


def _described(answer: str, scene: Scene) -> bool:
    """Every shape with its colour, and its place where the answer gives places; nothing else."""
    said = words(answer)
    pairs = Counter(
        f"{one} {two.removesuffix('s')}"
        for one, two in itertools.pairwise(said)
        if one in COLORS and two.removesuffix("s") in KINDS
    )
    if pairs != Counter(s.name for s in scene.shapes):
        return False
    if colors(answer) != {s.color for s in scene.shapes}:
        return False
    found = places(answer)
    return not found or Counter(found) == Counter(s.place for s in scene.shapes)
