"""Linear layers in 4-bit AWQ as GGUF's Q4_1, weight for weight.

All layouts hold for each group of inputs a scale s and a zero z, and for each weight a number q of
four bits: w = s*q - s*z. A block of Q4_1 is 32 weights, w = d*q + m with d and m in float16; so
d = s and m = -s*z, and q stays as it is. The layouts are those of mit-han-lab/llm-awq
(`awq/quantize/qmodule.py`, TinyChat v1 and v2) and of AutoAWQ (`awq/modules/linear`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

import msgspec
import numpy as np

from vlmtui.errors import BadModelFile
from vlmtui.models.convert.stored import Numbers, Stored

BLOCK, BLOCK_BYTES = 32, 20
"""Weights of a Q4_1 block, and its bytes: d, m, then two weights a byte."""

Layout = Literal["interleaved", "rows", "columns"]

_GROUPS = (128, 64, 32)
_COLUMNS = (0, 2, 4, 6, 1, 3, 5, 7)
"""AutoAWQ's GEMM: nibble i of a word is output `_COLUMNS[i]` of its eight."""

_ROWS_AT_ONCE = 1024
_AGAIN = "The file may be damaged, or of a newer kind: look for a GGUF of the model."


class Linear(msgspec.Struct, frozen=True):
    """A quantised layer: N outputs (rows of its matrix), K inputs."""

    name: str
    """Without the ending `.qweight`."""

    outputs: int
    inputs: int
    group: int
    """Inputs that share a scale and a zero."""

    layout: Layout
    """interleaved: TinyChat v2 and GEMV_FAST; rows: TinyChat v1 and GEMV; columns: GEMM."""

    weights: Stored
    scales: Stored
    zeros: Stored
    """-s*z in float16 where the layout is interleaved, else z, eight of them a word."""


class Rounding:
    """The largest difference between -s*z and the float16 that Q4_1 has for it, in steps (s)."""

    def __init__(self) -> None:
        self.largest = 0.0

    def see(self, offsets: Numbers, exact: Numbers, scales: Numbers) -> None:
        """Look at some.

        Args:
            offsets: m in float16.
            exact: -s*z in float32.
            scales: s in float16.
        """
        used = scales != 0
        error = np.abs(offsets.astype(np.float32) - exact)[used] / np.abs(scales[used])
        self.largest = max(self.largest, float(error.max(initial=0)))


def find(name: str, tensors: Mapping[str, Stored]) -> Linear | None:
    """The quantised layer of a name; None where there is no such `.qweight`.

    Raises:
        BadModelFile: A part of it is missing, or they don't go together.
    """
    weights = tensors.get(f"{name}.qweight")
    if weights is None:
        return None
    scales = _part(name, "scales", tensors)
    scaled = tensors.get(f"{name}.scaled_zeros")
    zeros = scaled if scaled is not None else _part(name, "qzeros", tensors)
    shapes = (weights.shape, scales.shape, zeros.shape)
    if any(len(shape) != 2 for shape in shapes) or scales.dtype != "F16":
        raise _odd(name, weights, f"its scales are {scales.dtype} {scales.shape}, not float16")
    if weights.dtype == "I16" and zeros.dtype == "F16":
        outputs, inputs = weights.shape[0] * 4, weights.shape[1]
        group = _group(scales.shape[0], inputs)
        fits = scales.shape == zeros.shape and scales.shape[1] == outputs and inputs % 64 == 0
        layout: Layout = "interleaved"
    elif weights.dtype == zeros.dtype == "I32" and scales.shape[1] == weights.shape[1] * 8:
        outputs, inputs = scales.shape[1], weights.shape[0]
        group = inputs // max(1, scales.shape[0])
        fits = zeros.shape == (scales.shape[0], weights.shape[1])
        fits = fits and group * scales.shape[0] == inputs and group % BLOCK == 0 < group
        layout = "columns"
    else:
        outputs, inputs = weights.shape[0], weights.shape[1] * 8
        group = _group(scales.shape[1], inputs)
        fits = weights.dtype == zeros.dtype == "I32" and scales.shape[0] == outputs
        fits = fits and zeros.shape == (outputs, scales.shape[1] // 8) and inputs % BLOCK == 0
        layout = "rows"
    if not fits or not group:
        raise _odd(name, weights, f"{weights.dtype} {shapes} is not a known layout of 4-bit AWQ")
    return Linear(name, outputs, inputs, group, layout, weights, scales, zeros)


def blocks(linear: Linear, rounding: Rounding) -> Iterator[Numbers]:
    """The layer as Q4_1: uint8 [rows, inputs / 32 * 20], some rows at a time, in their order.

    Raises:
        BadModelFile: A scale or zero is infinite or none.
    """
    scales, offsets = _scales(linear, rounding)
    whole = linear.weights.read() if linear.layout == "columns" else None
    for first in range(0, linear.outputs, _ROWS_AT_ONCE):
        count = min(_ROWS_AT_ONCE, linear.outputs - first)
        if whole is not None:
            packed = _from_columns(whole[:, first // 8 : (first + count + 7) // 8])[:count]
        elif linear.layout == "rows":
            packed = _from_rows(linear.weights.read(first, count))
        else:
            packed = _from_interleaved(linear.weights.read(first // 4, count // 4))
        rows = slice(first, first + count)
        yield _joined(scales[rows], offsets[rows], packed, linear.group // BLOCK)


def _joined(scales: Numbers, offsets: Numbers, packed: Numbers, repeat: int) -> Numbers:
    """Q4_1 of scales and offsets [rows, groups] and nibbles [rows, blocks, 16]."""
    rows, count, _ = packed.shape
    made = np.empty((rows, count, BLOCK_BYTES), np.uint8)
    head = np.stack((scales, offsets), axis=-1).view(np.uint8)  # [rows, groups, 4]
    made[:, :, :4] = np.repeat(head, repeat, axis=1)
    made[:, :, 4:] = packed
    return made.reshape(rows, -1)


def _from_interleaved(words: Numbers) -> Numbers:
    """Nibbles of TinyChat v2: four rows side by side, in words of four weights.

    A word has weight 8j+i of a block of 32 in nibble j, and byte t of Q4_1 has the weights t and
    t+16; so two words become two bytes each, and no weight is looked at alone.
    """
    rows, inputs = words.shape[0] * 4, words.shape[1]
    word = words.view(np.uint16).reshape(rows // 4, inputs // 64, 4, 2, 8)
    low = (word & 15) | (word >> 4 & 0xF0)
    high = (word >> 4 & 15) | (word >> 8 & 0xF0)
    pairs = np.stack((low, high), axis=4).astype(np.uint8)  # [rows/4, inputs/64, row, half, j, i]
    return pairs.transpose(0, 2, 1, 3, 4, 5).reshape(rows, inputs // BLOCK, 16)


def _from_rows(words: Numbers) -> Numbers:
    """Nibbles of TinyChat v1 and GEMV: a word has eight weights of a row in their order."""
    pairs = words.view(np.uint8).reshape(words.shape[0], -1, 16)
    return _paired(np.stack((pairs & 15, pairs >> 4), axis=-1).reshape(*pairs.shape[:2], BLOCK))


def _from_columns(words: Numbers) -> Numbers:
    """Nibbles of GEMM: a word has eight outputs of one input."""
    turned = np.ascontiguousarray(words.view(np.uint32).T)
    inputs = turned.shape[1]
    rows = np.empty((turned.shape[0], 8, inputs), np.uint8)
    for nibble, row in enumerate(_COLUMNS):
        rows[:, row] = turned >> 4 * nibble & 15
    return _paired(rows.reshape(-1, inputs // BLOCK, BLOCK))


def _paired(weights: Numbers) -> Numbers:
    """Q4_1's bytes of blocks of 32 weights, one a byte."""
    made: Numbers = weights[..., :16] | weights[..., 16:] << 4
    return made


def _scales(linear: Linear, rounding: Rounding) -> tuple[Numbers, Numbers]:
    """D and m, both float16 [outputs, groups]."""
    groups = linear.inputs // linear.group
    scales, zeros = linear.scales.read(), linear.zeros.read()
    if linear.layout == "interleaved":
        scales, offsets = scales[:groups].T, zeros[:groups].T
    else:
        nibbles = 4 * np.arange(8, dtype=np.uint32)
        numbers: Numbers = zeros.view(np.uint32)[:, :, None] >> nibbles & 15
        if linear.layout == "columns":
            ordered = np.empty_like(numbers)
            ordered[:, :, list(_COLUMNS)] = numbers
            numbers, scales = ordered.reshape(groups, -1).T, scales.T
        else:
            numbers = numbers.reshape(linear.outputs, -1)[:, :groups]
            scales = scales[:, :groups]
        exact = -scales.astype(np.float32) * numbers.astype(np.float32)
        with np.errstate(over="ignore"):
            offsets = exact.astype(np.float16)
        rounding.see(offsets, exact, scales.astype(np.float32))
    if not (np.isfinite(scales).all() and np.isfinite(offsets).all()):
        raise _odd(linear.name, linear.scales, "a scale or zero in it is not a finite number")
    return np.ascontiguousarray(scales), np.ascontiguousarray(offsets)


def _group(padded: int, inputs: int) -> int:
    """The group size for which there are that many scales, some of them padding; 0 for none.

    The kernels want the groups of a row in words of eight, and more of them where groups are small.
    """
    for group in _GROUPS:
        step = 8 * 128 // group
        if inputs % group == 0 and padded == -(-inputs // group // step) * step:
            return group
    return 0


def _part(name: str, part: str, tensors: Mapping[str, Stored]) -> Stored:
    tensor = tensors.get(f"{name}.{part}")
    if tensor is None:
        weights = tensors[f"{name}.qweight"]
        raise _odd(name, weights, f"its {part} are missing beside its qweight")
    return tensor


def _odd(name: str, tensor: Stored, what: str) -> BadModelFile:
    return BadModelFile(f"{tensor.file}: the layer {name} can't be read: {what}", _AGAIN)
