"""How a picture is turned, read from metadata of which anything else may be broken."""

from __future__ import annotations

import re
import struct
import zlib

_ORIENTATION = 0x0112
_INTEGERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 16: "Q"}
"""Types of a tag that can hold an orientation, as `struct` calls them. It should be a 3."""

_XMP_ORIENTATION = re.compile(rb"""tiff:Orientation\s*(?:=\s*["']|>)\s*([1-8])""")

LARGEST_METADATA = 1 << 20
"""Bytes in which an orientation is looked for; EXIF has 64 KiB at most."""


def exif_orientation(data: bytes) -> int:
    """The orientation in EXIF, however broken the rest of it is; 1 where it says none.

    Args:
        data: From the "Exif" marker or from the TIFF header on.
    """
    data = data.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None:
        return 1
    try:
        (start,) = struct.unpack_from(f"{order}I", data, 4)
        (count,) = struct.unpack_from(f"{order}H", data, start)
        for entry in range(start + 2, start + 2 + 12 * count, 12):
            tag, kind, values = struct.unpack_from(f"{order}HHI", data, entry)
            if tag == _ORIENTATION:
                return _known(_tag_value(data, order, kind, values, entry + 8))
    except struct.error:  # it ends too early
        pass
    return 1


def _tag_value(data: bytes, order: str, kind: int, count: int, place: int) -> int:
    if kind == 2:  # text
        digit = data[place : place + 1]
        return int(digit) if digit.isdigit() else 1
    if kind not in _INTEGERS:
        return 1
    size = struct.calcsize(_INTEGERS[kind])
    if size * count > 4:
        (place,) = struct.unpack_from(f"{order}I", data, place)
    return int(struct.unpack_from(order + _INTEGERS[kind], data, place)[0])


def xmp_orientation(data: bytes) -> int:
    """The orientation in XMP; 1 where it says none."""
    found = _XMP_ORIENTATION.search(data)
    return int(found[1]) if found else 1


def _known(orientation: int) -> int:
    return orientation if 1 <= orientation <= 8 else 1


def in_jpeg_segment(data: bytes) -> int:
    """The orientation in an APP1 segment; 1 where it says none."""
    if data.startswith(b"Exif\0\0"):
        return exif_orientation(data)
    if data.startswith(b"http://ns.adobe.com/xap/"):
        return xmp_orientation(data)
    return 1


def in_png_text(data: bytes) -> int:
    """The orientation in a text chunk: in XMP, or EXIF as the digits that older programs write."""
    keyword, _, rest = data.partition(b"\0")
    if keyword == b"XML:com.adobe.xmp":
        packed = rest[:1] == b"\1"
        text = rest.split(b"\0", 3)[-1]
        return xmp_orientation(_unpacked(text) if packed else text)
    if keyword not in (b"Raw profile type exif", b"Raw profile type APP1"):
        return 1
    text = rest if rest[:1] == b"\n" else _unpacked(rest[1:])
    digits = b"".join(text.split()[2:])
    try:
        return exif_orientation(bytes.fromhex(digits.decode("ascii")))
    except ValueError:
        return 1


def _unpacked(data: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, LARGEST_METADATA)
    except zlib.error:
        return b""
