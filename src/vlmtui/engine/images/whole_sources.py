"""Pictures that their decoders hold as a whole: those of Pillow, libavif and libheif."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from vlmtui.engine.images import avif, blocks, containers, orientation
from vlmtui.engine.images.containers import Container

if TYPE_CHECKING:
    from PIL import Image

_BESIDE_HEVC = 0.65
"""Bytes of a pixel that libde265 holds beside it, as measured."""

_OPENING = {"WEBP": 18}
"""Bytes of a pixel, where a decoder holds more than its picture. Of WebP it is animations."""

_BIG_ENDIAN = re.compile(r"(;[0-9]+)B(?=[SF])")
"""In how Pillow calls numbers with a sign or a fraction; it minds the order of others itself."""

_ENOUGH = 7 / 8
"""Share of its lines that a JPEG must have to be shown without the rest."""

_HELD_BACK = 32
"""Lines that a decoder doesn't show before it has read what follows them."""

_ENOUGH_SCANS = 6
"""Of the ten or so passes of a progressive one."""


class NotInstalled(Exception):
    """The decoder of a format is missing."""


def of(file: BinaryIO, container: Container) -> blocks.Source:
    """Read the header of a picture.

    Raises:
        NotInstalled: Its decoder is missing.
        Exception: Whatever a decoder raises on damaged headers.
    """
    if container.format == "HEIF":
        return _Heif(file)
    return {"JPEG": _Jpeg, "AVIF": _Avif}.get(container.format, _Pillow)(file, container)


class _Heif(blocks.Source):
    """HEIC: the container's own turns are done by its decoder, and EXIF says nothing of them."""

    orientation = 1
    beside = 14_000_000

    def __init__(self, file: BinaryIO) -> None:
        try:
            import pi_heif
        except ImportError:
            raise NotInstalled from None
        options = pi_heif.options
        options.THUMBNAILS = options.DEPTH_IMAGES = options.AUX_IMAGES = False
        content = io.BytesIO(containers.plain_heif(file.read()))
        self._heif = pi_heif.open_heif(content, convert_hdr_to_8bit=True)
        if not len(self._heif):
            raise ValueError("there is no picture in it")
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
        return decoding, channels * pixels + blocks.work_bytes(self.size)

    def bands(self, factor: int) -> Iterator[Image.Image]:
        from PIL import Image

        heif = self._heif
        del self._heif  # what is made of its pixels comes in their place
        data, mode, stride = memoryview(heif.data), heif.mode, heif.stride
        width, height = self.size
        if heif.size != self.size:
            raise ValueError("its header doesn't have the size of its pixels")
        rows = blocks.rows(width, factor)
        for top in range(0, height, rows):
            count = min(rows, height - top)
            lines = data[top * stride : (top + count) * stride]
            yield Image.frombytes(mode, (width, count), lines, "raw", mode, stride)


class _Pillow(blocks.Source):
    """A format that Pillow decodes whole."""

    def __init__(self, file: BinaryIO, container: Container) -> None:
        self._file = file
        self._container = container
        self._image = self._open()
        self.size = self._image.size
        self.is_whole = self._image.mode == "RGB" and "transparency" not in self._image.info
        self._pixel_bytes = blocks.MODE_BYTES.get(self._image.mode, 4)
        self.orientation = container.orientation

    def peak(self, size: tuple[int, int]) -> tuple[int, int]:
        pixels = self.size[0] * self.size[1]
        image = self._pixel_bytes * pixels
        opening = _OPENING.get(self._container.format, self._pixel_bytes) * pixels
        if self._container.format == "TIFF" and self._image.info.get("compression") != "raw":
            opening += image + self._file.seek(0, io.SEEK_END)  # a strip, and it as it is packed
        return opening, image + (0 if self.is_whole else blocks.work_bytes(self.size))

    def bands(self, factor: int) -> Iterator[Image.Image]:
        with blocks.quiet():
            image = self._loaded()
        del self._image  # what is made of the blocks comes in its place
        if factor == 1 and self.is_whole:
            yield image  # as it shall be: no second copy
            return
        limits = image.getextrema() if image.mode in ("F", "I") else None
        for block in blocks.in_rows(image, blocks.rows(image.width, factor)):
            yield _stretched(block, *cast("tuple[float, float]", limits)) if limits else block

    def _open(self, behind: bytes = b"") -> Image.Image:
        from PIL import Image

        Image.MAX_IMAGE_PIXELS = None  # our own limits replace Pillow's
        kind = self._container.format
        file = containers.pictured(self._file, self._container, behind)
        file.seek(0)
        with blocks.quiet():
            image = Image.open(file, formats=(kind,))
        for number, tile in enumerate(image.tile):
            if tile.codec_name == "libtiff":  # gives numbers as the machine has them, not the file
                mode, *others = cast("tuple[Any, ...]", tile.args)
                args = (_BIG_ENDIAN.sub(r"\1", mode), *others)
                image.tile[number] = tile._replace(args=args)
        return image

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
            return held, held + blocks.work_bytes(self.size)
        frame = len(self._image.getbands()) * self.size[0] * self.size[1]
        return held + 2 * frame, held + 2 * frame + blocks.work_bytes(self.size)

    def bands(self, factor: int) -> Iterator[Image.Image]:
        if not avif.is_found():
            return super().bands(factor)
        rows = blocks.rows(self.size[0], factor)
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
        work = 0 if self.is_whole else blocks.work_bytes((wide, high))
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
