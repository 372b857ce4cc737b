"""Opened pictures, and those whose formats let them be decoded in blocks of lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

from vlmtui.engine.images import blocks, containers, png, tiff_blocks, webp, whole_sources
from vlmtui.engine.images.containers import Container

if TYPE_CHECKING:
    from PIL import Image


def open_source(file: BinaryIO, container: Container) -> blocks.Source:
    """Read the header of a picture.

    Raises:
        NotInstalled: Its decoder is missing.
        Exception: Whatever a decoder raises on damaged headers.
    """
    if container.format == "PNG":
        head = png.header(file)
        if head.in_blocks:
            return _Png(file, container, head)
    if container.format == "TIFF" and (directory := tiff_blocks.header(file)) is not None:
        return _Tiff(file, directory, container.orientation)
    if container.format == "WEBP":
        whole = file.read()
        content = webp.still(whole)
        if (found := webp.header(content)) is not None:
            source = _WebP(content, found, container.orientation)
            source.beside += 0 if content is whole else len(whole)
            return source
    return whole_sources.of(file, container)


class _Png(blocks.Source):
    def __init__(self, file: BinaryIO, container: Container, head: png.Header) -> None:
        self.size = (head.width, head.height)
        self.orientation = container.orientation
        self._file = containers.pictured(file, container)
        self._head = head

    def peak(self, size: tuple[int, int]) -> tuple[int, int]:
        # lines are there packed, unpacked, unfiltered and as colours; as measured, with what the
        # allocator holds of it
        return 0, 2 * blocks.work_bytes(self.size)

    def bands(self, factor: int) -> Iterator[Image.Image]:
        rows = blocks.rows(self._head.width, factor)
        return png.bands(self._file, self._head, rows)


class _Tiff(blocks.Source):
    beside = 5_000_000

    def __init__(self, file: BinaryIO, head: tiff_blocks.Header, orientation: int) -> None:
        self.size = (head.width, head.height)
        self.orientation = orientation
        self._file = file
        self._head = head
        image = self._opened(tiff_blocks.block(file, head, 0, 1))  # tells what Pillow can't read
        self._pixel_bytes = blocks.MODE_BYTES.get(image.mode, 4)

    def peak(self, size: tuple[int, int]) -> tuple[int, int]:
        step = self._head.step(blocks.factors(self.size, size)[1], blocks.BLOCK_BYTES)
        lines = min(step, self._head.down) * self._head.rows
        packed = sum(end - begin for begin, end in self._head.packed(0, step))
        pixels = lines * self._head.broad
        unpacked, image = int(self._head.pixel_bytes * pixels), self._pixel_bytes * pixels
        return packed + unpacked + image, image + blocks.work_bytes(self.size)

    def bands(self, factor: int) -> Iterator[Image.Image]:
        step = self._head.step(factor, blocks.BLOCK_BYTES)
        rows = blocks.rows(self._head.width, factor)
        for content in tiff_blocks.blocks(self._file, self._head, step):
            image = self._opened(content)
            with blocks.quiet():
                image.load()
            if self._head.negative:
                image = image.convert("I").point(lambda sample: sample * -1 + 65535)
            yield from blocks.in_rows(image, rows)

    def _opened(self, content: BinaryIO) -> Image.Image:
        from PIL import Image

        Image.MAX_IMAGE_PIXELS = None  # our own limits replace Pillow's
        with blocks.quiet():
            return Image.open(content, formats=("TIFF",))


class _WebP(blocks.Source):
    def __init__(self, content: bytes, head: webp.Header, orientation: int) -> None:
        self.size = (head.width, head.height)
        self.orientation = orientation
        self.beside = 5_000_000 + len(content)
        self._content = content
        self._head = head

    def peak(self, size: tuple[int, int]) -> tuple[int, int]:
        wide, high = self.drafted(size)
        given = (4 if self._head.alpha else 3) * wide * high
        # a lossless one lies there as a whole, of a lossy one its transparency
        each = 4 if self._head.lossless else 2 if self._head.alpha else 0
        held = each * self._head.width * self._head.height
        return given + held, given + blocks.work_bytes((wide, high))

    def bands(self, factor: int) -> Iterator[Image.Image]:
        mode = "RGBA" if self._head.alpha else "RGB"
        pixels = memoryview(webp.decode(self._content, self._head, self.size))
        return _cut(pixels, mode, self.size, blocks.rows(self.size[0], factor))

    def drafted(self, size: tuple[int, int]) -> tuple[int, int]:
        """No less than what is wanted, at a whole fraction of each side."""
        own = (self._head.width, self._head.height)
        factor = max(1, min(own[0] // size[0], own[1] // size[1]))
        return -(-own[0] // factor), -(-own[1] // factor)


def _cut(data: memoryview, mode: str, size: tuple[int, int], rows: int) -> Iterator[Image.Image]:
    """Samples without gaps as pictures of some lines each."""
    from PIL import Image

    width, height = size
    line = len(mode) * width
    for top in range(0, height, rows):
        count = min(rows, height - top)
        yield Image.frombytes(mode, (width, count), data[top * line : (top + count) * line])
