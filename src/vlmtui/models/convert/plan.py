"""What goes into a GGUF file: metadata, and tensors that are made when their turn comes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
import numpy as np

from vlmtui.errors import BadModelFile
from vlmtui.models.convert.stored import FLOATS, Numbers, Stored, as_float32
from vlmtui.models.gguf.quants import QUANTS

TYPES = {quant.name: number for number, quant in QUANTS.items()}
"""Numbers of ggml's types, by name."""


class Item(msgspec.Struct, frozen=True):
    """A tensor to be written."""

    name: str
    quant: str
    """A key of `TYPES`."""

    shape: tuple[int, ...]
    """Rows first, as NumPy has it."""

    make: Callable[[], Iterable[Numbers]]
    """Its bytes in their order, in pieces."""

    @property
    def size(self) -> int:
        """In bytes."""
        _, elements, size = QUANTS[TYPES[self.quant]]
        return math.prod(self.shape) // elements * size


class File(msgspec.Struct, frozen=True):
    """A GGUF file to be written."""

    metadata: dict[str, Any]
    items: tuple[Item, ...]

    @property
    def size(self) -> int:
        """Bytes of its tensors."""
        return sum(item.size for item in self.items)


Order = Callable[[Numbers], Numbers]
"""Puts the rows of a whole matrix into another order."""


def as_is(name: str, tensor: Stored, order: Order | None = None) -> Item:
    """A matrix in the precision that it is stored in; float64 becomes float32."""
    _check_float(tensor)
    quant = "F32" if tensor.dtype == "F64" else tensor.dtype

    def make() -> Iterable[Numbers]:
        pieces = tensor.pieces() if order is None else (order(tensor.read()),)
        return (piece.astype(np.float32) if tensor.dtype == "F64" else piece for piece in pieces)

    return Item(name, quant, tensor.shape, make)


def in_float32(name: str, tensor: Stored, order: Order | None = None) -> Item:
    """A norm or a bias."""
    _check_float(tensor)

    def make() -> Iterable[Numbers]:
        values = tensor.floats()
        yield values if order is None else order(values)

    return Item(name, "F32", tensor.shape, make)


def in_float16(name: str, tensor: Stored) -> Item:
    """A matrix in float16, for what takes no other."""
    _check_float(tensor)

    def make() -> Iterable[Numbers]:
        for piece in tensor.pieces():
            yield to_float16(as_float32(piece, tensor.dtype), tensor.title)

    return Item(name, "F16", tensor.shape, make)


def in_q8_0(name: str, tensor: Stored) -> Item:
    """A matrix in Q8_0; its rows must be whole blocks of 32."""
    _check_float(tensor)
    if tensor.shape[-1] % 32:
        raise BadModelFile(
            f"{tensor.file}: rows of {tensor.shape[-1]} numbers ({tensor.name}) can't be Q8_0",
            "Import it with --head f16.",
        )

    def make() -> Iterable[Numbers]:
        for piece in tensor.pieces():
            yield quantised(as_float32(piece, tensor.dtype))

    return Item(name, "Q8_0", tensor.shape, make)


def quantised(values: Numbers) -> Numbers:
    """Q8_0: blocks of 32 numbers as one scale in float16 and a byte each."""
    rows = values.reshape(-1, 32)
    scales = np.abs(rows).max(axis=1, keepdims=True) / np.float32(127)
    inverse = np.divide(1, scales, out=np.zeros_like(scales), where=scales != 0)
    product = rows * inverse
    # halves go away from zero, as llama.cpp's roundf has it
    numbers = np.trunc(product + np.copysign(np.float32(0.5), product)).astype(np.int8)
    head = scales.astype(np.float16).view(np.uint8)
    made: Numbers = np.concatenate((head, numbers.view(np.uint8)), axis=1)
    return made.reshape(values.shape[0], -1)


def to_float16(values: Numbers, title: str) -> Numbers:
    """The numbers of a tensor in float16; its title is for the error.

    Raises:
        BadModelFile: One is too large for it.
    """
    with np.errstate(over="ignore"):
        small = values.astype(np.float16)
    if not np.isfinite(small).all():
        raise BadModelFile(
            f"{title} has values that are not numbers, or too large for float16",
            "Its file may be damaged: copy or download it again.",
        )
    return small


def _check_float(tensor: Stored) -> None:
    if tensor.dtype not in FLOATS:
        raise BadModelFile(
            f"{tensor.title} is {tensor.dtype}, and floating-point numbers were expected",
            "It may be quantised in a way that vlmtui can't import.",
        )


class Weights:
    """The tensors of a part of a checkpoint, each checked when it is taken."""

    def __init__(self, tensors: Mapping[str, Stored], where: str, what: str = "such tower") -> None:
        """Begin; none is taken.

        Args:
            tensors: All of them.
            where: What the checkpoint is called in an error.
            what: What has such tensors.
        """
        self.tensors = tensors
        self._where = where
        self._what = what
        self.taken: set[str] = set()

    def take(self, name: str, *shape: int) -> Stored:
        """A tensor of floating-point numbers; of any shape where none is given.

        Raises:
            BadModelFile: It is missing or another than expected.
        """
        tensor = self.tensors.get(name)
        if tensor is None:
            raise BadModelFile(
                f"{self._where} has no tensor {name}",
                "Is every file of the checkpoint there? Copy or download it again.",
            )
        if shape and tensor.shape != shape:
            raise unexpected(tensor, shape)
        if tensor.dtype not in FLOATS:
            raise unexpected(tensor, (*tensor.shape, "in floating point"))
        self.taken.add(name)
        return tensor

    def linear(self, name: str, made: str, rows: int, columns: int) -> Iterable[Item]:
        yield in_float16(f"{made}.weight", self.take(f"{name}.weight", rows, columns))
        yield in_float32(f"{made}.bias", self.take(f"{name}.bias", rows))

    def norm(self, name: str, made: str, width: int, *, biased: bool = True) -> Iterable[Item]:
        for part in ("weight", "bias") if biased else ("weight",):
            yield in_float32(f"{made}.{part}", self.take(f"{name}.{part}", width))

    def check_all_taken(self, unused: tuple[str, ...] = ()) -> None:
        """Refuse a part that has more than was taken.

        Args:
            unused: Endings of tensors that nobody needs.

        Raises:
            BadModelFile: Names what is too much.
        """
        left = self.tensors.keys() - self.taken
        odd = sorted(name for name in left if not name.endswith(unused))
        if odd:
            raise BadModelFile(
                f"{self.tensors[odd[0]].file} has tensors that no {self._what} has: "
                f"{', '.join(odd[:3])}" + (" and others" if len(odd) > 3 else ""),
                "It may be of a newer kind than vlmtui knows: look for a GGUF of the model.",
            )


def unexpected(
    tensor: Stored, wanted: tuple[object, ...], found: tuple[int, ...] | None = None
) -> BadModelFile:
    """The error about a tensor of another shape or type than its configuration says."""
    return BadModelFile(
        f"{tensor.title} should be {_product(wanted)} by "
        f"config.json, and is {_product(found or tensor.shape)} ({tensor.dtype})",
        "Configuration and weights belong to two models, or the model is of a newer kind.",
    )


def _product(shape: tuple[object, ...]) -> str:
    return " x ".join(map(str, shape)) or "a number"
