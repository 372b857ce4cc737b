"""What is asked about one picture, and the right answers.

Every asker takes a scene and a source of chance and returns a question in one of many wordings with
the one sentence that answers it. Answers name only what is right: no colour of the background, no
shape that isn't meant. ``details`` has the askers beyond the core ones.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from training import wordings
from training.scenes import COLORS, KINDS, PLACES, Scene, Shape

BIGGER = 1.2
"""Two shapes are compared only where their diameters differ by this factor or more."""


def _with_preposition(place: str) -> str:
    if place in ("top", "bottom"):
        return f"at the {place}"
    return f"on the {place}" if place in ("left", "right") else f"in the {place}"


WHERE = {place: _with_preposition(place) for place in PLACES}
"""Place -> ``at the top``, ``on the left``, ``in the top left``."""


@dataclass(frozen=True)
class Turn:
    """A question and its answer."""

    topic: str
    """Such as ``color`` or ``where``."""
    question: str
    answer: str
    subject: Shape | None = None
    """The one shape it was about, to which a follow-up's "it" may refer."""


def a(words: str) -> str:
    """With the right indefinite article: ``a red circle``, ``an orange star``."""
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def listed(items: list[str]) -> str:
    """``x``, ``x and y`` or ``x, y and z``, each item once."""
    items = list(dict.fromkeys(items))
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def counted(number: int) -> str:
    """``1 shape``, ``3 shapes``."""
    return f"{number} shape{'' if number == 1 else 's'}"


def only(found: list[Shape]) -> Shape | None:
    """The shape if there is just one."""
    return found[0] if len(found) == 1 else None


def named(scene: Scene, name: str) -> list[Shape]:
    """Shapes that a name such as ``red circle``, ``circle`` or ``red shape`` fits."""
    words = name.split()
    color = words[0] if words[0] in COLORS else None
    kind = words[-1] if words[-1] in KINDS else None
    return scene.find(kind, color)


def any_kind(scene: Scene, rng: random.Random, present: float) -> str:
    """A kind; with that probability one that is in the scene."""
    return rng.choice(scene.shapes).kind if rng.random() < present else rng.choice(KINDS)


def any_color(scene: Scene, rng: random.Random, present: float) -> str:
    """A colour; with that probability one that is in the scene."""
    return rng.choice(scene.shapes).color if rng.random() < present else rng.choice(COLORS)


def any_name(scene: Scene, rng: random.Random) -> str:
    """A colour and a kind: there, half wrong, mixed from two shapes, or anything."""
    one, other = rng.choice(scene.shapes), rng.choice(scene.shapes)
    lot = rng.random()
    if lot < 0.46:
        return one.name
    if lot < 0.64:
        return f"{one.color} {rng.choice(KINDS)}"
    if lot < 0.8:
        return f"{rng.choice(COLORS)} {one.kind}"
    if lot < 0.92:
        return f"{one.color} {other.kind}"
    return f"{rng.choice(COLORS)} {rng.choice(KINDS)}"


def color(scene: Scene, rng: random.Random, kind: str | None = None) -> Turn:
    """What color is the circle?"""
    kind = kind or any_kind(scene, rng, 0.93)
    question = rng.choice(wordings.COLOR).format(kind)
    return Turn("color", question, color_answer(scene, kind), only(scene.find(kind)))


def color_answer(scene: Scene, kind: str) -> str:
    """The colour of the shapes of one kind."""
    found = scene.find(kind)
    if not found:
        return f"There is no {kind}."
    if len(found) == 1:
        return f"The {kind} is {found[0].color}."
    return f"The {kind}s are {listed([s.color for s in found])}."


def shape(scene: Scene, rng: random.Random, tint: str | None = None) -> Turn:
    """What shape is red?"""
    tint = tint or any_color(scene, rng, 0.93)
    question = rng.choice(wordings.SHAPE).format(tint)
    return Turn("shape", question, shape_answer(scene, tint), only(scene.find(None, tint)))


def shape_answer(scene: Scene, tint: str) -> str:
    """The kinds of the shapes of one colour."""
    found = scene.find(None, tint)
    if not found:
        return f"There is no {tint} shape."
    if len(found) == 1:
        return f"The {tint} shape is {a(found[0].kind)}."
    kinds = [s.kind for s in found]
    if len(set(kinds)) == 1:
        return f"The {tint} shapes are {kinds[0]}s."
    return f"The {tint} shapes are {listed([a(k) for k in kinds])}."


def count(scene: Scene, rng: random.Random) -> Turn:
    """How many shapes are there?"""
    number = len(scene.shapes)
    answer = f"There {'is' if number == 1 else 'are'} {counted(number)}."
    return Turn("count", rng.choice(wordings.COUNT), answer)


def exists(scene: Scene, rng: random.Random, name: str | None = None) -> Turn:
    """Is there a red circle?"""
    if name is None and rng.random() < 0.75:
        name = any_name(scene, rng)
    elif name is None:
        name = rng.choice((any_kind(scene, rng, 0.5), f"{any_color(scene, rng, 0.5)} shape"))
    question = rng.choice(wordings.EXISTS).format(a(name), n=name, s=f"{name}s")
    found = named(scene, name)
    answer = f"Yes, there is {a(name)}." if found else f"No, there is no {name}."
    return Turn("exists", question, answer, only(found))


def where(scene: Scene, rng: random.Random, name: str | None = None) -> Turn:
    """Where is the red circle?"""
    if name is None:
        one = rng.choice(scene.shapes)
        name = rng.choice((one.name, one.name, one.name, one.kind, f"{one.color} shape"))
        if rng.random() < 0.05:
            name = any_name(scene, rng)
    question = rng.choice(wordings.WHERE).format(name)
    return Turn("where", question, where_answer(scene, name), only(named(scene, name)))


def where_answer(scene: Scene, name: str) -> str:
    """The places of the shapes of that name."""
    found = named(scene, name)
    if not found:
        return f"There is no {name}."
    if len(found) == 1:
        return f"The {name} is {WHERE[found[0].place]}."
    return f"The {name}s are {listed([WHERE[s.place] for s in found])}."


def bigger(scene: Scene, rng: random.Random) -> Turn | None:
    """Which is bigger, the red circle or the blue square? None where no two shapes compare."""
    if rng.random() < 0.03:
        return _bigger_than_nothing(scene, rng)
    pairs = [
        (x, y)
        for x in scene.shapes
        for y in scene.shapes
        if x.size >= BIGGER * y.size
        and len(scene.find(x.kind, x.color)) == len(scene.find(y.kind, y.color)) == 1
    ]
    if not pairs:
        return None
    large, small = rng.choice(pairs)
    big, little = large.name, small.name
    if rng.random() < 0.15:
        if len(scene.find(large.kind)) == len(scene.find(small.kind)) == 1:
            big, little = large.kind, small.kind
    elif rng.random() < 0.06 and all(only(scene.find(None, x.color)) for x in (large, small)):
        big, little = f"{large.color} shape", f"{small.color} shape"
    names = [big, little]
    rng.shuffle(names)
    lot = rng.random()
    if lot < 0.1:
        question = f"Is the {names[0]} {rng.choice(('bigger', 'larger'))} than the {names[1]}?"
        return Turn(
            "bigger", question, f"{'Yes' if names[0] == big else 'No'}, the {big} is bigger."
        )
    if lot < 0.3:
        question = rng.choice(wordings.SMALLER).format(*names)
        return Turn("bigger", question, f"The {little} is smaller.")
    return Turn("bigger", rng.choice(wordings.BIGGER).format(*names), f"The {big} is bigger.")


def _bigger_than_nothing(scene: Scene, rng: random.Random) -> Turn | None:
    names = [rng.choice(scene.shapes).name, any_name(scene, rng)]
    missing = [name for name in names if not named(scene, name)]
    if not missing:
        return None
    rng.shuffle(names)
    question = f"Which is bigger, the {names[0]} or the {names[1]}?"
    return Turn("bigger", question, f"There is no {missing[0]}.")


def describe(scene: Scene, rng: random.Random) -> Turn:
    """Describe the image."""
    return Turn("describe", rng.choice(wordings.DESCRIBE), describe_answer(scene))


def describe_answer(scene: Scene, opening: str | None = None) -> str:
    """All shapes with their places, in reading order."""
    number = len(scene.shapes)
    opening = opening or f"There {'is' if number == 1 else 'are'}"
    things = listed([f"{a(s.name)} {WHERE[s.place]}" for s in scene.shapes])
    return f"{opening} {counted(number)}: {things}."
