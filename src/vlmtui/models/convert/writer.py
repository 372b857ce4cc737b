"""GGUF files, written tensor by tensor; a file that was begun is gone on with.

The format is llama.cpp's (`ggml/include/gguf.h`, version 3).
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from vlmtui.models.convert.plan import TYPES, File, Item

_ALIGNMENT = 32
_UINT32, _INT32, _FLOAT32, _BOOL, _STRING, _ARRAY = 4, 5, 6, 7, 8, 9
_NUMBERS = {_UINT32: "<I", _INT32: "<i", _FLOAT32: "<f", _BOOL: "<?"}

Tell = Callable[[str, int], None]
"""Hears the name of a tensor, and the bytes of all that are done."""


def write(path: Path, file: File, tell: Tell) -> None:
    """Write a file, or the rest of one that was begun with the same header.

    Whatever is in the header decides whether the rest belongs to the beginning, so it has to tell
    the source, too.

    Raises:
        OSError: The disk is full, or can't be written.
        BadModelFile: A tensor can't be read.
    """
    header = encoded(file)
    with open(path, "r+b" if path.exists() else "w+b") as target:
        begun = _begun(target, header, file)
        if begun is None:
            target.seek(0)
            target.truncate()
            target.write(header)
            begun = 0
        else:
            target.seek(len(header) + sum(map(_padded, file.items[:begun])))
            target.truncate()
        done = sum(item.size for item in file.items[:begun])
        for item in file.items[begun:]:
            for size in _write(target, item):
                tell(item.name, done)
                done += size
        target.flush()
        os.fsync(target.fileno())


def _write(target: BinaryIO, item: Item) -> Iterator[int]:
    """Write a tensor; tells the bytes of each of its pieces before it is written."""
    size = 0
    for piece in item.make():
        yield piece.nbytes
        target.write(piece.tobytes())
        size += piece.nbytes
    assert size == item.size, f"{item.name} has {size} bytes, not {item.size}"
    target.write(bytes(_padded(item) - size))


def _begun(target: BinaryIO, header: bytes, file: File) -> int | None:
    """How many tensors of a begun file are whole; None where it is another file."""
    if target.read(len(header)) != header:
        return None
    left = target.seek(0, os.SEEK_END) - len(header)
    for number, item in enumerate(file.items):
        left -= _padded(item)
        if left < 0:
            return number
    return len(file.items)


def _padded(item: Item) -> int:
    return -(-item.size // _ALIGNMENT) * _ALIGNMENT


def encoded(file: File) -> bytes:
    """The header of a file, up to where its first tensor begins."""
    parts = [b"GGUF", struct.pack("<IQQ", 3, len(file.items), len(file.metadata))]
    for key, value in file.metadata.items():
        parts += [_string(key), _value(value)]
    offset = 0
    for item in file.items:
        shape = item.shape[::-1]
        parts.append(_string(item.name))
        parts.append(struct.pack(f"<I{len(shape)}Q", len(shape), *shape))
        parts.append(struct.pack("<IQ", TYPES[item.quant], offset))
        offset += _padded(item)
    header = b"".join(parts)
    return header + bytes(-len(header) % _ALIGNMENT)


def _value(value: Any) -> bytes:
    kind, content = _encoded(value)
    return struct.pack("<I", kind) + content


def _encoded(value: Any) -> tuple[int, bytes]:
    """Type and bytes of a value; whole numbers alone are unsigned, in lists signed."""
    if isinstance(value, list):
        kinds = [_encoded(each) for each in value]
        kind = kinds[0][0] if kinds else _STRING
        if kind == _UINT32:
            content = struct.pack(f"<{len(value)}i", *value)
            kind = _INT32
        else:
            content = b"".join(each for _, each in kinds)
        return _ARRAY, struct.pack("<IQ", kind, len(value)) + content
    if isinstance(value, str):
        return _STRING, _string(value)
    kind = _BOOL if isinstance(value, bool) else _UINT32 if isinstance(value, int) else _FLOAT32
    return kind, struct.pack(_NUMBERS[kind], value)


def _string(text: str) -> bytes:
    content = text.encode("utf-8", "replace")
    return struct.pack("<Q", len(content)) + content
