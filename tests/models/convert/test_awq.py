"""4-bit AWQ in each layout becomes Q4_1 that stands for the same weights, exactly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.models.convert import checkpoints, packing
from tests.models.convert.checkpoints import Shape, save_safetensors
from tests.models.convert.conftest import imported
from vlmtui.errors import BadModelFile
from vlmtui.models.convert import awq, weights
from vlmtui.models.convert.awq import Rounding


def stored(folder: Path, parts: dict[str, np.ndarray], name: str = "layer") -> awq.Linear | None:
    save_safetensors(folder / "w.safetensors", {f"{name}.{k}": v for k, v in parts.items()})
    return awq.find(name, weights.read(folder))


def layer(rows: int, inputs: int, group: int, seed: int = 0) -> packing.Quantised:
    draw = np.random.default_rng(seed)
    return packing.quantise(draw.standard_normal((rows, inputs), np.float32) + 0.2, group)


@pytest.mark.parametrize("layout", packing.PACKED)
@pytest.mark.parametrize(
    ("rows", "inputs", "group"),
    [
        (64, 128, 128),
        (1096, 256, 128),
        (40, 2560, 128),
        (24, 6912, 128),
        (16, 256, 64),
        (8, 64, 32),
    ],
)
def test_every_layout_stands_for_the_same_weights(
    layout: str, rows: int, inputs: int, group: int, tmp_path: Path
) -> None:
    """2560 and 6912 have 20 and 54 groups, which the layouts pad to 24 and 56."""
    made = layer(rows, inputs, group)
    linear = stored(tmp_path, packing.PACKED[layout](made))
    assert linear is not None
    assert (linear.outputs, linear.inputs, linear.group) == (rows, inputs, group)
    pieces = list(awq.blocks(linear, Rounding()))
    content = b"".join(piece.tobytes() for piece in pieces)
    assert len(content) == rows * inputs // awq.BLOCK * awq.BLOCK_BYTES
    # float32 computes d*q + m exactly: 4 and 11 bits, and a sum of two such
    found = packing.read_q4_1(content, rows, inputs)
    np.testing.assert_array_equal(found, made.weights(rounded=True))


def test_the_rounding_of_whole_zeros_is_told(tmp_path: Path) -> None:
    """TinyChat rounds scale times zero itself; AutoAWQ keeps the zero, and Q4_1 has to round."""
    made = layer(64, 512, 128)
    rounding = Rounding()
    linear = stored(tmp_path, packing.gemm(made))
    assert linear is not None
    list(awq.blocks(linear, rounding))
    exact, rounded = made.weights(rounded=False), made.weights(rounded=True)
    scales = np.repeat(made.scales.astype(np.float32), made.group, axis=1)
    error = (np.abs(exact - rounded) / scales).max()
    # the weights have been rounded to float32 besides
    assert rounding.largest == pytest.approx(error, rel=0.01)
    assert 0.001 < rounding.largest < 15 * 2**-11


def test_parts_that_do_not_go_together_are_told(tmp_path: Path) -> None:
    parts = packing.tinychat_v2(layer(64, 256, 128))
    with pytest.raises(BadModelFile, match=r"w\.safetensors: the layer layer .*scales are missing"):
        stored(tmp_path, {"qweight": parts["qweight"]})
    unpadded = {**parts, "scales": parts["scales"][:2], "scaled_zeros": parts["scaled_zeros"][:2]}
    with pytest.raises(BadModelFile, match="not a known layout"):
        stored(tmp_path, unpadded)
    with pytest.raises(BadModelFile, match="not float16"):
        stored(tmp_path, {**parts, "scales": parts["scales"].astype(np.float32)})
    broken = {**parts, "scales": np.full_like(parts["scales"], np.inf)}
    linear = stored(tmp_path, broken)
    assert linear is not None
    with pytest.raises(BadModelFile, match="not a finite number"):
        list(awq.blocks(linear, Rounding()))


@pytest.mark.parametrize("layout", ["gemm", "gemv", "gemv_fast"])
def test_autoawq_checkpoints_become_the_file_that_tinychats_do(layout: str, tmp_path: Path) -> None:
    shape = Shape(layers=1)
    ours = imported(
        checkpoints.text_model(tmp_path / "a", layout=layout, shape=shape), tmp_path / "x"
    )
    other = imported(
        checkpoints.text_model(tmp_path / "b", layout="v2", shape=shape), tmp_path / "y"
    )
    assert _without_source(ours.model) == _without_source(other.model)
    assert (ours.built.language.rounding.largest > 0) == (layout != "gemv_fast")


def test_both_versions_of_tinychat_give_the_same_bytes(tmp_path: Path) -> None:
    files = []
    for layout in ("v1", "v2"):
        made = checkpoints.vila(tmp_path / layout, layout=layout, tower_layers=2)
        files.append(_without_source(imported(made, tmp_path / f"{layout}-gguf").model))
    assert files[0] == files[1]


def _without_source(path: Path) -> bytes:
    """A file without the stamp of the checkpoint that it was made of."""
    content = path.read_bytes()
    at = content.index(b"vlmtui.import.source")
    return content[:at] + content[at + 96 :]
