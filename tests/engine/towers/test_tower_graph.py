"""Graphs of vision towers: what they compute, and answers that are given through them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from PIL import Image

from tests.engine.conftest import as_part
from tests.engine.towers import numpy_tower
from tests.engine.towers.conftest import clip
from vlmtui import demo
from vlmtui.engine.backends.llamacpp.graph_pictures import GraphPictures, best_size
from vlmtui.engine.client import EngineClient
from vlmtui.engine.engine_events import Delta, Encoded, Finished, Notice, TowerCompared
from vlmtui.engine.engine_requests import Files, Generate, Load, Sampling, Tower
from vlmtui.engine.towers.tower_graph import INPUT, TowerGraph
from vlmtui.engine.towers.tower_weights import TowerWeights
from vlmtui.errors import BadModelFile, LoadFailed
from vlmtui.messages import ImagePart, Message, assistant, user

Make = Callable[..., Tower]


def written(mmproj: Path, folder: Path, *, half: bool = False, compare: bool = False) -> Tower:
    weights = TowerWeights(mmproj)
    path = folder / f"{'half' if half else 'whole'}.onnx"
    onnx.save_model(TowerGraph(weights, half=half).model(), str(path))
    return Tower(str(path), int(weights.meta("clip.vision.image_size")), compare=compare)


@pytest.fixture
def graph(pair: tuple[Path, Path], tmp_path: Path) -> Make:
    """Writes the graph of the pair's tower."""
    return partial(written, pair[1], tmp_path)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[EngineClient]:
    client = EngineClient(tmp_path / "engine.log")
    yield client
    client.close()


def test_the_graph_computes_the_tower(pair: tuple[Path, Path], graph: Make) -> None:
    side = graph().side
    small = np.random.default_rng(0).integers(0, 256, (side // 7, side // 7, 3), np.uint8)
    picture = np.repeat(np.repeat(small, 8, 0), 8, 1)[:side, :side]
    expected = numpy_tower.forward(TowerWeights(pair[1]), picture)
    for half, most in ((False, 1e-5), (True, 1e-3)):
        path = graph(half=half).path
        onnx.checker.check_model(path, full_check=True)
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        (made,) = session.run(None, {INPUT: picture[None]})
        assert made.dtype == np.float32
        assert numpy_tower.apart(made[0], expected) <= most


@pytest.mark.parametrize("half", [False, True])
def test_it_agrees_with_libmtmds_tower(
    pair: tuple[Path, Path], graph: Make, engine: EngineClient, half: bool
) -> None:
    load = Load(Files(str(pair[0]), str(pair[1])), ctx=1024, tower=graph(half=half, compare=True))
    (told,) = [event for event in engine.load(load) if isinstance(event, TowerCompared)]
    assert told.difference <= 5e-3
    assert min(told.graph_s, told.libmtmd_s) > 0


def answer(engine: EngineClient, *messages: Message) -> tuple[str, list[Encoded]]:
    text, seen = "", []
    asked = Generate(messages, Sampling(temperature=0.0, max_tokens=16))
    for event in engine.generate(asked):
        if isinstance(event, Delta):
            text += event.text
        elif isinstance(event, Encoded):
            seen.append(event)
    return text, seen


def pictures(folder: Path) -> tuple[ImagePart, ImagePart]:
    paths = []
    for number, color in enumerate(("red", "blue")):
        image = Image.new("RGB", (300, 200), "white")
        image.paste(color, (40 + 90 * number, 30, 160 + 90 * number, 150))
        paths.append(folder / f"{color}.png")
        image.save(paths[-1])
    return as_part(paths[0]), as_part(paths[1])


def test_answers_through_the_graph_are_the_same_warm_and_cold(
    pair: tuple[Path, Path], graph: Make, engine: EngineClient, tmp_path: Path
) -> None:
    first, second = pictures(tmp_path)
    load = Load(Files(str(pair[0]), str(pair[1])), ctx=2048, tower=graph())
    list(engine.load(load))
    assert engine.info is not None
    assert engine.info.vision
    asked = user("What is it?", [first])
    said, seen = answer(engine, asked)
    assert [each.reused for each in seen] == [False]
    followed = user("And this, beside the first one?", [second])
    warm, seen = answer(engine, asked, assistant(said), followed)
    assert [each.reused for each in seen] == [True, False]
    list(engine.load(load))
    cold, seen = answer(engine, asked, assistant(said), followed)
    assert [each.reused for each in seen] == [False, False]
    assert warm == cold


def test_answers_are_those_that_libmtmds_tower_gives(engine: EngineClient, tmp_path: Path) -> None:
    (first, second) = pictures(tmp_path)
    files = Files(str(demo.model_path()), str(demo.mmproj_path()))
    said = []
    for tower in (None, written(demo.mmproj_path(), tmp_path)):
        list(engine.load(Load(files, ctx=2048, tower=tower)))
        said.append(answer(engine, user("What is in these pictures?", [first, second]))[0])
    assert said[0] == said[1]
    assert said[0]


def test_a_graph_that_cant_be_used_is_told_of_and_libmtmds_tower_taken(
    pair: tuple[Path, Path], graph: Make, engine: EngineClient, tmp_path: Path
) -> None:
    tower = graph()
    Path(tower.path).write_bytes(b"no graph")
    load = Load(Files(str(pair[0]), str(pair[1])), name="mine", ctx=1024, tower=tower)
    events = list(engine.load(load))
    (notice,) = [event for event in events if isinstance(event, Notice)]
    assert "The graph of mine's vision tower can't be used" in notice.message
    assert isinstance(events[-1], Finished)
    _, seen = answer(engine, user("What?", [pictures(tmp_path)[0]]))
    assert len(seen) == 1
    engine_file = tmp_path / "x.engine"
    engine_file.write_bytes(b"no engine")
    compared = Tower(str(engine_file), tower.side, compare=True)
    with pytest.raises(LoadFailed, match="TensorRT can't be used"):
        list(engine.load(Load(load.source, name="mine", ctx=1024, tower=compared)))


def test_towers_of_other_kinds_are_refused_by_name(tmp_path: Path) -> None:
    _, mmproj = clip(tmp_path)
    content = mmproj.read_bytes()
    assert content.count(b"\x03\0\0\0\0\0\0\0mlp") == 1
    mmproj.write_bytes(content.replace(b"\x03\0\0\0\0\0\0\0mlp", b"\x03\0\0\0\0\0\0\0ldp"))
    with pytest.raises(BadModelFile, match="projector 'ldp'"):
        TowerGraph(TowerWeights(mmproj), half=True)
    mmproj.write_bytes(content[:1000])
    with pytest.raises(BadModelFile, match="can't be read"):
        TowerWeights(mmproj)


TILES = ((336, 672), (672, 336), (672, 672), (1008, 336), (336, 1008))


@pytest.mark.parametrize(
    ("size", "best"),
    [
        ((800, 800), (672, 672)),
        ((1600, 400), (1008, 336)),
        ((300, 900), (336, 1008)),
        ((640, 480), (672, 672)),
        ((500, 250), (672, 336)),
    ],
)
def test_llava_16_takes_the_size_that_keeps_most(
    size: tuple[int, int], best: tuple[int, int]
) -> None:
    assert best_size(*size, TILES) == best


def test_its_tiles_are_an_overview_and_the_squares_row_by_row(tmp_path: Path) -> None:
    model, mmproj = clip(tmp_path)
    load = Load(Files(str(model), str(mmproj)), tower=Tower("x.onnx", 336, TILES))
    cut = GraphPictures(load)
    assert cut.count(336, 336) == 1
    assert cut.count(800, 600) == 5
    picture = Image.new("RGB", (1344, 1344), "white")
    picture.paste("red", (672, 0, 1344, 672))
    squares = [Image.frombytes("RGB", (336, 336), each) for each in cut.squares(picture)]
    assert [each.getpixel((168, 168)) for each in squares[1:]] == [
        (255, 255, 255),
        (255, 0, 0),
        (255, 255, 255),
        (255, 255, 255),
    ]
    assert squares[0].getpixel((252, 84)) == (255, 0, 0)
