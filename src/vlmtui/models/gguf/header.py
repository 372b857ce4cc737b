"""What the header of a GGUF file says about a model: metadata and tensors, as values."""

from __future__ import annotations

import math
import re
from functools import cached_property
from typing import TypeGuard

import msgspec

_LARGEST_COUNT = 2**40
"""No context, width or number of heads comes near; what is calculated with one stays a number that
can be written down."""

_BLOCK = re.compile(r"blk\.(\d{1,6})\.")


class Array(msgspec.Struct, frozen=True):
    """A value that was passed over: only its length is known."""

    length: int
    """Items of an array, bytes of a string."""


Value = str | int | float | bool | tuple[int | float, ...] | Array


class Tensor(msgspec.Struct, frozen=True):
    """A tensor, as the header announces it."""

    name: str
    shape: tuple[int, ...]
    """In ggml's order: the first dimension is the one that lies together in memory."""

    quant: str
    """Name of its ggml type: "Q4_K"."""

    offset: int
    """From the beginning of the file, in bytes."""

    size: int
    """In bytes."""


class Header(msgspec.Struct, frozen=True, dict=True):
    """What a GGUF file says about itself. All its tensors lie within the file."""

    name: str
    """Path or address it was read from."""

    version: int
    alignment: int
    metadata: dict[str, Value]
    """Long arrays and strings (vocabulary) are `Array`s, which have nothing but a length."""

    tensors: tuple[Tensor, ...]
    file_size: int
    """Bytes of the file, or of all files of a split model; what the header makes of it where
    nobody says."""

    @property
    def architecture(self) -> str:
        """`general.architecture`; "clip" for a vision tower."""
        return self.text("general.architecture")

    @property
    def split(self) -> tuple[int, int]:
        """Number of this file (from 0) and how many files make up the model; (0, 1) for a whole."""
        return self.number("split.no", 0), max(1, self.number("split.count", 1))

    @cached_property
    def by_name(self) -> dict[str, Tensor]:
        return {tensor.name: tensor for tensor in self.tensors}

    @cached_property
    def weights(self) -> int:
        """Bytes of all tensors."""
        return sum(tensor.size for tensor in self.tensors)

    @cached_property
    def parameters(self) -> int:
        """Numbers in all tensors."""
        return sum(math.prod(tensor.shape) for tensor in self.tensors)

    @cached_property
    def layers(self) -> tuple[int, ...]:
        """Bytes of each repeating layer, those without any left out."""
        sizes: dict[int, int] = {}
        for tensor in self.tensors:
            if block := _BLOCK.match(tensor.name):
                sizes[int(block[1])] = sizes.get(int(block[1]), 0) + tensor.size
        return tuple(size for _, size in sorted(sizes.items()))

    @cached_property
    def embeddings(self) -> int:
        """Bytes of the token embeddings."""
        return self._group("token_embd")

    @cached_property
    def output(self) -> int:
        """Bytes of the output layer; 0 where it shares the token embeddings."""
        return self._group("output")

    def number(self, key: str, default: int) -> int:
        """A whole number of the metadata; the default where it isn't one, negative, or absurd."""
        value = self.metadata.get(key)
        return value if _is_count(value) else default

    def numbers(self, key: str) -> tuple[int, ...]:
        """The whole numbers of the metadata, one or an array; none where any isn't one."""
        value = self.metadata.get(key)
        values = value if isinstance(value, tuple) else (value,)
        counts = tuple(each for each in values if _is_count(each))
        return counts if len(counts) == len(values) else ()

    def text(self, key: str) -> str:
        """A string of the metadata; empty where there is none."""
        value = self.metadata.get(key)
        return value if isinstance(value, str) else ""

    def length(self, key: str) -> int:
        """Items of an array of the metadata; 0 where there is none."""
        match self.metadata.get(key):
            case Array(length):
                return length
            case tuple() as values:
                return len(values)
        return 0

    def _group(self, prefix: str) -> int:
        return sum(tensor.size for tensor in self.tensors if tensor.name.startswith(prefix))


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST_COUNT
