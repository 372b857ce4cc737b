"""Reads the header of a GGUF file, and nothing behind it.

The format is llama.cpp's (`ggml/include/gguf.h`, versions 2 and 3): magic, version, counts, then
key-value pairs, then the name, shape, type and place of each tensor. Everything that llama.cpp
would refuse or choke on is refused here in words; nothing is allocated because a header claims it.
"""

from __future__ import annotations

import math
import struct
from typing import Any

from vlmtui.errors import BadModelFile
from vlmtui.models.gguf.cursor import Cursor
from vlmtui.models.gguf.foreign import SNIFFED_BYTES, not_a_gguf
from vlmtui.models.gguf.header import Array, Header, Tensor, Value
from vlmtui.models.gguf.quants import QUANTS
from vlmtui.models.gguf.source import Source

NEWEST_VERSION = 3

_MOST_PAIRS = 16_384
_MOST_TENSORS = 32_768
_MOST_STRINGS = 4_000_000
"""In arrays, all together: tokens and merges of the largest vocabularies come to 800,000."""

_LONGEST_KEY = 65_535
_LONGEST_NAME = 63  # GGML_MAX_NAME - 1
_MOST_DIMENSIONS = 4
_LARGEST = 2**63 - 1
_KEPT_STRING, _KEPT_NUMBERS = 65_536, 512
_KEPT_IN_ALL = 1_000_000
"""Bytes of strings, and numbers in arrays, that are kept at most; the rest is passed over."""

_STRING, _ARRAY = 8, 9
_NUMBERS = {
    0: struct.Struct("<B"),
    1: struct.Struct("<b"),
    2: struct.Struct("<H"),
    3: struct.Struct("<h"),
    4: struct.Struct("<I"),
    5: struct.Struct("<i"),
    6: struct.Struct("<f"),
    7: struct.Struct("<?"),
    10: struct.Struct("<Q"),
    11: struct.Struct("<q"),
    12: struct.Struct("<d"),
}
_U32, _U64 = _NUMBERS[4], _NUMBERS[10]


def read(source: Source) -> Header:
    """Read the header of one file.

    Returns:
        The header; one that llama.cpp can read, with all its tensors inside the file.

    Raises:
        BadModelFile: It is no GGUF file, or a damaged one; says which and what to do.
    """
    reader = _Reader(source)
    return reader.read()


class _Reader:
    def __init__(self, source: Source) -> None:
        self._name = source.name
        self._cursor = Cursor(source)
        self._strings = 0
        self._kept = 0

    def read(self) -> Header:
        version = self._version()
        cursor = self._cursor
        cursor.within = "its counts"
        tensor_count = self._count("tensors", _MOST_TENSORS)
        pair_count = self._count("metadata entries", _MOST_PAIRS)
        metadata: dict[str, Value] = {}
        for number in range(pair_count):
            cursor.within = f"metadata entry {number + 1} of {pair_count}"
            key = self._string(_LONGEST_KEY)
            if not key or key in metadata:
                raise self._bad(f"metadata key {key!r} is in it twice" if key else "empty key")
            metadata[key] = self._value(key)
        alignment = self._alignment(metadata)
        tensors = self._tensors(tensor_count, alignment)
        end = max((tensor.offset + tensor.size for tensor in tensors), default=cursor.place)
        size = cursor.file_size
        if size is not None and end > size:
            raise self._incomplete(tensors, end, size)
        return Header(
            self._name, version, alignment, metadata, tensors, size if size is not None else end
        )

    def _version(self) -> int:
        beginning = self._cursor.peek(SNIFFED_BYTES)
        if not beginning.startswith(b"GGUF"):
            raise not_a_gguf(self._name, beginning)
        self._cursor.skip(4)
        version = int(self._cursor.value(_U32))
        if version and version & 0xFFFF == 0:
            raise BadModelFile(
                f"{self._name} is a GGUF file for big-endian machines", "Use the little-endian one."
            )
        if version > NEWEST_VERSION:
            raise BadModelFile(
                f"{self._name} is a GGUF file of version {version}; "
                f"this llama.cpp reads up to version {NEWEST_VERSION}",
                "Update vlmtui and llama-cpp-python, or choose an older file of the model.",
            )
        if version == 0:
            raise self._bad("its version is 0")
        if version < 2:
            raise BadModelFile(
                f"{self._name} is a GGUF file of version {version}, which is no longer read",
                "Choose a newer file of the model.",
            )
        return version

    def _count(self, what: str, most: int) -> int:
        count = int(self._cursor.value(_U64))
        if count > most:
            raise self._bad(f"it claims {count:,} {what}")
        return count

    def _string(self, longest: int) -> str:
        size = int(self._cursor.value(_U64))
        if size > longest:
            raise self._bad(f"a name of {size:,} bytes in {self._cursor.within}")
        return self._cursor.text(size)

    def _value(self, key: str) -> Value:
        cursor = self._cursor
        kind = int(cursor.value(_U32))
        if kind == _STRING:
            size = int(cursor.value(_U64))
            if size <= _KEPT_STRING and self._may_keep(size):
                return cursor.text(size)
            cursor.skip(size)
            return Array(size)
        if kind == _ARRAY:
            return self._array(key)
        if kind not in _NUMBERS:
            raise self._bad(f"metadata key {key!r} has the unknown type {kind}")
        return cursor.value(_NUMBERS[kind])

    def _array(self, key: str) -> Value:
        cursor = self._cursor
        kind = int(cursor.value(_U32))
        count = int(cursor.value(_U64))
        if kind == _STRING:
            self._strings += count
            if self._strings > _MOST_STRINGS:
                raise self._bad(f"metadata key {key!r} claims {count:,} strings")
            cursor.skip_strings(count)
            return Array(count)
        if kind not in _NUMBERS:
            raise self._bad(f"metadata key {key!r} is an array of the unknown type {kind}")
        form = _NUMBERS[kind]
        if count <= _KEPT_NUMBERS and self._may_keep(count):
            return cursor.values(form, count)
        cursor.skip(form.size * count)
        return Array(count)

    def _may_keep(self, size: int) -> bool:
        if self._kept + size > _KEPT_IN_ALL:
            return False
        self._kept += size
        return True

    def _alignment(self, metadata: dict[str, Value]) -> int:
        value: Any = metadata.get("general.alignment", 32)
        if not isinstance(value, int) or value <= 0 or value & (value - 1):
            raise self._bad(f"its alignment is {value!r}, and has to be a power of two")
        return value

    def _tensors(self, count: int, alignment: int) -> tuple[Tensor, ...]:
        cursor = self._cursor
        names: set[str] = set()
        found: list[tuple[str, tuple[int, ...], str, int]] = []
        offset = 0
        for number in range(count):
            cursor.within = f"the description of tensor {number + 1} of {count}"
            name, shape, quant, size = self._tensor()
            if name in names:
                raise self._bad(f"tensor {name!r} is in it twice")
            names.add(name)
            if int(cursor.value(_U64)) != offset:
                raise self._bad(f"tensor {name!r} doesn't begin where the one before it ends")
            offset = _padded(offset + size, alignment)
            if offset > _LARGEST:
                raise self._bad("its tensors together are larger than any file")
            found.append((name, shape, quant, size))
        place = _padded(cursor.place, alignment) if count else cursor.place
        tensors = []
        for name, shape, quant, size in found:
            tensors.append(Tensor(name, shape, quant, place, size))
            place = _padded(place + size, alignment)
        return tuple(tensors)

    def _tensor(self) -> tuple[str, tuple[int, ...], str, int]:
        cursor = self._cursor
        name = self._string(_LONGEST_NAME)
        dimensions = int(cursor.value(_U32))
        if dimensions > _MOST_DIMENSIONS:
            raise self._bad(f"tensor {name!r} has {dimensions} dimensions")
        shape = tuple(int(side) for side in cursor.values(_U64, dimensions))
        kind = int(cursor.value(_U32))
        elements = math.prod(shape)
        if elements > _LARGEST or any(side > _LARGEST for side in shape):
            raise self._bad(f"tensor {name!r} has the impossible shape {shape}")
        if kind not in QUANTS:
            raise BadModelFile(
                f"{self._name}: tensor {name!r} is of the type {kind}, "
                "which this llama.cpp does not know",
                "The file is damaged, too new (update llama-cpp-python), or too old: "
                "choose another file of the model.",
            )
        quant = QUANTS[kind]
        row = shape[0] if shape else 1
        if row % quant.elements:
            raise self._bad(
                f"the rows of tensor {name!r} can't be {quant.name}: "
                f"{row} is not a multiple of {quant.elements}"
            )
        return name, shape, quant.name, elements // quant.elements * quant.size

    def _bad(self, what: str) -> BadModelFile:
        return BadModelFile(
            f"{self._name} has an impossible header: {what}",
            "The file is damaged: download it again.",
        )

    def _incomplete(self, tensors: tuple[Tensor, ...], end: int, size: int) -> BadModelFile:
        whole = sum(tensor.offset + tensor.size <= size for tensor in tensors)
        return BadModelFile(
            f"{self._name} is cut off: {end - size:,} of {end:,} bytes are missing "
            f"({whole} of {len(tensors)} tensors are there)",
            "The download was not complete: download it again.",
        )


def _padded(offset: int, alignment: int) -> int:
    return (offset + alignment - 1) // alignment * alignment
