"""The exam: pictures of held-out scenes, questions about them, and what a right answer says."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image

from training import paint, questions, second_renderer
from training.check import Expected
from training.offtopic import off_topic
from training.render import jpeg
from training.scenes import COLORS, KINDS, Scene, random_scene, roaming_scene
from training.talk import spoken

Draw = Callable[[Scene, random.Random], Image.Image]


@dataclass(frozen=True)
class Question:
    """One turn of the exam."""

    topic: str
    text: str
    expected: Expected
    pictures: tuple[int, ...] = ()
    """Pictures that come with it, as indices into the case's."""


@dataclass(frozen=True)
class Case:
    """One chat of the exam."""

    pictures: tuple[Image.Image, ...]
    scenes: tuple[Scene, ...]
    questions: tuple[Question, ...]


def _one(scene: Scene, rng: random.Random) -> list[Question]:
    """Every core question that has exactly one answer in this scene."""
    out: list[Question] = []
    for kind in KINDS:
        found = scene.find(kind)
        if len(found) == 1:
            text = questions.color(scene, rng, kind).question
            out.append(Question("color", text, Expected(color=found[0].color)))
    for color in COLORS:
        found = scene.find(None, color)
        if len(found) == 1:
            text = questions.shape(scene, rng, color).question
            out.append(Question("shape", text, Expected(kind=found[0].kind)))
    out.append(
        Question("count", questions.count(scene, rng).question, Expected(number=len(scene.shapes)))
    )
    for wanted in (True, False):
        for _ in range(40):
            turn = questions.exists(scene, rng)
            if turn.answer.startswith("Yes") == wanted:
                out.append(Question("exists", turn.question, Expected(yes=wanted)))
                break
    for shape in scene.shapes:
        if len(scene.find(shape.kind, shape.color)) == 1:
            name = (
                shape.kind
                if len(scene.find(shape.kind)) == 1 and rng.random() < 0.3
                else shape.name
            )
            text = questions.where(scene, rng, name).question
            out.append(Question("where", text, Expected(place=shape.place)))
    turn = questions.bigger(scene, rng)
    if (
        turn is not None
        and turn.answer.endswith(("bigger.", "smaller."))
        and turn.answer.startswith("The")
    ):
        name = turn.answer.split(" is ")[0][4:].split()
        found = [s for s in scene.shapes if set(name) <= {s.color, s.kind, "shape"}]
        if len(name) == 2 and name[1] in KINDS:
            out.append(Question("bigger", turn.question, Expected(shape=found[0])))
    out.append(Question("describe", questions.describe(scene, rng).question, Expected(scene=scene)))
    return out


def _varied(found: list[Question], rng: random.Random, count: int) -> list[Question]:
    """That many questions, of as many topics as there are."""
    rng.shuffle(found)
    topics = list(dict.fromkeys(q.topic for q in found))
    rng.shuffle(topics)
    chosen = []
    while len(chosen) < count and found:
        for topic in topics:
            mine = [q for q in found if q.topic == topic]
            if mine and len(chosen) < count:
                chosen.append(mine[0])
                found.remove(mine[0])
    return chosen


def _said(question: Question, rng: random.Random, pictures: tuple[int, ...] = ()) -> Question:
    return Question(question.topic, spoken(question.text, rng), question.expected, pictures)


@dataclass(frozen=True)
class Paper:
    """What is drawn, and how."""

    draw: Draw
    scene: Callable[[random.Random], Scene] = random_scene


def one_picture(paper: Paper, rng: random.Random, turns: int = 5) -> Case:
    """A chat about one picture; now and then it strays from the subject."""
    scene = paper.scene(rng)
    chosen = _varied(_one(scene, rng), rng, turns)
    if rng.random() < 0.35:
        chosen.insert(
            rng.randint(0, len(chosen)), Question("off topic", off_topic(rng), Expected(demo=True))
        )
    asked = [_said(q, rng, (0,) if i == 0 else ()) for i, q in enumerate(chosen)]
    return Case((paper.draw(scene, rng),), (scene,), tuple(asked))


def two_pictures(paper: Paper, rng: random.Random) -> Case:
    """Two pictures in one message: which has more, and questions about one of them."""
    scenes = (paper.scene(rng), paper.scene(rng))
    first, second = (len(s.shapes) for s in scenes)
    image = "first" if first > second else "second" if second > first else "same"
    asked = [Question("two: more", "Which image has more shapes?", Expected(image=image))]
    for index in (0, 1):
        name = ("first", "second")[index]
        for q in _varied(
            [
                q
                for q in _one(scenes[index], rng)
                if q.topic in ("color", "exists", "where", "count")
            ],
            rng,
            1,
        ):
            bare = {
                "color": "What color is the {}",
                "count": "How many shapes are there",
                "exists": "",
                "where": "",
            }[q.topic]
            if q.topic == "color":
                kind = next(
                    s.kind
                    for s in scenes[index].shapes
                    if s.color == q.expected.color and len(scenes[index].find(s.kind)) == 1
                )
                bare = bare.format(kind)
            elif q.topic == "exists":
                turn = questions.exists(
                    scenes[index], rng, rng.choice(scenes[rng.randrange(2)].shapes).name
                )
                bare = "Is there " + questions.a(
                    turn.answer.rstrip(".")
                    .split(" no " if "No" in turn.answer else " is ")[-1]
                    .split(" ", 0 if "No" in turn.answer else 1)[-1]
                )
                q = Question("exists", "", Expected(yes=turn.answer.startswith("Yes")))
            elif q.topic == "where":
                shape = next(s for s in scenes[index].shapes if s.place == q.expected.place)
                bare = f"Where is the {shape.name}"
            asked.append(Question(f"two: {q.topic}", f"{bare} in the {name} image?", q.expected))
    rng.shuffle(asked)
    done = [_said(q, rng, (0, 1) if i == 0 else ()) for i, q in enumerate(asked)]
    return Case(tuple(paper.draw(s, rng) for s in scenes), scenes, tuple(done))


def own(scene: Scene, rng: random.Random) -> Image.Image:
    """The training renderer, on scenes it never drew."""
    return paint.render(scene, rng)[0]


def second(scene: Scene, rng: random.Random) -> Image.Image:
    """The other renderer, at common sizes."""
    return second_renderer.render(
        scene, rng.choice(((224, 224), (256, 256), (320, 240), (384, 384), (300, 300))), rng
    )


def second_sizes(scene: Scene, rng: random.Random) -> Image.Image:
    """The other renderer from 64 to 1024 pixels, all aspect ratios up to 2:1."""
    longer = rng.choice((64, 96, 128, 200, 336, 480, 640, 800, 1024))
    shorter = max(64, round(longer / rng.choice((1, 1.25, 4 / 3, 1.5, 16 / 9, 2))))
    size = (longer, shorter) if rng.random() < 0.6 else (shorter, longer)
    return second_renderer.render(scene, size, rng)


def second_jpeg(scene: Scene, rng: random.Random) -> Image.Image:
    """The other renderer at all sizes, as JPEG of quality 60."""
    return jpeg(second_sizes(scene, rng), 60)


def roaming(rng: random.Random) -> Scene:
    """Shapes that don't keep to the grid, in a picture of 4:3."""
    return roaming_scene(rng, 4 / 3)


def second_roaming(scene: Scene, rng: random.Random) -> Image.Image:
    """The other renderer, on pictures of 4:3."""
    size = rng.choice(((160, 120), (320, 240), (640, 480), (800, 600)))
    return second_renderer.render(scene, size, rng)


PAPERS = {
    "own": Paper(own),
    "second": Paper(second),
    "second sizes": Paper(second_sizes),
    "second jpeg60": Paper(second_jpeg),
    "second roaming": Paper(second_roaming, roaming),
}


def exam(paper: str, count: int, seed: int) -> list[Case]:
    """Chats with at least that many questions, drawn in one of the ``PAPERS``."""
    rng = random.Random(f"exam/{paper}/{seed}")
    cases: list[Case] = []
    while sum(len(c.questions) for c in cases) < count:
        make = two_pictures if rng.random() < 0.2 else one_picture
        cases.append(make(PAPERS[paper], rng))
    return cases
