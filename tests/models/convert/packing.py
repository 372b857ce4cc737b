"""4-bit AWQ in the layouts that others write, packed weight by weight by the formats' own rules.

Written from mit-han-lab/llm-awq (`qmodule.py`) and AutoAWQ (`packing_utils.py`, `gemm.py`,
`gemv.py`, `gemv_fast.py`), without anything of the code under test.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.generic]

GEMM_ORDER = (0, 2, 4, 6, 1, 3, 5, 7)


@dataclass(frozen=True)
class Quantised:
    """A layer's numbers before they are packed."""

    numbers: NDArray[np.uint8]
    """[outputs, inputs], 0 to 15."""

    scales: NDArray[np.float16]
    """[outputs, groups]."""

    zeros: NDArray[np.uint8]
    """[outputs, groups], 0 to 15."""

    group: int

    def weights(self, *, rounded: bool) -> NDArray[np.float32]:
        """What it stands for.

        Args:
            rounded: With scale times zero in float16, as TinyChat keeps it.
        """
        scale = self.scales.astype(np.float32)
        shift = scale * self.zeros
        if rounded:
            shift = shift.astype(np.float16).astype(np.float32)
        spread = [np.repeat(each, self.group, axis=1) for each in (scale, shift)]
        return self.numbers * spread[0] - spread[1]


def quantise(weights: NDArray[np.float32], group: int = 128) -> Quantised:
    """Round to the nearest of 16 steps between a group's least and largest, as AWQ does."""
    rows, inputs = weights.shape
    grouped = weights.reshape(rows, inputs // group, group)
    least, largest = grouped.min(axis=2), grouped.max(axis=2)
    scales = (np.maximum(largest - least, 1e-5) / 15).astype(np.float16)
    wide = scales.astype(np.float32)
    zeros = np.clip(np.round(-least / wide), 0, 15)
    numbers = np.clip(np.round(grouped / wide[:, :, None]) + zeros[:, :, None], 0, 15)
    return Quantised(
        numbers.reshape(rows, inputs).astype(np.uint8), scales, zeros.astype(np.uint8), group
    )


def padded_groups(inputs: int, group: int) -> int:
    """llm-awq's `calculate_zeros_width` times eight."""
    multiple = {128: 1, 64: 2, 32: 4}[group]
    words = -(-(inputs // group) // 8)
    return -(-words // multiple) * multiple * 8


def tinychat_v2(layer: Quantised, *, zeros_name: str = "scaled_zeros") -> dict[str, Array]:
    """int16 [N/4, K]: four rows side by side; scales and zeros by groups, padded to eights."""
    rows, inputs = layer.numbers.shape
    words = np.zeros((rows // 4, inputs), np.uint16)
    k = np.arange(inputs)
    for row in range(rows):
        column = k // 64 * 64 + row % 4 * 16 + k // 32 % 2 * 8 + k % 8
        np.bitwise_or.at(
            words[row // 4], column, layer.numbers[row].astype(np.uint16) << (4 * (k // 8 % 4))
        )
    groups = padded_groups(inputs, layer.group)
    scales = np.zeros((groups, rows), np.float16)
    scales[: inputs // layer.group] = layer.scales.T
    scaled = np.zeros((groups, rows), np.float16)
    product = layer.scales.astype(np.float32) * layer.zeros
    scaled[: inputs // layer.group] = -product.astype(np.float16).T
    return {"qweight": words.view(np.int16), "scales": scales, zeros_name: scaled}


def gemv_fast(layer: Quantised) -> dict[str, Array]:
    """AutoAWQ's GEMV_FAST: TinyChat v2 under another name."""
    return tinychat_v2(layer, zeros_name="qzeros")


def gemv(layer: Quantised) -> dict[str, Array]:
    """int32 [N, K/8] in order: AutoAWQ's GEMV, and TinyChat v1."""
    rows, inputs = layer.numbers.shape
    groups = padded_groups(inputs, layer.group)
    scales = np.zeros((rows, groups), np.float16)
    scales[:, : inputs // layer.group] = layer.scales
    zeros = np.zeros((rows, groups), np.uint8)
    zeros[:, : inputs // layer.group] = layer.zeros
    return {
        "qweight": _words(layer.numbers, range(8)),
        "scales": scales,
        "qzeros": _words(zeros, range(8)),
    }


def gemm(layer: Quantised) -> dict[str, Array]:
    """int32 [K, N/8] in the order of `GEMM_ORDER`: what AutoAWQ writes by default."""
    return {
        "qweight": _words(np.ascontiguousarray(layer.numbers.T), GEMM_ORDER),
        "scales": np.ascontiguousarray(layer.scales.T),
        "qzeros": _words(np.ascontiguousarray(layer.zeros.T), GEMM_ORDER),
    }


def _words(numbers: NDArray[np.uint8], order: object) -> NDArray[np.int32]:
    """Eight numbers a word; nibble i has the number `order[i]`."""
    grouped = numbers.reshape(numbers.shape[0], -1, 8).astype(np.uint32)
    words = np.zeros(grouped.shape[:2], np.uint32)
    for nibble, place in enumerate(order):
        words |= grouped[:, :, place] << np.uint32(4 * nibble)
    return words.view(np.int32)


PACKED = {"v2": tinychat_v2, "v1": gemv, "gemm": gemm, "gemv": gemv, "gemv_fast": gemv_fast}
"""By name: how others pack."""


def read_q4_1(content: bytes, rows: int, inputs: int) -> NDArray[np.float32]:
    """What a Q4_1 tensor of a GGUF file stands for, by ggml's definition of the block."""
    block = np.frombuffer(content, np.uint8).reshape(rows, inputs // 32, 20)
    head = block[:, :, :4].copy().view(np.float16).astype(np.float32)
    numbers = np.concatenate((block[:, :, 4:] & 15, block[:, :, 4:] >> 4), axis=2)
    return (numbers * head[:, :, :1] + head[:, :, 1:]).reshape(rows, inputs)
