"""How finely pictures are looked at: what is predicted is counted, on every tower of the zoo."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec
import pytest

from tests.engine import zoo
from tests.engine.asking import ask
from tests.engine.conftest import as_part
from tests.engine.zoo import pictures
from vlmtui.engine.backends.llamacpp import picture_sizes
from vlmtui.engine.backends.llamacpp.picture_sizes import Sized
from vlmtui.engine.client import EngineClient
from vlmtui.engine.engine_events import Encoded, Encoding, Notice
from vlmtui.engine.engine_requests import Files, Load, Measure, Sampling
from vlmtui.engine.grounding import asks_for_boxes
from vlmtui.messages import Detail, ImagePart, user

FIXED = {"gemma-3", "smolvlm2"}
"""Kinds whose towers make as many tokens of every square picture."""

ASKED: tuple[tuple[Detail, tuple[int, int]], ...] = (
    *((detail, (300, 170)) for detail in ("low", "normal", "high", "max", 1, 100)),
    *((detail, (50, 230)) for detail in ("low", "high", 60)),
    *((detail, (1, 1)) for detail in ("low", 30)),
    ("low", (1400, 1100)),
)


@pytest.fixture(scope="module", params=zoo.KINDS)
def files(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> zoo.Files:
    return zoo.build(request.param, tmp_path_factory.mktemp(request.param))


def load_of(files: zoo.Files) -> Load:
    return Load(Files(str(files.model), str(files.mmproj)), files.model.stem, ctx=1600)


def started(files: zoo.Files, name: str) -> EngineClient:
    engine = EngineClient(files.model.parent / f"{name}.log")
    for _ in engine.load(load_of(files)):
        pass
    return engine


@pytest.fixture(scope="module")
def engine(files: zoo.Files) -> Iterator[EngineClient]:
    engine = started(files, "warm")
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def paint(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., ImagePart]:
    folder = tmp_path_factory.mktemp("pictures")
    return lambda number, *size: as_part(pictures.paint(folder, number, *size))


def looking(detail: Detail) -> Sampling:
    return Sampling(temperature=0, max_tokens=1, detail=detail)


def test_what_was_predicted_is_what_is_counted(engine, paint):
    for detail, size in ASKED:
        image = paint(1, *size)
        (predicted,) = engine.measure(Measure((image,), detail))
        answer = ask(engine, user("What?", (image,)), sampling=looking(detail))
        (encoded,) = answer.of(Encoded)
        assert encoded.tokens == predicted == answer.finished.stats.image_tokens


def test_a_detail_is_kept_to_where_there_is_a_choice(engine, files, paint):
    least, most = engine.info.picture_tokens
    assert (least == most) == (files.model.stem in FIXED)
    image = paint(1, 1024, 1024)

    def tokens(detail: Detail) -> int:
        return engine.measure(Measure((image,), detail))[0]

    assert tokens(1) == least and tokens("max") == tokens(65536) == most
    assert tokens("low") <= max(256, least) and tokens("low") <= tokens("normal")
    assert tokens("high") >= min(1024, most)
    assert least <= tokens(100) <= max(100, least)
    # the picture's own detail goes before the chat's
    own = msgspec.structs.replace(image, detail="max")
    assert engine.measure(Measure((own, image), 1)) == (most, least)


# one of each way to cut is enough
@pytest.mark.parametrize("files", ("qwen2.5-vl", "minicpm-v-2.6", "lfm2-vl"), indirect=True)
def test_the_same_picture_in_two_details_is_answered_as_by_a_cold_engine(files, paint):
    image = paint(2, 260, 200)
    coarse = msgspec.structs.replace(image, detail=20)
    fine = msgspec.structs.replace(image, detail=200)
    asked = (user("One?", (coarse,)), user("Both?", (coarse, fine)), user("One?", (fine,)))
    greedy = Sampling(temperature=0, max_tokens=12)
    warm, cold = started(files, "again"), started(files, "cold")
    try:
        for question in (*asked, *asked[::-1]):
            for _ in cold.load(load_of(files)):
                pass
            answers = [ask(each, question, sampling=greedy) for each in (warm, cold)]
            assert answers[0].text == answers[1].text
            counts = [{each.image: each.tokens for each in a.of(Encoded)} for a in answers]
            assert counts[0] == counts[1]
            last = answers[0]
        assert not last.of(Encoding)  # both are kept
    finally:
        warm.close()
        cold.close()


def test_qwen_vl_looks_closely_where_boxes_are_asked_of_it(engine, files, paint):
    image = paint(1, 60, 60)
    (plain,), (boxes,) = (engine.measure(Measure((image,), boxes=asked)) for asked in (False, True))
    assert (boxes >= 1024) if files.model.stem.startswith("qwen") else (boxes == plain)
    for question, tokens in (("What?", plain), ("Give bbox_2d of all circles.", boxes)):
        (encoded,) = ask(engine, user(question, (image,)), sampling=looking("normal")).of(Encoded)
        assert encoded.tokens == tokens
    own = msgspec.structs.replace(image, detail="normal")  # who says so gets it
    assert engine.measure(Measure((own,), boxes=True)) == (plain,)


def test_where_there_is_no_choice_this_is_told_once(files, paint):
    engine = started(files, "told")
    try:
        told = [
            ask(engine, user("What?", (paint(1),)), sampling=looking(detail)).of(Notice)
            for detail in ("normal", "high", "low")
        ]
    finally:
        engine.close()
    assert [len(each) for each in told] == ([0, 1, 0] if files.model.stem in FIXED else [0, 0, 0])
    if told[1]:
        assert "no choice of detail" in told[1][0].message and "/crop" in told[1][0].hint


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ("Outline the position of each cup, output bbox_2d as JSON", True),
        ("Draw a bounding box around the dog", True),
        ("Locate the exit sign.", True),
        ("Give boxes for all cars", True),
        ("What is in the boxes?", False),
        ("Is the boxer located in Rome?", False),
    ],
)
def test_what_asks_for_boxes(text: str, asks: bool) -> None:
    assert asks_for_boxes(text) is asks


# -------------------------------------------------------------------------------------- choosing


SIZES = tuple(
    Sized(tokens, (tokens, tokens), step) for step, tokens in enumerate((9, 90, 900, 1800))
)


@pytest.mark.parametrize(
    ("detail", "normal", "tokens"),
    [
        ("normal", 500, 500),
        *(("low", 500, 90), ("low", 100, 100), ("low", 20, 20)),
        *(("high", 500, 1800), ("high", 1100, 1100)),
        *(("max", 500, 1800), ("max", 4000, 4000)),
        *((1, 500, 9), (9, 500, 9), (899, 500, 90), (65536, 500, 1800)),
    ],
)
def test_which_size_a_detail_means(detail: Detail, normal: int, tokens: int) -> None:
    assert picture_sizes.choose(detail, Sized(normal, (1, 1)), SIZES).tokens == tokens


def test_of_sizes_with_as_many_tokens_the_nearest_to_its_own_is_taken() -> None:
    same = tuple(Sized(64, (side, side), abs(side - 5)) for side in range(1, 10))
    assert picture_sizes.choose(64, Sized(1, (1, 1)), same).size == (5, 5)


@pytest.mark.parametrize("own", [(1, 1), (1, 65535), (3, 2), (12000, 9000), (640, 480)])
def test_what_is_tried_is_bounded_and_holds_the_pictures_own_size(own: tuple[int, int]) -> None:
    asked: list[tuple[int, int]] = []
    picture_sizes.tried(own, lambda size: asked.append(size) or None)
    assert own in asked and len(asked) < 200
    assert all(min(size) >= 1 and max(size) <= max(16384, *own) for size in asked)
