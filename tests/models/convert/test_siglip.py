"""VILA's tower in libmtmd: the same numbers in the same order as VILA's own code."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.engine.conftest import as_part
from tests.engine.zoo.pictures import paint
from tests.models.convert import llamacpp, reference
from tests.models.convert.conftest import Imported, Seen
from vlmtui.engine.backends.llamacpp.model import LoadedModel

Floats = NDArray[np.float32]


@pytest.fixture(scope="module")
def model(vila: Imported) -> Iterator[LoadedModel]:
    with llamacpp.loaded(vila.model, vila.mmproj) as loaded:
        yield loaded


@pytest.fixture(scope="module")
def pairs(model: LoadedModel, seen_pictures: list[Seen]) -> list[tuple[Floats, Floats]]:
    """Of each picture, what the engine and what VILA's code make of it."""
    return [(llamacpp.embeddings(model, image), theirs) for image, theirs in seen_pictures]


def error(ours: Floats, theirs: Floats) -> tuple[float, float]:
    """Root mean square over that of the reference: of all tokens, and of the worst."""
    size = np.sqrt((theirs**2).mean())
    by_token = np.sqrt(((ours - theirs) ** 2).mean(axis=1)) / size
    return float(np.sqrt((by_token**2).mean())), float(by_token.max())


def test_the_tower_is_vilas(pairs: list[tuple[Floats, Floats]]) -> None:
    for ours, theirs in pairs:
        whole, worst = error(ours, theirs)
        assert whole < 2e-3 and worst < 5e-3


def test_tokens_that_run_along_the_rows_are_seen(pairs: list[tuple[Floats, Floats]]) -> None:
    """VILA1.5's run down the columns, as its projector has a single transposition."""
    ours, theirs = pairs[1]
    turned = theirs.reshape(14, 14, -1).swapaxes(0, 1).reshape(theirs.shape)
    assert error(ours, turned)[0] > 0.3


def test_another_resampling_is_seen(vila: Imported, model: LoadedModel, tmp_path: Path) -> None:
    """The engine resizes other models' pictures with Lanczos; VILA saw bicubic ones."""
    noise = np.random.default_rng(0).integers(0, 256, (600, 900, 3), np.uint8)
    path = tmp_path / "noise.png"
    Image.fromarray(noise).save(path)
    ours = llamacpp.embeddings(model, as_part(path))
    assert error(ours, reference.vila_tokens(vila.made, 3, reference.pixels(path)))[0] < 2e-3
    lanczos = Image.open(path).resize((384, 384), Image.Resampling.LANCZOS)
    picture = (np.asarray(lanczos, np.float32) / 127.5 - 1).transpose(2, 0, 1)
    assert error(ours, reference.vila_tokens(vila.made, 3, picture))[0] > 1e-2


def test_a_white_and_a_black_picture_are_taken(vila: Imported, model: LoadedModel, tmp_path: Path):
    """Black is what the null patches have, too: the real ones must be seen all the same."""
    for color in ("white", "black"):
        path = tmp_path / f"{color}.png"
        Image.new("RGB", (50, 90), color).save(path)
        theirs = reference.vila_tokens(vila.made, 3, reference.pixels(path))
        whole, worst = error(llamacpp.embeddings(model, as_part(path)), theirs)
        assert whole < 2e-3 and worst < 5e-3


def test_a_picture_is_one_part_of_196_tokens(model: LoadedModel, tmp_path: Path) -> None:
    from vlmtui.engine.backends.llamacpp.vision import Vision

    vision = Vision(model, 0)
    image = as_part(paint(tmp_path, 2, 900, 5))
    (unit,) = vision.layout(image)
    assert unit.tokens == unit.positions == 196
    assert vision.scaled_to(image) is None  # however large the context is
    vision.close()
