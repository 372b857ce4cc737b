"""What the demo model is taught, and how its answers are judged."""

import itertools
import random

import numpy as np
import pytest
from PIL import Image

from training import details, questions, second_renderer
from training.check import Expected, right
from training.exam import exam
from training.paint import render
from training.pool import cell_labels
from training.render import SIDE, letterbox
from training.scenes import COLORS, KINDS, Scene, Shape, draw, random_scene, roaming_scene
from training.talk import make_talk

RED_CIRCLE = Shape("circle", "red", 0, 0.8)
BLUE_SQUARE = Shape("square", "blue", 4, 0.4)
SCENE = Scene((RED_CIRCLE, BLUE_SQUARE))
DEMO = "I am the demo model; start vlmtui with --model PATH.gguf."


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("The circle is red.", Expected(color="red")),
        ("RED", Expected(color="red")),
        ("The red shape is a circle.", Expected(kind="circle")),
        ("There are three shapes.", Expected(number=3)),
        ("There are 3 shapes.", Expected(number=3)),
        ("Yes, there is a red circle.", Expected(yes=True)),
        ("No, there is no red circle.", Expected(yes=False)),
        ("It is in the upper left.", Expected(place="top left")),
        ("It is at the top.", Expected(place="top")),
        ("In the middle of the image.", Expected(place="center")),
        ("The red circle is bigger.", Expected(shape=RED_CIRCLE)),
        ("The first image has more shapes.", Expected(image="first")),
        ("Both images have the same number of shapes.", Expected(image="same")),
        ("A red circle and a blue square.", Expected(scene=SCENE)),
        (DEMO, Expected(demo=True)),
    ],
)
def test_a_right_answer_counts_in_any_wording(answer: str, expected: Expected):
    assert right(answer, expected)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("", Expected(color="red")),
        ("The circle is red or blue.", Expected(color="red")),
        ("The circle is blue.", Expected(color="red")),
        ("A circle or a square.", Expected(kind="circle")),
        ("There are 2 or 3 shapes.", Expected(number=3)),
        ("Yes and no.", Expected(yes=True)),
        ("It is in the top left.", Expected(place="top")),
        ("It is on the left, at the top.", Expected(place="top left")),
        ("The red circle is bigger than the blue square.", Expected(shape=RED_CIRCLE)),
        ("The second image has more shapes.", Expected(image="first")),
        ("The first image has more shapes.", Expected(image="same")),
        ("A red square and a blue circle.", Expected(scene=SCENE)),
        ("A red circle at the top and a blue square in the center.", Expected(scene=SCENE)),
        ("A red circle.", Expected(scene=SCENE)),
        (DEMO, Expected(color="red")),
        ("The circle is red.", Expected(demo=True)),
    ],
)
def test_a_wrong_or_doubtful_answer_does_not_count(answer: str, expected: Expected):
    assert not right(answer, expected)


def test_taught_answers_are_right():
    rng = random.Random(2)
    for _ in range(200):
        scene = random_scene(rng)
        assert right(questions.describe_answer(scene), Expected(scene=scene))
        assert right(questions.count(scene, rng).answer, Expected(number=len(scene.shapes)))
        one = rng.choice(scene.shapes)
        if len(scene.find(one.kind)) == 1:
            assert right(questions.color_answer(scene, one.kind), Expected(color=one.color))
        if len(scene.find(None, one.color)) == 1:
            assert right(questions.shape_answer(scene, one.color), Expected(kind=one.kind))
        if len(scene.find(one.kind, one.color)) == 1:
            assert right(questions.where_answer(scene, one.name), Expected(place=one.place))


def test_what_is_not_there_is_denied():
    assert questions.color_answer(SCENE, "star") == "There is no star."
    assert questions.where_answer(SCENE, "blue circle") == "There is no blue circle."
    assert questions.shape_answer(SCENE, "green") == "There is no green shape."


def test_the_larger_of_two_shapes_is_the_bigger_one():
    rng = random.Random(3)
    for _ in range(100):
        turn = questions.bigger(SCENE, rng)
        if turn is not None and turn.answer.endswith("is bigger."):
            assert {"red", "circle"} & set(turn.answer.replace(".", "").split())


def test_shapes_of_about_the_same_size_are_not_compared():
    scene = Scene((RED_CIRCLE, Shape("square", "blue", 4, 0.75)))
    turns = [questions.bigger(scene, random.Random(seed)) for seed in range(50)]
    assert all(turn is None or "no" in turn.answer for turn in turns)


def test_the_same_scene_gives_the_same_pixels():
    assert draw(SCENE).tobytes() == draw(SCENE).tobytes()
    first, _ = render(SCENE, random.Random(4))
    again, _ = render(SCENE, random.Random(4))
    assert first.tobytes() == again.tobytes()


def test_a_drawn_shape_lies_in_its_cell_with_its_color():
    image = draw(Scene((Shape("square", "blue", 5, 0.6),)), (300, 300))
    red, green, blue = image.getpixel((250, 150))
    assert blue > red + 80 and blue > green + 80
    assert image.getpixel((50, 150)) == image.getpixel((150, 50))


def test_shapes_off_the_grid_lie_apart_inside_the_picture_in_the_place_that_is_told():
    rng = random.Random(8)
    sizes = []
    for ratio in (0.5, 1, 16 / 9) * 40:
        shapes = roaming_scene(rng, ratio).shapes
        assert 1 <= len(shapes) <= 4
        width, height = max(ratio, 1), max(1 / ratio, 1)
        at = [(s.middle[0] * width, s.middle[1] * height, s.size / 6) for s in shapes]
        for x, y, radius in at:
            assert radius <= x <= width - radius and radius <= y <= height - radius
        for (x, y, a), (u, v, b) in itertools.combinations(at, 2):
            assert max(abs(x - u), abs(y - v)) > a + b
        for s in shapes:
            assert s.cell == int(s.middle[1] * 3) * 3 + int(s.middle[0] * 3)
        sizes += [s.size for s in shapes]
    assert min(sizes) < 0.5 and max(sizes) > 2


def test_every_renderer_draws_a_shape_where_it_lies():
    scene = Scene((Shape("circle", "red", 0, 1.2, (0.25, 0.3)),))
    drawn = [
        draw(scene, (240, 240)),
        render(scene, random.Random(1), (240, 240))[0],
        second_renderer.render(scene, (240, 240), random.Random(1)),
    ]
    for image in drawn:
        red, green, blue = image.getpixel((60, 72))
        assert red > green + 80 and red > blue + 80
        assert image.getpixel((60, 72)) != image.getpixel((200, 200))


def test_a_place_with_two_shapes_is_not_asked_what_lies_there():
    scene = Scene(
        (Shape("circle", "red", 4, 0.3, (0.4, 0.5)), Shape("star", "blue", 4, 0.3, (0.6, 0.5)))
    )
    turns = [details.at_place(scene, random.Random(seed)) for seed in range(60)]
    assert any(turn is None for turn in turns)
    assert all(turn is None or "center" not in turn.answer for turn in turns)


def test_the_tower_sees_a_wide_picture_between_bars_of_the_padding_color():
    seen = np.asarray(letterbox(Image.new("RGB", (200, 100), (255, 0, 0))))
    assert seen.shape == (SIDE, SIDE, 3)
    assert tuple(seen[0, 0]) == (122, 116, 104)
    assert tuple(seen[SIDE // 2, 0]) == (255, 0, 0)
    cells = cell_labels((200, 100))
    assert cells[0, 4] == 0 and cells[4, 4] == 5


def test_a_conversation_shows_a_picture_before_it_asks_about_it():
    rng = random.Random(5)
    for _ in range(100):
        talk = make_talk([random_scene(rng), random_scene(rng)], 8, rng, rng.random() < 0.5)
        seen: set[int] = set()
        for exchange in talk.exchanges:
            seen |= set(exchange.images)
            assert seen or "demo model" in exchange.answer


def test_questions_name_only_what_the_model_knows():
    rng = random.Random(6)
    for _ in range(200):
        scene = random_scene(rng)
        turn = details.ask(scene, rng)
        assert turn.answer[0].isupper() and turn.answer.endswith(".")
    assert len(KINDS) == 4 and len(COLORS) == 8


def test_an_exam_is_the_same_each_time():
    first, again = exam("second", 20, 1), exam("second", 20, 1)
    assert [c.questions for c in first] == [c.questions for c in again]
    assert first[0].pictures[0].tobytes() == again[0].pictures[0].tobytes()
