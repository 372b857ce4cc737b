"""Checkpoints that are made once, and what imports make of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.engine.conftest import as_part
from tests.engine.zoo.pictures import paint
from tests.models.convert import checkpoints, reference
from tests.models.convert.checkpoints import Made
from vlmtui.messages import ImagePart
from vlmtui.models.convert import building, checkpoint, writer
from vlmtui.models.convert.building import Built
from vlmtui.models.convert.importing import Head

pytest.importorskip("safetensors", reason="the extra awq is not installed")


@dataclass(frozen=True)
class Imported:
    """A checkpoint and its files."""

    made: Made
    model: Path
    mmproj: Path | None
    built: Built


def imported(made: Made, folder: Path, head: Head = "f16") -> Imported:
    """Import a checkpoint in this process."""
    folder.mkdir(parents=True, exist_ok=True)
    built = building.build(checkpoint.recognise(made.folder), "test", head)
    model, mmproj = folder / "model.gguf", folder / "mmproj.gguf"
    writer.write(model, built.model, lambda *_: None)
    if built.mmproj is None:
        return Imported(made, model, None, built)
    writer.write(mmproj, built.mmproj, lambda *_: None)
    return Imported(made, model, mmproj, built)


Seen = tuple[ImagePart, NDArray[np.float32]]


@pytest.fixture(scope="session")
def vila(tmp_path_factory: pytest.TempPathFactory) -> Imported:
    """A VILA1.5-3B of small size, in TinyChat's v2 layout."""
    folder = tmp_path_factory.mktemp("vila")
    return imported(checkpoints.vila(folder / "checkpoint"), folder / "gguf")


@pytest.fixture(scope="session")
def vila_in_float32(vila: Imported, tmp_path_factory: pytest.TempPathFactory) -> Imported:
    """The weights that its AWQ stands for, not quantised and in float32."""
    folder = tmp_path_factory.mktemp("vila-f32")
    made = checkpoints.unquantised(vila.made, folder / "checkpoint")
    return imported(made, folder / "gguf")


@pytest.fixture(scope="session")
def seen_pictures(vila: Imported, tmp_path_factory: pytest.TempPathFactory) -> list[Seen]:
    """Two pictures, and what VILA's own code makes of them."""
    folder = tmp_path_factory.mktemp("pictures")
    paths = [paint(folder, number, *size) for number, size in enumerate(((100, 60), (300, 700)))]
    return [
        (as_part(path), reference.vila_tokens(vila.made, 3, reference.pixels(path)))
        for path in paths
    ]


@pytest.fixture(scope="session")
def vila_8b(tmp_path_factory: pytest.TempPathFactory) -> Imported:
    """A Llama-3-VILA1.5-8B of small size, in TinyChat's v1 layout."""
    folder = tmp_path_factory.mktemp("vila-8b")
    made = checkpoints.vila(folder / "checkpoint", layout="v1", llama3=True, tower_layers=2)
    return imported(made, folder / "gguf")
