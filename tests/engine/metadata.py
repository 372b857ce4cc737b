"""Pictures whose metadata is broken in the ways that cameras, editors and bad copies break it."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator

from PIL import Image
from PIL.Image import Transpose

RED, GREEN, BLUE, GREY = (220, 20, 20), (20, 200, 20), (20, 20, 220), (128, 128, 128)
CORNERS = (RED, GREEN, BLUE, GREY)
"""Of the upright picture: top left, top right, bottom left, bottom right."""

SIZE = (96, 64)

LYING = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_90,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_270,
}
"""What makes the picture that an orientation turns upright."""

Entry = tuple[int, int, int, bytes]
"""Tag, type, count, and the four bytes of value or offset."""


def scene(size: tuple[int, int] = SIZE) -> Image.Image:
    """A picture with another colour in each corner."""
    image = Image.new("RGB", size)
    wide, high = size[0] // 2, size[1] // 2
    for number, color in enumerate(CORNERS):
        left, top = number % 2 * wide, number // 2 * high
        image.paste(color, (left, top, left + wide, top + high))
    return image


def lying(orientation: int, size: tuple[int, int] = SIZE) -> Image.Image:
    """The same, as a camera held so would store it."""
    image = scene(size)
    return image.transpose(LYING[orientation]) if orientation in LYING else image


def corners(image: Image.Image) -> list[tuple[int, ...]]:
    """The colour that each corner shows most of."""
    wide, high = image.size
    places = [(x, y) for y in (high // 4, 3 * high // 4) for x in (wide // 4, 3 * wide // 4)]
    found = [image.getpixel(place) for place in places]
    return [
        min(CORNERS, key=lambda c: sum(abs(a - b) for a, b in zip(c, f, strict=True)))
        for f in found
    ]


def _tag(order: str, orientation: int) -> Entry:
    return (0x0112, 3, 1, struct.pack(f"{order}HH", orientation, 0))


def _with(*entries: tuple[int, int, int, int]) -> Callable[[str, int], list[Entry]]:
    """Orientation among other tags, which are given as tag, type, count, value."""

    def make(order: str, orientation: int) -> list[Entry]:
        others = [
            (tag, kind, n, struct.pack(f"{order}I", value)) for tag, kind, n, value in entries
        ]
        return sorted([*others, _tag(order, orientation)])

    return make


def _typed(kind: int, sign: str, count: int = 1) -> Callable[[str, int], list[Entry]]:
    def make(order: str, orientation: int) -> list[Entry]:
        value = struct.pack(order + sign, orientation).ljust(4, b"\0")
        return [(0x0112, kind, count, value)]

    return make


BROKEN: dict[str, Callable[[str, int], list[Entry]]] = {
    "nothing": _with(),
    "a resolution of 0/0": _with((0x011A, 5, 1, 0x1000), (0x011B, 5, 1, 0x1000)),
    "a resolution as text": _with((0x011A, 2, 4, 0x20202020), (0x0128, 2, 2, 0x20)),
    "an artist who is a number": _with((0x013B, 5, 1, 8)),
    "an artist who is a double": _with((0x013B, 12, 1, 8)),
    "a date that is numbers": _with((0x0132, 4, 1, 2026)),
    "two resolution units": _with((0x0128, 3, 2, 0x00020002)),
    "a tag of no type": _with((0x010E, 99, 1, 0)),
    "a tag without end": _with((0x010F, 2, 0x7FFFFFFF, 0)),
    "a tag behind the end": _with((0x0110, 2, 40, 0x7FFFFFF0)),
    "a directory behind the end": _with((0x8769, 4, 1, 0x7FFFFFF0)),
    "a directory within itself": _with((0x8769, 4, 1, 8)),
    "a directory that is text": _with((0x8825, 2, 4, 0x20202020)),
    "an orientation of one byte": _typed(1, "B"),
    "an orientation of four bytes": _typed(4, "I"),
    "a signed orientation": _typed(8, "h"),
    "two orientations": lambda order, orientation: [
        (0x0112, 3, 2, struct.pack(f"{order}HH", orientation, orientation))
    ],
}


def exif(order: str, entries: list[Entry]) -> bytes:
    """An EXIF block, from its TIFF header on."""
    head = b"II*\0" if order == "<" else b"MM\0*"
    body = b"".join(struct.pack(f"{order}HHI", *e[:3]) + e[3] for e in entries)
    return head + struct.pack(f"{order}IH", 8, len(entries)) + body + bytes(4)


def chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def jpeg(image: Image.Image, block: bytes) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=95)
    data = b"Exif\0\0" + block
    segment = b"\xff\xe1" + struct.pack(">H", len(data) + 2) + data
    return file.getvalue()[:2] + segment + file.getvalue()[2:]


def png(image: Image.Image, block: bytes, *, behind: bool = False) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    whole = file.getvalue()
    place = len(whole) - 12 if behind else 33
    return whole[:place] + chunk(b"eXIf", block) + whole[place:]


def webp(image: Image.Image, block: bytes) -> bytes:
    file = io.BytesIO()
    image.save(file, "WEBP", lossless=True, exif=b"Exif\0\0" + block)
    return file.getvalue()


def tiff(image: Image.Image, order: str, entries: list[Entry]) -> bytes:
    """Without compression, the entries in the directory of the picture itself."""
    pixels = image.tobytes()

    def entry(tag: int, kind: int, count: int, value: int) -> Entry:
        packed = struct.pack(
            order + ("HH" if kind == 3 else "I"), *((value, 0) if kind == 3 else (value,))
        )
        return (tag, kind, count, packed)

    own = [
        entry(0x100, 3, 1, image.width),
        entry(0x101, 3, 1, image.height),
        (0x102, 3, 3, struct.pack(f"{order}I", 8 + len(pixels))),
        entry(0x103, 3, 1, 1),
        entry(0x106, 3, 1, 2),
        entry(0x111, 4, 1, 8),
        entry(0x115, 3, 1, 3),
        entry(0x116, 3, 1, image.height),
        entry(0x117, 4, 1, len(pixels)),
    ]
    both = sorted([*own, *entries])
    head = b"II*\0" if order == "<" else b"MM\0*"
    body = b"".join(struct.pack(f"{order}HHI", *e[:3]) + e[3] for e in both)
    depths = struct.pack(f"{order}HHH", 8, 8, 8)
    start = 8 + len(pixels) + len(depths)
    directory = struct.pack(f"{order}H", len(both)) + body + bytes(4)
    return head + struct.pack(f"{order}I", start) + pixels + depths + directory


def files() -> Iterator[tuple[str, bytes]]:
    """Each format, turned each way, with each kind of broken metadata; and what to call it."""
    for number, (broken, make) in enumerate(BROKEN.items()):
        for orientation in range(1, 9):
            order = "<>"[(number + orientation) % 2]
            entries = make(order, orientation)
            block, image = exif(order, entries), lying(orientation)
            for name, data in (
                ("JPEG", jpeg(image, block)),
                ("PNG", png(image, block)),
                ("PNG behind", png(image, block, behind=True)),
                ("WEBP", webp(image, block)),
                ("TIFF", tiff(image, order, entries)),
            ):
                yield f"{name}, orientation {orientation}, {broken}", data
