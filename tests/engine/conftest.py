"""The real engine with the demo model, and pictures drawn for it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from training import scenes
from vlmtui.engine import images
from vlmtui.engine.client import EngineClient
from vlmtui.engine.engine_requests import Files, Load
from vlmtui.messages import ImagePart
from vlmtui.models import library

DrawPicture = Callable[..., ImagePart]


def demo_load(**changes: object) -> Load:
    """A request for the demo model."""
    model = library.resolve("demo")
    load = Load(Files(str(model.path), str(model.mmproj)), model.name)
    return msgspec.structs.replace(load, **changes)


def as_part(path: Path) -> ImagePart:
    """A picture file as a message's part."""
    info = images.inspect(path)
    return ImagePart(str(path), info.sha256, path.name, info.width, info.height)


@pytest.fixture
def picture(tmp_path: Path) -> DrawPicture:
    """Draws a scene into a file: `picture(("red", "circle", "left"), …)`, or one by seed."""

    def draw(*shapes: tuple[str, str, str], seed: int = 0, size: int = 240) -> ImagePart:
        if shapes:
            scene = scenes.Scene(
                tuple(
                    scenes.Shape(kind, color, scenes.PLACES.index(place), 0.8)
                    for color, kind, place in shapes
                )
            )
        else:
            scene = scenes.random_scene(random.Random(seed))
        path = tmp_path / f"scene-{abs(hash((shapes, seed, size)))}.png"
        scenes.draw(scene, (size, size)).save(path)
        return as_part(path)

    return draw


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., EngineClient]]:
    """Starts engines with the demo model loaded; `start(ctx=512)` changes the load request."""
    engines: list[EngineClient] = []

    def make(**changes: object) -> EngineClient:
        engine = EngineClient(tmp_path / f"engine-{len(engines)}.log")
        engines.append(engine)
        for _ in engine.load(demo_load(**changes)):
            pass
        return engine

    yield make
    for engine in engines:
        engine.close()


@pytest.fixture
def engine(start: Callable[..., EngineClient]) -> EngineClient:
    """An engine with the demo model loaded."""
    return start()
