"""PNG pictures a block of lines at a time, so that a large one never lies in memory as a whole.

Pillow decodes a PNG only as a whole. Here the stream is inflated piece by piece; each piece, behind
the line before it, is a small picture of its own to Pillow's decoder, which undoes the filters.
Interlaced pictures and those of 16 bits in three or four channels are left to Pillow.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

import msgspec

if TYPE_CHECKING:
    from PIL import Image

_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""By colour type: grey, RGB, palette, grey with alpha, RGBA."""

_RAW_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
"""In what mode lines are unfiltered, by the bytes from one pixel to the next."""

_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}

_PIECE = 1 << 16


class Header(msgspec.Struct, frozen=True):
    """What the first chunk of a PNG says."""

    width: int
    height: int
    depth: int
    """Bits of a sample."""

    color: int
    """A key of `_CHANNELS`."""

    interlaced: bool

    @property
    def in_blocks(self) -> bool:
        return not self.interlaced and self.step in _RAW_MODES

    @property
    def step(self) -> int:
        """Bytes from one pixel to the next, as the filters count them."""
        return max(1, _CHANNELS[self.color] * self.depth // 8)

    @property
    def line(self) -> int:
        return (self.width * _CHANNELS[self.color] * self.depth + 7) // 8


def header(file: BinaryIO) -> Header:
    """Read the first chunk; the file is at its beginning afterwards.

    Raises:
        ValueError: There can't be such a picture.
    """
    start = file.read(29)
    file.seek(0)
    if len(start) < 29 or start[12:16] != b"IHDR":
        raise ValueError("its header is cut off")
    width, height, depth, color, packing, filters, interlaced = struct.unpack(
        ">IIBBBBB", start[16:29]
    )
    if not width or not height or depth not in _DEPTHS.get(color, ()) or packing or filters:
        raise ValueError("its header makes no sense")
    return Header(width, height, depth, color, bool(interlaced))


def bands(file: BinaryIO, head: Header, rows: int) -> Iterator[Image.Image]:
    """The picture from top to bottom, so many lines at a time, in whatever mode it is.

    Raises:
        ValueError: The file is damaged.
        EOFError: It is cut off.
        zlib.error: It is damaged.
    """
    from PIL import Image

    content = _Content(file)
    mode = _RAW_MODES[head.step]
    width = head.line // head.step
    above = b""
    for top in range(0, head.height, rows):
        count = min(rows, head.height - top)
        lines = content.read(count * (1 + head.line))
        if above:
            lines = b"\0" + above + lines
        packed = zlib.compress(lines, 0)
        before = 1 if above else 0
        raw = Image.frombytes(mode, (width, count + before), packed, "zip", mode, 0)
        above = raw.crop((0, raw.height - 1, width, raw.height)).tobytes()
        yield _colored(raw.crop((0, before, width, raw.height)) if before else raw, head, content)


class _Content:
    """The chunks of a PNG: palette and transparency, and the inflated lines."""

    def __init__(self, file: BinaryIO) -> None:
        self.palette = b""
        self.transparency = b""
        self._file = file
        self._left = 0
        self._inflate = zlib.decompressobj()
        self._packed = b""
        file.seek(8)
        while (kind := self._enter()) != b"IDAT":
            content = file.read(min(self._left, 768))
            if kind == b"PLTE":
                self.palette = content
            elif kind == b"tRNS":
                self.transparency = content
            file.seek(self._left - len(content) + 4, 1)

    def read(self, size: int) -> bytes:
        pieces = []
        while size:
            if not self._packed and not self._inflate.eof:
                self._packed = self._more()
            piece = self._inflate.decompress(self._packed, size)
            self._packed = self._inflate.unconsumed_tail
            if not piece and self._inflate.eof:
                raise EOFError("it has fewer lines than it says")
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)

    def _more(self) -> bytes:
        while not self._left:
            self._file.seek(4, 1)  # the checksum
            if self._enter() != b"IDAT":
                raise EOFError("its pixels are cut off")
        piece = self._file.read(min(self._left, _PIECE))
        if not piece:
            raise EOFError("its pixels are cut off")
        self._left -= len(piece)
        return piece

    def _enter(self) -> bytes:
        start = self._file.read(8)
        if len(start) < 8:
            raise EOFError("its pixels are cut off")
        self._left = int.from_bytes(start[:4], "big")
        return start[4:]


def _colored(raw: Image.Image, head: Header, content: _Content) -> Image.Image:
    from PIL import Image

    size = (head.width, raw.height)
    if head.color == 3:
        signs = "P" if head.depth == 8 else f"P;{head.depth}"
        image = Image.frombytes("P", size, raw.tobytes(), "raw", signs)
        _give_palette(image, content)
        return image
    if head.depth == 16:  # the high bytes alone; the low ones nobody can see
        channels = raw.split()
        return channels[0] if head.color == 0 else Image.merge("LA", (channels[0], channels[2]))
    if head.depth == 1:
        image = Image.frombytes("1", size, raw.tobytes()).convert("L")
    elif head.depth < 8:
        image = Image.frombytes("L", size, raw.tobytes(), "raw", f"L;{head.depth}")
    else:
        image = raw
    if clear := _clear_color(head, content.transparency):
        image.info["transparency"] = clear if head.color == 2 else clear[0]
    return image


def _give_palette(image: Image.Image, content: _Content) -> None:
    if not content.palette:
        raise ValueError("its palette is missing")
    image.putpalette(content.palette)
    if content.transparency:
        image.info["transparency"] = content.transparency[: len(content.palette) // 3]


def _clear_color(head: Header, transparency: bytes) -> tuple[int, ...]:
    """The one colour that stands for nothing, as samples of 8 bits."""
    wanted = {0: 1, 2: 3}.get(head.color, 0)
    if not wanted or len(transparency) < 2 * wanted:
        return ()
    scale = 255 // ((1 << head.depth) - 1)
    return tuple(
        scale * int.from_bytes(transparency[2 * i : 2 * i + 2], "big") for i in range(wanted)
    )
