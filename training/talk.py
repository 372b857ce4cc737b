"""Whole conversations: pictures, questions in every spelling, follow-ups, and other topics."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from training import questions as q
from training import wordings
from training.details import ask
from training.offtopic import REPLY, off_topic, system_prompt
from training.questions import Turn
from training.scenes import COLORS, KINDS, Scene, Shape


@dataclass
class Exchange:
    """A message of the user and its answer."""

    images: list[int]
    """Pictures that come with the message, as indices into the conversation's scenes."""
    text: str
    answer: str
    images_last: bool = False
    """The pictures stand after the text."""


@dataclass
class Talk:
    """A conversation."""

    scenes: list[Scene]
    system: str | None = None
    exchanges: list[Exchange] = field(default_factory=list)


_FIRST = (
    "first image",
    "first picture",
    "1st image",
    "image 1",
    "picture 1",
    "first one",
    "first image",
)
_SECOND = (
    "second image",
    "second picture",
    "2nd image",
    "image 2",
    "picture 2",
    "second one",
    "second image",
)


def spoken(question: str, rng: random.Random) -> str:
    """The question as people type it: any case, without its mark, with a typo or a greeting."""
    if rng.random() < 0.04:
        question = rng.choice(wordings.POLITE).format(question)
    lot = rng.random()
    if lot < 0.16:
        question = question.lower()
    elif lot < 0.24:
        question = question.upper()
    elif lot < 0.28:
        question = question.title()
    elif lot < 0.31:
        question = question[0].lower() + question[1:]
    lot = rng.random()
    if lot < 0.12:
        question = question.rstrip("?.")
    elif lot < 0.15:
        question = question.rstrip("?.") + rng.choice((" ?", "??", "!", ".", "?!", " .", "? "))
    if rng.random() < 0.04:
        question = _mistyped(question, rng)
    if rng.random() < 0.03:
        inner = question.replace(" ", "  ", rng.choice((1, 1, 9)))
        question = rng.choice((" ", "", "  ")) + inner + rng.choice((" ", "", "\n"))
    return question


def _mistyped(text: str, rng: random.Random) -> str:
    """One letter left out, doubled or swapped with its neighbour."""
    if len(text) < 13:
        return text
    at = rng.randrange(3, len(text) - 1)
    before, two, after = text[: at - 1], text[at - 1 : at + 1], text[at + 1 :]
    if not two.isalpha():
        return text
    return before + rng.choice((two[0], two[::-1], two + two[1])) + after


def about_one(scene: Scene, rng: random.Random, last: Turn | None = None) -> Turn:
    """A question about one picture; about a picture without shapes there is nothing to say."""
    if not scene.shapes:
        other = Scene((_dummy(rng),))
        return Turn("off topic", ask(other, rng).question, REPLY)
    return ask(scene, rng, last)


def _dummy(rng: random.Random) -> Shape:
    return Shape(rng.choice(KINDS), rng.choice(COLORS), rng.randrange(9), 0.5)


def about_two(first: Scene, second: Scene, rng: random.Random) -> Turn:
    """A question about two pictures, or about one of two."""
    if not first.shapes or not second.shapes:
        return Turn("off topic", off_topic(rng), REPLY)
    lot = rng.random()
    if lot < 0.25:
        return _more(first, second, rng)
    if lot < 0.32:
        return _which_has(first, second, rng)
    if lot < 0.36:
        one = q.describe_answer(first, "The first image has")
        two = q.describe_answer(second, "The second image has")
        return Turn("two images", rng.choice(wordings.DESCRIBE_BOTH), f"{one} {two}")
    if lot < 0.39:
        total = len(first.shapes) + len(second.shapes)
        answer = f"There are {total} shapes in total."
        return Turn("two images", rng.choice(wordings.TOTAL), answer)
    index = rng.randrange(2)
    picture = rng.choice((_FIRST, _SECOND)[index])
    return _about_that((first, second)[index], (second, first)[index], picture, rng)


def _tempting(scene: Scene, other: Scene, rng: random.Random) -> Turn:
    """A question about one picture that names what is in the other."""
    one = rng.choice(other.shapes)
    return rng.choice(
        (
            q.exists(scene, rng, rng.choice((one.name, one.name, one.kind, f"{one.color} shape"))),
            q.color(scene, rng, one.kind),
            q.shape(scene, rng, one.color),
            q.where(scene, rng, rng.choice((one.name, one.kind))),
            q.count(scene, rng),
        )
    )


def _about_that(scene: Scene, other: Scene, picture: str, rng: random.Random) -> Turn:
    """Any question, with the picture that is meant."""
    while True:
        turn = _tempting(scene, other, rng) if rng.random() < 0.5 else ask(scene, rng)
        question = turn.question
        if turn.topic == "describe":
            opening = rng.choice(
                ("Describe the {}.", "What is in the {}?", "What do you see in the {}?")
            )
            return Turn("two images", opening.format(picture), turn.answer)
        if any(word in question for word in ("image", "picture", "cell", "here")):
            continue
        mark = question[-1] if question[-1] in "?." else ""
        bare = question[: len(question) - len(mark)]
        if rng.random() < 0.7:
            question = f"{bare} in the {picture}{mark}"
        else:
            comma = rng.choice((",", ""))
            question = f"In the {picture}{comma} {question[0].lower()}{question[1:]}"
        return Turn("two images", question, turn.answer, turn.subject)


def _more(first: Scene, second: Scene, rng: random.Random) -> Turn:
    one, two = len(first.shapes), len(second.shapes)
    word = "more" if rng.random() < 0.75 else "fewer"
    noun = rng.choice(("image", "image", "image", "picture", "one"))
    if one == two:
        answer = "Both images have the same number of shapes."
    else:
        which = "first" if (one > two) == (word == "more") else "second"
        answer = f"The {which} image has {word} shapes."
    return Turn("which has more", rng.choice(wordings.MORE).format(n=noun, w=word), answer)


def _which_has(first: Scene, second: Scene, rng: random.Random) -> Turn:
    name = rng.choice(rng.choice((first, second)).shapes).name
    if rng.random() < 0.3:
        name = name.split()[1]
    has = [bool(q.named(scene, name)) for scene in (first, second)]
    question = rng.choice(wordings.WHICH_HAS).format(q.a(name))
    if all(has):
        return Turn("two images", question, f"Both images have {q.a(name)}.")
    which = "first" if has[0] else "second"
    return Turn("two images", question, f"The {which} image has {q.a(name)}.")


def make_talk(scenes: list[Scene], turns: int, rng: random.Random, one_message: bool) -> Talk:
    """A conversation about one or two pictures.

    Args:
        scenes: One or two scenes, or none.
        turns: How many exchanges.
        rng: Source of chance.
        one_message: Two pictures come in one message; else the second comes some turns later, and
            what is asked then without naming a picture is about the latest.
    """
    talk = Talk(scenes, system_prompt(rng) if rng.random() < 0.25 else None)
    shown: list[int] = []
    every = list(range(len(scenes)))
    pending = [every] if one_message else [[i] for i in every]
    late = rng.randint(1, 5)
    last: Turn | None = None
    while len(talk.exchanges) < turns:
        if not scenes or (not shown and rng.random() < 0.06):
            talk.exchanges.append(Exchange([], _without_picture(rng), REPLY))
            continue
        images: list[int] = []
        if pending and (not shown or len(talk.exchanges) >= late):
            images = pending.pop(0)
            shown += images
            last = None
        if rng.random() < 0.07:
            talk.exchanges.append(Exchange(images, spoken(off_topic(rng), rng), REPLY))
            last = None
            continue
        if len(shown) == 2 and (one_message or rng.random() < 0.4):
            last = about_two(scenes[0], scenes[1], rng)
        else:
            last = about_one(scenes[shown[-1]], rng, last)
        text = spoken(last.question, rng)
        if images and last.topic == "describe" and rng.random() < 0.15:
            text = ""  # a picture without a word asks for its description
        images_last = bool(images) and rng.random() < 0.08
        talk.exchanges.append(Exchange(images, text, last.answer, images_last))
        if last.topic in ("two images", "which has more"):
            last = None  # what "it" is would be anyone's guess
    return talk


def _without_picture(rng: random.Random) -> str:
    """Before any picture is there, even a question about shapes has no other answer."""
    if rng.random() < 0.6:
        return spoken(off_topic(rng), rng)
    return spoken(ask(Scene((_dummy(rng),)), rng).question, rng)
