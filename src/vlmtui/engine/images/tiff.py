"""The directory of a TIFF, without the tags that its pixels don't need.

A TIFF keeps metadata and what its decoder must know in one list; libtiff writes warnings about what
it doesn't know to the terminal, and Pillow gives up on what it can't read. This module decodes
nothing.
"""

from __future__ import annotations

import struct
from typing import BinaryIO

from vlmtui.engine.images.excerpt import Part
from vlmtui.engine.images.orientation import exif_orientation

NEEDED = {
    *range(254, 260),  # kind, width, height, depth, packing
    *(262, 266, 273, 277, 278, 279, 284, 292, 293, 317, 320, 338, 339, 347),
    *range(322, 326),  # tiles
    *range(512, 522),  # JPEG of old
    *range(529, 533),  # how its colours are coded
}
"""Tags that pixels can't be had without."""


def listed(file: BinaryIO) -> tuple[str, bool, int, list[bytes]]:
    """The first directory: its order of bytes, whether it is a BigTIFF's, its place, its entries.

    Raises:
        struct.error: It is cut off.
    """
    file.seek(0)
    head = file.read(16)
    order = "<" if head[:2] == b"II" else ">"
    big = 43 in head[2:4]
    counts, size = ("Q", 20) if big else ("H", 12)
    (start,) = struct.unpack_from(order + ("Q" if big else "I"), head, 8 if big else 4)
    file.seek(start)
    (count,) = struct.unpack(order + counts, file.read(struct.calcsize(counts)))
    content = file.read(min(count, 65_535) * size)
    entries = [content[at : at + size] for at in range(0, len(content) - size + 1, size)]
    return order, big, start, entries


def pictured(file: BinaryIO, end: int) -> tuple[int, tuple[Part, ...]]:
    """The orientation of the first picture, and the file with the tags alone that it needs.

    Raises:
        struct.error: It is cut off.
    """
    order, big, start, entries = listed(file)
    counts, after = ("Q", 8) if big else ("H", 4)
    kept = [each for each in entries if struct.unpack_from(order + "H", each)[0] in NEEDED]
    directory = struct.pack(order + counts, len(kept)) + b"".join(kept) + bytes(after)
    whole = struct.calcsize(counts) + sum(map(len, entries)) + after
    parts = ((0, start), directory, (min(start + len(directory), end), end))
    if start + len(directory) > end or len(directory) > whole:
        raise struct.error
    return _orientation(order, entries, big), parts


def _orientation(order: str, entries: list[bytes], big: bool) -> int:
    """The orientation among the tags, which are read as if they stood in EXIF."""
    if big:
        unpacked = [struct.unpack(f"{order}HHQ4s4x", each) for each in entries]
        short = [(tag, kind, min(n, 2**32 - 1), value) for tag, kind, n, value in unpacked]
        entries = [struct.pack(f"{order}HHI4s", *each) for each in short]
    head = b"II*\0" if order == "<" else b"MM\0*"
    listed = struct.pack(f"{order}IH", 8, len(entries)) + b"".join(entries)
    return exif_orientation(head + listed)
