"""Questions about one picture beyond the core ones, and follow-ups to the turn before."""

from __future__ import annotations

import random
from collections.abc import Callable

from training import questions as q
from training import wordings
from training.questions import BIGGER, WHERE, Turn, a, listed, named, only
from training.scenes import COLORS, PLACES, Scene


def count_some(scene: Scene, rng: random.Random) -> Turn:
    """How many circles, or red shapes, are there?"""
    name = q.any_kind(scene, rng, 0.75)
    if rng.random() < 0.4:
        name = f"{q.any_color(scene, rng, 0.75)} shape"
    number = len(named(scene, name))
    answer = f"There is 1 {name}." if number == 1 else f"There are {number or 'no'} {name}s."
    return Turn("count some", rng.choice(wordings.COUNT_SOME).format(name), answer)


def extreme(scene: Scene, rng: random.Random) -> Turn | None:
    """What is the biggest shape? The smallest? None where two are about as big."""
    ranked = sorted(scene.shapes, key=lambda s: s.size)
    word = rng.choice(("biggest", "smallest"))
    if word == "biggest":
        ranked.reverse()
    if len(ranked) > 1:
        ratio = ranked[0].size / ranked[1].size
        if max(ratio, 1 / ratio) < BIGGER:
            return None
    spoken = rng.choice(("biggest", "largest")) if word == "biggest" else "smallest"
    question = rng.choice(wordings.EXTREME).format(spoken)
    return Turn("extreme", question, f"The {word} shape is the {ranked[0].name}.", ranked[0])


def inventory(scene: Scene, rng: random.Random) -> Turn:
    """What shapes are there? What colors are there?"""
    if rng.random() < 0.65:
        be = "is" if len(scene.shapes) == 1 else "are"
        answer = f"There {be} {listed([a(s.name) for s in scene.shapes])}."
        return Turn("inventory", rng.choice(wordings.SHAPES), answer)
    colors = list(dict.fromkeys(s.color for s in scene.shapes))
    answer = (
        f"The color is {colors[0]}." if len(colors) == 1 else f"The colors are {listed(colors)}."
    )
    return Turn("inventory", rng.choice(wordings.COLORS), answer)


def at_place(scene: Scene, rng: random.Random) -> Turn | None:
    """What is in the center? What color is the shape in the top left? None where two lie there."""
    cell = rng.choice(scene.shapes).cell if rng.random() < 0.75 else rng.randrange(9)
    place = PLACES[cell]
    spoken = WHERE[place].replace(place, rng.choice(wordings.SPOKEN_PLACES[place]))
    if rng.random() < 0.2:
        spoken = "in" + spoken[2:]
    there = [s for s in scene.shapes if s.cell == cell]
    if len(there) > 1:
        return None
    one = only(there)
    lot = rng.random()
    which = wordings.AT_PLACE
    answer = f"{a(one.name).capitalize()} is {WHERE[place]}." if one else ""
    if lot >= 0.75:
        which = wordings.COLOR_AT_PLACE
        answer = f"The shape {WHERE[place]} is {one.color}." if one else ""
    elif lot >= 0.5:
        which = wordings.SHAPE_AT_PLACE
        answer = f"The shape {WHERE[place]} is {a(one.kind)}." if one else ""
    answer = answer or f"There is nothing {WHERE[place]}."
    return Turn("at place", rng.choice(which).format(spoken), answer, one)


def is_it(scene: Scene, rng: random.Random) -> Turn | None:
    """Is the circle red? Is it in the center? None where the shape isn't the only one."""
    one = rng.choice(scene.shapes)
    if len(scene.find(one.kind)) > 1:
        return None
    yes = rng.random() < 0.5
    word = "Yes" if yes else "No"
    if rng.random() < 0.65:
        tint = one.color if yes else rng.choice([c for c in COLORS if c != one.color])
        answer = f"{word}, the {one.kind} is {one.color}."
        return Turn("is it", f"Is the {one.kind} {tint}?", answer, one)
    place = one.place if yes else rng.choice([p for p in PLACES if p != one.place])
    name = rng.choice((one.name, one.kind))
    answer = f"{word}, the {name} is {WHERE[one.place]}."
    return Turn("is it", f"Is the {name} {WHERE[place]}?", answer, one)


def follow_up(scene: Scene, rng: random.Random, last: Turn) -> Turn | None:
    """And the square? Where is it? None where nothing follows from the last turn."""
    if last.subject is not None and rng.random() < 0.4:
        return _about_it(rng, last)
    opening = rng.choice(("And the {}?", "What about the {}?", "And the {}?", "How about the {}?"))
    if last.topic == "color":
        kind = q.any_kind(scene, rng, 0.9)
        answer, found = q.color_answer(scene, kind), scene.find(kind)
        return Turn("follow-up", opening.format(kind), answer, only(found))
    if last.topic == "where":
        name = rng.choice(scene.shapes).name
        answer, found = q.where_answer(scene, name), named(scene, name)
        return Turn("follow-up", opening.format(name), answer, only(found))
    if last.topic == "exists":
        name = q.any_name(scene, rng)
        turn = q.exists(scene, rng, name)
        question = rng.choice(("And {}?", "What about {}?")).format(a(name))
        return Turn("follow-up", question, turn.answer, turn.subject)
    return None


def _about_it(rng: random.Random, last: Turn) -> Turn | None:
    one = last.subject
    assert one is not None
    if last.topic != "where" and rng.random() < 0.6:
        question = rng.choice(
            ("Where is it?", "And where is it?", "Where is it located?", "Where?")
        )
        return Turn("follow-up", question, f"The {one.name} is {WHERE[one.place]}.", one)
    if last.topic == "where" and one.name not in last.question:
        if one.kind in last.question:
            question = rng.choice(("What color is it?", "And its color?"))
            return Turn("follow-up", question, f"The {one.kind} is {one.color}.", one)
        return Turn(
            "follow-up", "What shape is it?", f"The {one.color} shape is {a(one.kind)}.", one
        )
    return None


Asker = Callable[[Scene, random.Random], "Turn | None"]

ASKERS: dict[Asker, int] = {
    q.color: 17,
    q.shape: 15,
    q.count: 12,
    q.exists: 16,
    q.where: 18,
    q.bigger: 22,
    q.describe: 9,
    count_some: 5,
    extreme: 4,
    inventory: 4,
    at_place: 7,
    is_it: 4,
}
"""What is asked of one picture, and how often."""


def ask(scene: Scene, rng: random.Random, last: Turn | None = None) -> Turn:
    """Any question about one picture.

    Args:
        scene: With at least one shape.
        rng: Source of chance.
        last: The turn before, which a follow-up may build on.
    """
    if last is not None and rng.random() < 0.15:
        turn = follow_up(scene, rng, last)
        if turn is not None:
            return turn
    while True:
        turn = rng.choices(list(ASKERS), list(ASKERS.values()))[0](scene, rng)
        if turn is not None:
            return turn
