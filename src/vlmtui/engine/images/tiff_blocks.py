"""TIFF pictures a block of lines at a time, so that a large one never lies in memory as a whole.

Pillow decodes a TIFF only as a whole. Its strips, or rows of its tiles, can be decoded alone: here
some of them at a time become a small TIFF of their own, with the tags of the large one. One strip
of all lines is cut where it isn't packed, and inflated piece by piece where it is deflated.
"""

from __future__ import annotations

import io
import math
import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import BinaryIO

import msgspec

from vlmtui.engine.images import tiff
from vlmtui.engine.images.excerpt import Excerpt, Part, Span

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _COLORS, _SAMPLES = 256, 257, 258, 259, 262, 277
_ROWS, _PLANES, _FORMAT, _TILE_WIDTH, _TILE_HEIGHT = 278, 284, 339, 322, 323
_STRIPS, _TILES = (273, 279), (324, 325)
"""Where the strips, or the tiles, begin, and how long they are."""

_DEFLATE = {8, 32946}
_RAW, _SEPARATE = 1, 2
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _YCBCR = 0, 1, 6
_UNSIGNED = {1, 4}
"""Formats of samples whose brightness doesn't depend on the least and greatest of the picture."""

_ALONE = {_RAW, 2, 3, 4, 5, 7, 8, 32773, 32946, 34925, 50000, 50001}
"""Ways of packing in which a strip needs no other: all but JPEG of old."""

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8}
_INTEGERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q"}
_LONG = 4

_LARGEST_VALUE = 16 << 20
"""Bytes of a tag; one of each strip's place may have many."""

RAW_STRIP = 1 << 16
"""Bytes in which unpacked lines are read, where they are all one strip."""

_PIECE = 1 << 16

_Tag = tuple[int, int, bytes]
"""Type, count and value of a tag."""


class Header(msgspec.Struct, frozen=True):
    """What the directory of a TIFF says, where it can be read in blocks."""

    order: str
    """Of bytes, as `struct` calls it."""

    tags: dict[int, tuple[int, int, bytes]]
    """Those that its pixels need, but for the places of its strips or tiles."""

    width: int
    height: int
    broad: int
    """Width that is decoded; of tiles it may be more than what is seen."""

    rows: int
    """Lines of a strip, or of a row of tiles."""

    across: int
    """Tiles side by side; 1 of strips."""

    pixel_bytes: float
    """Of a pixel that is unpacked."""

    planes: int
    """More than 1 where the colours lie apart."""

    spans: tuple[tuple[int, int], ...]
    """Where each strip or tile lies in the file."""

    inflated: bool
    """Whether there is but one strip, which is inflated some lines at a time."""

    stored: bool
    """Whether strips that aren't packed are given to libtiff as if they were deflated, since Pillow
    itself takes them for something else."""

    negative: bool
    """Whether 0 is white, of 16 bits, which Pillow doesn't heed."""

    @property
    def down(self) -> int:
        """How many strips or rows of tiles there are."""
        return -(-self.height // self.rows)

    def step(self, factor: int, block_bytes: int) -> int:
        """Strips, or rows of tiles, to decode at once: a multiple of the factor in lines.

        Args:
            factor: What the number of lines must be a multiple of, but for the last.
            block_bytes: About how much of pixels to decode at once.
        """
        least = factor // math.gcd(self.rows, factor)
        return max(1, block_bytes // (least * self.rows * self.broad * 4)) * least

    def packed(self, first: int, count: int) -> list[Span]:
        """Where some strips, or rows of tiles, lie."""
        if self.inflated:
            return [(0, int(count * self.rows * self.broad * self.pixel_bytes))]
        last, each = min(first + count, self.down) * self.across, self.down * self.across
        return [
            span
            for plane in range(self.planes)
            for span in self.spans[plane * each + first * self.across : plane * each + last]
        ]


def header(file: BinaryIO) -> Header | None:
    """Read the directory; None where the picture can only be read whole, or not at all."""
    try:
        order, tags = _tags(file)
        return _header(order, tags)
    except (struct.error, KeyError, ValueError, IndexError, ZeroDivisionError):
        return None


def blocks(file: BinaryIO, head: Header, count: int) -> Iterator[BinaryIO]:
    """The picture from top to bottom, so many strips or rows of tiles at a time as a TIFF.

    Raises:
        EOFError: The file is cut off.
        zlib.error: It is damaged.
    """
    if not head.inflated:
        for first in range(0, head.down, count):
            yield block(file, head, first, count)
        return
    line = _line_bytes(head.width, head.pixel_bytes)
    ((place, end),) = head.spans
    inflate = zlib.decompressobj()
    for row in range(0, head.height, count * head.rows):
        rows = min(count * head.rows, head.height - row)
        lines = bytearray()
        while len(lines) < rows * line:
            packed = inflate.unconsumed_tail
            if not packed:
                file.seek(place)
                packed = file.read(min(_PIECE, end - place))
                place += len(packed)
            piece = inflate.decompress(packed, rows * line - len(lines))
            if not piece and not packed:
                raise EOFError("its pixels are cut off")
            lines += piece
        yield _small(file, head, rows, rows, [zlib.compress(lines, 0)])


def block(file: BinaryIO, head: Header, first: int, count: int) -> BinaryIO:
    """Some strips, or rows of tiles, as a TIFF.

    Args:
        file: The whole TIFF.
        head: What `header` said.
        first: The first strip or row of tiles.
        count: How many; at the end of the picture there may be fewer.
    """
    rows = min(count * head.rows, head.height - first * head.rows)
    parts: list[Part] = []
    for begin, end in head.packed(first, count):
        if head.stored:
            file.seek(begin)
            parts.append(zlib.compress(file.read(end - begin), 0))
        else:
            parts.append((begin, end))
    return _small(file, head, rows, head.rows, parts)


def _small(file: BinaryIO, head: Header, height: int, rows: int, parts: Sequence[Part]) -> BinaryIO:
    """A TIFF of these strips, of so many rows each, or tiles."""
    sizes = [len(part) if isinstance(part, bytes) else part[1] - part[0] for part in parts]
    at, lengths = _TILES if _TILE_WIDTH in head.tags else _STRIPS
    tags = {**head.tags, _HEIGHT: _long(head, height), lengths: _long(head, *sizes)}
    if at == _STRIPS[0]:
        tags[_ROWS] = _long(head, rows)
    places = [0] * len(parts)
    tags[at] = _long(head, *places)
    place = len(_directory(head.order, tags))
    for number, size in enumerate(sizes):
        places[number] = place
        place += size
    tags[at] = _long(head, *places)
    return io.BufferedReader(Excerpt(file, (_directory(head.order, tags), *parts)), 1 << 16)


def _long(head: Header, *values: int) -> _Tag:
    return _LONG, len(values), struct.pack(f"{head.order}{len(values)}I", *values)


def _directory(order: str, tags: dict[int, _Tag]) -> bytes:
    """The head of a TIFF with these tags alone; its strips go behind it."""
    listed, behind = b"", b""
    start = 8 + 2 + 12 * len(tags) + 4
    for tag, (kind, count, value) in sorted(tags.items()):
        listed += struct.pack(f"{order}HHI", tag, kind, count)
        if len(value) <= 4:
            listed += value.ljust(4, b"\0")
        else:
            listed += struct.pack(f"{order}I", start + len(behind))
            behind += value + bytes(len(value) % 2)
    magic = b"II*\0" if order == "<" else b"MM\0*"
    return magic + struct.pack(f"{order}IH", 8, len(tags)) + listed + bytes(4) + behind


def _tags(file: BinaryIO) -> tuple[str, dict[int, _Tag]]:
    order, big, _, entries = tiff.listed(file)
    inline = 8 if big else 4
    tags: dict[int, _Tag] = {}
    for entry in entries:
        tag, kind, count = struct.unpack_from(f"{order}HH{'Q' if big else 'I'}", entry)
        size = _SIZES.get(kind, 0) * count
        if tag not in tiff.NEEDED or tag in tags:
            continue
        if not 0 < size <= _LARGEST_VALUE:
            raise ValueError("a tag that is needed makes no sense")
        value = entry[-inline:][:size]
        if size > inline:
            file.seek(struct.unpack(order + ("Q" if big else "I"), entry[-inline:])[0])
            value = file.read(size)
        tags[tag] = (kind, count, value)
    return order, tags


def _header(order: str, tags: dict[int, _Tag]) -> Header | None:
    def numbers(tag: int, default: int | None = None) -> tuple[int, ...]:
        if tag not in tags and default is not None:
            return (default,)
        kind, count, value = tags[tag]
        return struct.unpack(f"{order}{count}{_INTEGERS[kind]}", value)

    width, height = numbers(_WIDTH)[0], numbers(_HEIGHT)[0]
    packing = numbers(_COMPRESSION, _RAW)[0]
    colors = numbers(_COLORS, 0)[0]
    bits = numbers(_BITS, 1)[0]
    if packing not in _ALONE or bits > 16 or not _UNSIGNED.issuperset(numbers(_FORMAT, 1)):
        return None
    planes = numbers(_SAMPLES, 1)[0] if numbers(_PLANES, 1)[0] == _SEPARATE else 1
    tiled = _TILES[0] in tags
    rows = min(numbers(_TILE_HEIGHT if tiled else _ROWS, height)[0], 1 << 31)
    rows = rows if tiled else min(rows, height)
    broad = numbers(_TILE_WIDTH)[0] if tiled else width
    across = -(-width // broad)
    at, lengths = (numbers(tag) for tag in (_TILES if tiled else _STRIPS))
    spans = [(begin, begin + size) for begin, size in zip(at, lengths, strict=True)]
    if len(spans) != planes * across * -(-height // rows) or not width:
        return None
    stored = packing == _RAW and (planes > 1 or colors == _YCBCR)
    if (
        packing == _RAW
        and not tiled
        and rows == height
        and colors != _YCBCR
        and not any(n % height for n in lengths)
    ):
        rows = max(1, min(height, RAW_STRIP // (max(lengths) // height)))
        spans = [part for span in spans for part in _split(span, height, rows)]
    pixel = bits * numbers(_SAMPLES, 1)[0] / planes / 8
    inflated = packing in _DEFLATE and not tiled and len(spans) == 1
    if inflated:
        rows = max(1, min(height, RAW_STRIP // _line_bytes(width, pixel)))
    kept = {tag: value for tag, value in tags.items() if tag not in {*_STRIPS, *_TILES, _ROWS}}
    if stored:
        kept[_COMPRESSION] = (3, 1, struct.pack(order + "H", 8))
    negative = colors == _WHITE_IS_ZERO and bits == 16
    if negative:
        kept[_COLORS] = (3, 1, struct.pack(order + "H", _BLACK_IS_ZERO))
    return Header(
        order,
        kept,
        width,
        height,
        across * broad,
        rows,
        across,
        pixel,
        planes,
        tuple(spans),
        inflated,
        stored,
        negative,
    )


def _line_bytes(width: int, pixel: float) -> int:
    return math.ceil(width * pixel)


def _split(span: Span, height: int, rows: int) -> Iterator[Span]:
    line = (span[1] - span[0]) // height
    for row in range(0, height, rows):
        yield span[0] + row * line, span[0] + min(row + rows, height) * line
