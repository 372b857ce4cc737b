"""What a picture file is by its first bytes, how it is turned, and its bytes without the metadata.

Decoders read metadata before pixels, and give up on a photo for one bad tag of it. So the only
thing that is wanted of it, the orientation, is read here, and JPEG and PNG decoders see a file that
has none. This module decodes nothing and imports no Pillow.
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import BinaryIO

import msgspec

from vlmtui.engine.images import tiff
from vlmtui.engine.images.excerpt import Excerpt, Part, Span
from vlmtui.engine.images.orientation import (
    LARGEST_METADATA,
    exif_orientation,
    in_jpeg_segment,
    in_png_text,
    xmp_orientation,
)

_AVIF_BRANDS = {b"avif", b"avis"}
_HEIF_BRANDS = {
    *(b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"),
    *(b"mif1", b"mif2", b"msf1"),
}
_MAGIC = (
    (b"\xff\xd8", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF8", "GIF"),
    (b"BM", "BMP"),
    *((magic, "TIFF") for magic in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"MM*\0", b"II\0*")),
)


class Container(msgspec.Struct, frozen=True):
    """A picture file, seen from outside."""

    format: str
    """As Pillow calls it: "JPEG", "PNG", …; empty for a file that is none we read."""

    orientation: int = 1
    """EXIF's, 1 to 8. Of AVIF it is the decoder's to say, and stays 1 here."""

    parts: tuple[Part, ...] = ()
    """What of the file its decoder needs; empty for all of it."""

    scans: int = 0
    """Of a progressive JPEG, how many passes over the picture there are; 0 for other pictures."""

    ended: bool = True
    """Whether the end of a JPEG is there."""


def look(file: BinaryIO) -> Container:
    """What a file is; it is at its beginning afterwards.

    Raises:
        OSError: It can't be read.
    """
    file.seek(0)
    head = file.read(4096)
    kind = _format(head)
    try:
        if kind == "JPEG":
            return _jpeg(file)
        if kind == "PNG":
            return _png(file)
        if kind == "WEBP":
            return Container("WEBP", _in_webp(file))
        if kind == "TIFF":
            with suppress(struct.error):
                return Container("TIFF", *tiff.pictured(file, file.seek(0, io.SEEK_END)))
        return Container(kind)
    finally:
        file.seek(0)


def _format(head: bytes) -> str:
    if head[4:8] == b"ftyp":
        size = struct.unpack(">I", head[:4])[0]
        brands = {head[start : start + 4] for start in (8, *range(16, min(size, len(head)), 4))}
        # AVIF first: such a file is also "mif1", which says nothing of the codec
        if brands & _AVIF_BRANDS:
            return "AVIF"
        return "HEIF" if brands & _HEIF_BRANDS else ""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    return next((kind for magic, kind in _MAGIC if head.startswith(magic)), "")


# ---------------------------------------------------------------------- JPEG

_NO_LENGTH = {0x01, *range(0xD0, 0xD9)}
_START_OF_SCAN, _END = 0xDA, 0xD9
_PROGRESSIVE = {0xC2, 0xC6, 0xCA, 0xCE}
_SKIPPED = {*range(0xE1, 0xEE), 0xEF, 0xFE}
"""APP1 to APP15 and comments, but for APP14, which says how colours are stored."""

_COLOR_BYTES = {0xE0: 16, 0xEE: 16}
"""Of APP0 and APP14, which say that: with fewer bytes they say nothing, and decoders give up."""


def _jpeg(file: BinaryIO) -> Container:
    spans: list[Span] = [(0, 2)]
    orientation = 1
    progressive = False
    place = 2
    end = file.seek(0, io.SEEK_END)
    for marker, begin, place in _segments(file, end):
        if marker == 0xE1 and orientation == 1:
            orientation = in_jpeg_segment(_part(file, begin + 4, place))
        progressive = progressive or marker in _PROGRESSIVE
        if marker not in _SKIPPED and place - begin >= _COLOR_BYTES.get(marker, 0):
            spans.append((begin, place))
    spans.append((place, end))
    ended, scans = _scans(file, place)
    return Container("JPEG", orientation, tuple(spans), scans if progressive else 0, ended)


def _segments(file: BinaryIO, end: int) -> Iterator[tuple[int, int, int]]:
    """Each marker before the pixels, and where its segment begins and ends."""
    place = 2
    while place + 4 <= end:
        file.seek(place)
        head = file.read(4)
        if head[0] != 0xFF:
            return  # nothing that a marker could be: for the decoder to make sense of
        marker = head[1]
        if marker == 0xFF:  # filling
            place += 1
            continue
        if marker in (_START_OF_SCAN, _END):
            return
        size = 2 if marker in _NO_LENGTH else 2 + int.from_bytes(head[2:], "big")
        after = min(place + size, end)
        yield marker, place, after
        place = after


def _scans(file: BinaryIO, start: int) -> tuple[bool, int]:
    """Whether the end of the pixels is there, and how many passes begin before it."""
    scans = 0
    last = b""
    file.seek(start)
    for chunk in iter(lambda: file.read(1 << 20), b""):
        piece = last + chunk
        scans += piece.count(b"\xff\xda")
        if b"\xff\xd9" in piece:
            return True, scans
        last = piece[-1:]  # the marker may be cut in two
    return False, scans


# ---------------------------------------------------------------------- PNG

_NEEDED = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}


def _png(file: BinaryIO) -> Container:
    spans: list[Span] = [(0, 8)]
    orientation = 1
    for kind, begin, after in _chunks(file):
        if kind in _NEEDED:
            if spans[-1][1] == begin:
                spans[-1] = (spans[-1][0], after)
            else:
                spans.append((begin, after))
        elif orientation == 1 and after - begin < LARGEST_METADATA:
            read = _PNG_METADATA.get(kind)
            orientation = read(_part(file, begin + 8, after - 4)) if read else 1
    return Container("PNG", orientation, tuple(spans))


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """Each chunk's kind, and where it begins and ends, up to where the file is no PNG any more."""
    end = file.seek(0, io.SEEK_END)
    place = 8
    while place + 8 <= end:
        file.seek(place)
        size, kind = struct.unpack(">I4s", file.read(8))
        after = min(place + 12 + size, end)
        yield kind, place, after
        if kind == b"IEND":
            return
        place = after


_PNG_METADATA: dict[bytes, Callable[[bytes], int]] = {
    b"eXIf": exif_orientation,
    b"tEXt": in_png_text,
    b"zTXt": in_png_text,
    b"iTXt": in_png_text,
}


# ---------------------------------------------------------------------- WebP


def _in_webp(file: BinaryIO) -> int:
    end = file.seek(0, io.SEEK_END)
    place = 12
    found = 1
    while place + 8 <= end and found == 1:
        file.seek(place)
        kind, size = struct.unpack("<4sI", file.read(8))
        if read := {b"EXIF": exif_orientation, b"XMP ": xmp_orientation}.get(kind):
            found = read(_part(file, place + 8, min(place + 8 + size, end)))
        place += 8 + size + size % 2
    return found


# ---------------------------------------------------------------------- the rest of the file


def _part(file: BinaryIO, begin: int, end: int) -> bytes:
    file.seek(begin)
    return file.read(max(0, min(end - begin, LARGEST_METADATA)))


def pictured(file: BinaryIO, container: Container, behind: bytes = b"") -> BinaryIO:
    """The file as its decoder shall see it: without metadata, and with some bytes behind it."""
    if not container.parts:
        return file
    return io.BufferedReader(Excerpt(file, (*container.parts, behind)), 1 << 16)


_EXIF_ITEM = re.compile(rb"(infe(?:.{8}|.{10}))Exif", re.DOTALL)
"""In the list of what a HEIF container holds: version, number and protection, then the kind."""

_LISTED = 1 << 20
"""Bytes in which that list lies."""


def plain_avif(content: bytes) -> bytes:
    """An AVIF file as its decoder shall see it.

    It finds no EXIF, since its turns stand in the container itself, and a brand that it knows.
    """
    brand = content[8:12] if content[8:12] in _AVIF_BRANDS else b"avif"
    return content[:8] + brand + _EXIF_ITEM.sub(rb"\1Axif", content[12:_LISTED]) + content[_LISTED:]


_DESCRIBES = re.compile(rb"(\0\0..)cdsc", re.DOTALL)
"""What metadata describes: the length and kind of that note."""


def plain_heif(content: bytes) -> bytes:
    """A HEIC file as its decoder shall see it: no metadata is of its picture, so none is read.

    pi-heif ends the process where the name of its kind is damaged.
    """
    return _DESCRIBES.sub(rb"\1free", content)
