"""Opened pictures: their size, what decoding them takes, and their pixels from top to bottom.

A source is asked for its pixels at a factor: the block it yields next has a multiple of so many
lines, so that each can be scaled down by itself. What decoders raise, they raise here; the caller
says it in words.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, cast

from vlmtui.engine.images import avif, containers, orientation, png, tiff_blocks, webp
from vlmtui.engine.images.containers import Container

if TYPE_CHECKING:
    from PIL import Image

BLOCK_BYTES = 1 << 20
"""Of pixels that are worked on at a time, where a format yields them in blocks."""

_MODE_BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2}
"""Bytes of a pixel as Pillow holds it; all other modes take 4."""

_BESIDE_HEVC = 0.65
"""Bytes of a pixel that libde265 holds beside it, as measured."""

_OPENING = {"WEBP": 18}
"""Bytes of a pixel, where a decoder holds more than its picture. Of WebP it is animations."""

_WORK_BYTES = 24
"""For each pixel of a block: it is there as decoded, with transparency, on white, as RGB."""

_ENOUGH = 7 / 8
"""Share of its lines that a JPEG must have to be shown without the rest."""

_HELD_BACK = 32
"""Lines that a decoder doesn't show before it has read what follows them."""

_ENOUGH_SCANS = 6
"""Of the ten or so passes of a progressive one."""


class NotInstalled(Exception):
    """The decoder of a format is missing."""


class Source(Protocol):
    """A picture whose header was read."""

    size: tuple[int, int]
    """Width and height as they are stored, in pixels."""

    orientation: int
    """How it must be turned to stand upright: EXIF's 1 to 8."""

    beside: int = 3_000_000
    """Bytes that its decoder and the allocator take, however small it is, as measured."""

    is_whole: bool = False
    """Whether the only block is the whole picture, as 8-bit RGB."""

    def peak(self, size: tuple[int, int]) -> tuple[int, int]:
        """Bytes until the first block, and with a block, when at least this size is wanted."""

    def drafted(self, size: tuple[int, int]) -> tuple[int, int]:
        """The size that `draft` would bring it to."""
        return self.size

    def draft(self, size: tuple[int, int]) -> None:
        """Decode on a smaller scale that gives no less than this, if the format lets one."""
        self.size = self.drafted(size)

    def bands(self, factor: int) -> Iterator[Image.Image]:
        """The pixels, in blocks whose lines are a multiple of the factor, but for the last."""


def open_source(file: BinaryIO, container: Container) -> Source:
    """Read the header of a picture.

    Raises:
        NotInstalled: Its decoder is missing.
        Exception: Whatever a decoder raises on damaged headers.
    """
    if container.format == "PNG":
        head = png.header(file)
        if head.in_blocks:
            return _Png(file, container, head)
    if container.format == "HEIF":
        return _Heif(file)
    if container.format == "TIFF" and (directory := tiff_blocks.header(file)) is not None:
        return _Tiff(file, directory, container.orientation)
    if container.format == "WEBP":
        content = file.read()
        if (found := webp.header(content)) is not None:
            return _WebP(content, found, container.orientation)
    return {"JPEG": _Jpeg, "AVIF": _Avif}.get(container.format, _Pillow)(file, container)


def factors(size: tuple[int, int], wanted: tuple[int, int]) -> tuple[int, int]:
    """By what width and height can be divided block by block, to no less than what is wanted.

    In height it is no more than a block has lines.
    """
    across, down = (max(1, own // side) for own, side in zip(size, wanted, strict=True))
    return across, min(down, max(1, BLOCK_BYTES // (4 * size[0])))


def _rows(width: int, bytes_per_pixel: int, factor: int) -> int:
    """Lines of a block, a multiple of the factor."""
    return max(1, BLOCK_BYTES // (width * bytes_per_pixel) // factor) * factor


def _work(size: tuple[int, int]) -> int:
    """Bytes that a block of a picture takes while it becomes RGB on white."""
    return _WORK_BYTES * min(size[0] * size[1], max(size[0], BLOCK_BYTES // 4))


def _in_rows(image: Image.Image, rows: int) -> Iterator[Image.Image]:
    for top in range(0, image.height, rows):
        yield image.crop((0, top, image.width, min(top + rows, image.height)))


def _cut(data: memoryview, mode: str, size: tuple[int, int], rows: int) -> Iterator[Image.Image]:
    """Samples without gaps as pictures of some lines each."""
    from PIL import Image

    width, height = size
    line = len(mode) * width
    for top in range(0, height, rows):
        count = min(rows, height - top)
        yield Image.frombytes(mode, (width, count), data[top * line : (top + count) * line])


@contextmanager
def _quiet() -> Iterator[None]:
    """Odd metadata is not the user's concern."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


class _Png(Source):
    def __init__(self, file: BinaryIO, container: Container, head: png.Header) -> None:
        self.size = (head.width, head.height)
        self.orientation = container.orientation
        self._file = containers.pictured(file, container)
        self._head = head

    def peak(self, size: tuple[int, int]) -> tuple[int, int]:
        # lines are there packed, unpacked, unfiltered and as colours; as measured, with what the
        # allocator holds of it
        return 0, 2 * _work(self.size)

    def bands(self, factor: int) -> Iterator[Image.Image]:
        rows = _rows(self._head.width, 4, factor)
        return png.bands(self._file, self._head, rows)


class _Tiff(Source):
    beside = 5_000_000

    def __init__(self, file: BinaryIO, head: tiff_blocks.Header, orientation: int) -> None:
        self.size = (head.width, head.height)
        self.orientation = orientation
        self._file = file
        self._head = head
        image = self._opened(tiff_blocks.block(file, head, 0, 1))  # tells what Pillow can't read
        self._pixel_bytes = _MODE_BYTES.get(image.mode, 4)

    def peak(self, size: tuple[int, int]) -> tuple[int, int]:
        step = self._head.step(factors(self.size, size)[1], BLOCK_BYTES)
        lines = min(step, self._head.down) * self._head.rows
        packed = sum(end - begin for begin, end in self._head.packed(0, step))
        # a block lies there packed, unpacked and as Pillow has it; of it a part on white
        block = packed + (self._head.pixel_bytes + self._pixel_bytes) * lines * self._head.broad
        return int(block), self._pixel_bytes * lines * self._head.broad + _work(self.size)

    def bands(self, factor: int) -> Iterator[Image.Image]:
        step = self._head.step(factor, BLOCK_BYTES)
        rows = _rows(self._head.width, 4, factor)
        for content in tiff_blocks.blocks(self._file, self._head, step):
            image = self._opened(content)
            with _quiet():
                image.load()
            yield from _in_rows(image, rows)

    def _opened(self, content: BinaryIO) -> Image.Image:
        from PIL import Image

        Image.MAX_IMAGE_PIXELS = None  # our own limits replace Pillow's
        with _quiet():
            return Image.open(content, formats=("TIFF",))


class _WebP(Source):
    def __init__(self, content: bytes, head: webp.Header, orientation: int) -> None:
        self.size = (head.width, head.height)
        self.orientation = orientation
        self._content = content
        self._head = head

    def peak(self, size: tuple[int, int]) -> tuple[int, int]:
        wide, high = self.drafted(size)
        given = len(self._content) + (4 if self._head.alpha else 3) * wide * high
        # a lossless one lies there as a whole, of a lossy one its transparency
        held = 4 if self._head.lossless else 2 if self._head.alpha else 0
        return given + held * self._head.width * self._head.height, given + _work((wide, high))

    def bands(self, factor: int) -> Iterator[Image.Image]:
        mode = "RGBA" if self._head.alpha else "RGB"
        pixels = memoryview(webp.decode(self._content, self._head, self.size))
        return _cut(pixels, mode, self.size, _rows(self.size[0], 4, factor))

    def drafted(self, size: tuple[int, int]) -> tuple[int, int]:
        """No less than what is wanted, at a whole fraction of each side."""
        own = (self._head.width, self._head.height)
        factor = max(1, min(own[0] // size[0], own[1] // size[1]))
        return -(-own[0] // factor), -(-own[1] // factor)


class _Heif(Source):
    """HEIC: the container's own turns are done by its decoder, and EXIF says nothing of them."""

    orientation = 1
    beside = 14_000_000

    def __init__(self, file: BinaryIO) -> None:
        try:
            import pi_heif
        except ImportError:
            raise NotInstalled from None
        self._heif = pi_heif.open_heif(file, convert_hdr_to_8bit=True)
        self.size: tuple[int, int] = self._heif.size

    def peak(self, size: tuple[int, int]) -> tuple[int, int]:
        pixels = self.size[0] * self.size[1]
        channels = len(self._heif.mode)
        chroma, bits = (self._heif.info.get(key) for key in ("chroma", "bit_depth"))
        depth = 1 if bits == 8 else 2
        alpha = depth if self._heif.mode.endswith("A") else 0
        planes = {400: 1.0, 420: 1.5, 422: 2.0}.get(chroma, 3.0) + alpha
        # libheif makes RGB of all its planes, and of 4:2:2 and 4:4:4 planes that are RGB before
        between = 0 if chroma in (400, 420) else channels
        each = (planes + between) * depth
        decoding = int((each + channels + _BESIDE_HEVC) * pixels)
        return decoding, channels * pixels + _work(self.size)

    def bands(self, factor: int) -> Iterator[Image.Image]:
        from PIL import Image

        heif = self._heif
        del self._heif  # what is made of its pixels comes in their place
        data, mode, stride = memoryview(heif.data), heif.mode, heif.stride
        width, height = self.size
        if heif.size != self.size:
            raise ValueError("its header doesn't have the size of its pixels")
        rows = _rows(width, 4, factor)
        for top in range(0, height, rows):
            count = min(rows, height - top)
            lines = data[top * stride : (top + count) * stride]
            yield Image.frombytes(mode, (width, count), lines, "raw", mode, stride)


class _Pillow(Source):
    """A format that Pillow decodes whole."""

    def __init__(self, file: BinaryIO, container: Container) -> None:
        self._file = file
        self._container = container
        self._image = self._open()
        self.size = self._image.size
        self.is_whole = self._image.mode == "RGB" and "transparency" not in self._image.info
        self._pixel_bytes = _MODE_BYTES.get(self._image.mode, 4)
        self.orientation = container.orientation

    def peak(self, size: tuple[int, int]) -> tuple[int, int]:
        pixels = self.size[0] * self.size[1]
        opening = _OPENING.get(self._container.format, self._pixel_bytes) * pixels
        return opening, self._pixel_bytes * pixels + (0 if self.is_whole else _work(self.size))

    def bands(self, factor: int) -> Iterator[Image.Image]:
        with _quiet():
            image = self._loaded()
        del self._image  # what is made of the blocks comes in its place
        if factor == 1 and self.is_whole:
            yield image  # as it shall be: no second copy
            return
        limits = image.getextrema() if image.mode == "F" else None
        for block in _in_rows(image, _rows(image.width, 4, factor)):
            yield _stretched(block, *cast("tuple[float, float]", limits)) if limits else block

    def _open(self, behind: bytes = b"") -> Image.Image:
        from PIL import Image

        Image.MAX_IMAGE_PIXELS = None  # our own limits replace Pillow's
        kind = self._container.format
        file = containers.pictured(self._file, self._container, behind)
        file.seek(0)
        with _quiet():
            return Image.open(file, formats=(kind,))

    def _loaded(self) -> Image.Image:
        self._image.load()
        return self._image


class _Avif(_Pillow):
    beside = 14_000_000

    def __init__(self, file: BinaryIO, container: Container) -> None:
        self._content = containers.plain_avif(file.read())
        super().__init__(io.BytesIO(self._content), container)
        self.is_whole = self.is_whole and not avif.is_found()
        info = self._image.info
        found = orientation.exif_orientation(info.get("exif") or b"")
        self.orientation = (
            found if found != 1 else orientation.xmp_orientation(info.get("xmp") or b"")
        )

    def peak(self, size: tuple[int, int]) -> tuple[int, int]:
        held = len(self._content) + avif.decoder_bytes(self._content, self.size)
        if avif.is_found():
            return held, held + _work(self.size)
        frame = len(self._image.getbands()) * self.size[0] * self.size[1]
        return held + 2 * frame, held + 2 * frame + _work(self.size)

    def bands(self, factor: int) -> Iterator[Image.Image]:
        if not avif.is_found():
            return super().bands(factor)
        rows = _rows(self.size[0], 4, factor)
        alpha = self._image.mode.endswith("A")
        return avif.bands(self._content, self.size, rows, alpha=alpha)


class _Jpeg(_Pillow):
    def __init__(self, file: BinaryIO, container: Container) -> None:
        super().__init__(file, container)
        self._wanted = self.size

    def peak(self, size: tuple[int, int]) -> tuple[int, int]:
        wide, high = self.drafted(size)
        image = self._pixel_bytes * wide * high
        passes = 0
        if self._container.scans:
            # passes over the picture add up to numbers of 16 bits for each sample, at full size
            samples = [across * down for _, across, down, _ in cast("Any", self._image).layer]
            passes = 2 * sum(samples) * self.size[0] * self.size[1] // max(samples)
        work = 0 if self.is_whole else _work((wide, high))
        return passes + image, image + work

    def drafted(self, size: tuple[int, int]) -> tuple[int, int]:
        scale = max(1, min(8, self.size[0] // size[0], self.size[1] // size[1]))
        scale = 1 << (scale.bit_length() - 1)
        return -(-self.size[0] // scale), -(-self.size[1] // scale)

    def draft(self, size: tuple[int, int]) -> None:
        self._wanted = size
        self._image.draft(None, size)
        self.size = self._image.size

    def _loaded(self) -> Image.Image:
        if not self._container.ended:
            self._require_most()
            self._image = self._open(behind=b"\xff\xd9")
            self._image.draft(None, self._wanted)
        self._image.load()
        return self._image

    def _require_most(self) -> None:
        """Refuse a file of which more than the last lines or passes is missing."""
        if self._container.scans:
            missing = self._container.scans < _ENOUGH_SCANS
        else:
            with suppress(OSError):
                self._image.load()  # fails where the file ends; the lines below stay black
            lines = (self._image.im.getbbox() or (0, 0, 0, 0))[3] + _HELD_BACK
            missing = lines < _ENOUGH * self.size[1]
        if missing:
            raise EOFError("much of it is missing")


def _stretched(image: Image.Image, low: float, high: float) -> Image.Image:
    """Numbers of any size as 8-bit grey, from the least to the greatest."""
    scale = 255.0 / (high - low) if high > low else 1.0
    return image.point(lambda sample: sample * scale - low * scale).convert("L")
