"""Tensors where they lie in a checkpoint's files.

A tensor is read by rows, never mapped: what was read is given back at once, so that an import of
gigabytes stays within some hundred megabytes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from vlmtui.errors import BadModelFile, reason

Numbers = NDArray[Any]

SIZES = {
    **{"F64": 8, "I64": 8, "F32": 4, "I32": 4, "F16": 2, "BF16": 2, "I16": 2},
    **{"I8": 1, "U8": 1, "BOOL": 1},
}
"""Bytes of a number, by dtype as safetensors names it."""

FLOATS = ("F16", "BF16", "F32", "F64")

_NUMPY = {
    **{"F64": "<f8", "I64": "<i8", "F32": "<f4", "I32": "<i4", "F16": "<f2", "BF16": "<u2"},
    **{"I16": "<i2", "I8": "i1", "U8": "u1", "BOOL": "u1"},
}
_PIECE = 16_000_000
"""Bytes of a tensor that are read at once."""


class Stored(msgspec.Struct, frozen=True):
    """A tensor of a file; its bytes lie together, and within the file."""

    name: str
    file: Path
    offset: int
    dtype: str
    """A key of `SIZES`."""

    shape: tuple[int, ...]

    @property
    def title(self) -> str:
        """What it is called in an error."""
        return f"{self.file}: the tensor {self.name}"

    @property
    def size(self) -> int:
        """In bytes."""
        return math.prod(self.shape) * SIZES[self.dtype]

    def read(self, first: int = 0, count: int | None = None) -> Numbers:
        """Rows of it, all by default, as they are stored: bfloat16 as its bits.

        Raises:
            BadModelFile: The file can't be read, or has become shorter.
        """
        rows = self.shape[0] if self.shape else 1
        count = rows - first if count is None else min(count, rows - first)
        width = math.prod(self.shape[1:])
        kind = np.dtype(_NUMPY[self.dtype])
        try:
            flat = np.fromfile(
                self.file, kind, count * width, offset=self.offset + first * width * kind.itemsize
            )
        except OSError as error:
            raise BadModelFile(
                f"{self.file} can't be read: {reason(error)}", "Check the file."
            ) from error
        if flat.size != count * width:
            raise BadModelFile(
                f"{self.file} ends within the tensor {self.name}", "Copy or download it again."
            )
        return flat.reshape((count, *self.shape[1:]) if self.shape else ())

    def pieces(self) -> Iterator[Numbers]:
        """All rows in their order, some megabytes at a time."""
        rows = self.shape[0] if self.shape else 1
        step = max(1, _PIECE // max(1, self.size // max(1, rows)))
        for first in range(0, rows, step):
            yield self.read(first, step)

    def part(self, number: int, of: int) -> Stored:
        """One of several equal parts, one above the other; the first is 0."""
        size, shape = self.size // of, (self.shape[0] // of, *self.shape[1:])
        return msgspec.structs.replace(self, offset=self.offset + number * size, shape=shape)

    def floats(self) -> NDArray[np.float32]:
        return as_float32(self.read(), self.dtype)


def as_float32(values: Numbers, dtype: str) -> NDArray[np.float32]:
    """What `Stored.read` gave, in float32."""
    if dtype == "BF16":
        wide: NDArray[np.float32] = (values.astype(np.uint32) << 16).view(np.float32)
        return wide
    return np.asarray(values, np.float32)
