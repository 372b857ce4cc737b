"""AVIF pictures a block of lines at a time, through the library that Pillow brings.

Pillow turns a picture into RGB as a whole, twice. Here it stays as its decoder left it, most often
1.5 bytes a pixel, and some lines of it at a time become RGB. The structures are those of libavif's
`avif.h`, to which all versions 1 only add at the end. Where it isn't found, Pillow has to do.
"""

from __future__ import annotations

import ctypes
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING

from vlmtui.engine.images import bundled

if TYPE_CHECKING:
    from PIL import Image

_LENIENT = 4
"""AVIF_STRICT_ALPHA_ISPE_REQUIRED alone, as Pillow has it."""

_THREADS = 4
"""With more of them a picture takes more memory, and hardly less time."""

_BESIDE = 0.5
"""Bytes of a pixel that dav1d takes beside its planes, as measured."""

_CODING = re.compile(rb"av1C..(.)", re.DOTALL)

_LISTED = 1 << 20
"""Bytes in which a file says what it holds."""

_AROUND = 2
"""Lines above and below that colours are interpolated from, where they have less lines."""


class _Decoder(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_int) for name in ("codec", "threads", "source", "layers", "partly")),
        *((name, ctypes.c_int) for name in ("no_exif", "no_xmp")),
        *((name, ctypes.c_uint32) for name in ("pixels", "side", "images", "strict")),
        ("image", ctypes.c_void_p),
    ]


class _Rectangle(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint32) for name in ("x", "y", "width", "height")]


class _Rgb(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_uint32) for name in ("width", "height", "depth")),
        *((name, ctypes.c_int) for name in ("format", "upsampling", "downsampling")),
        *((name, ctypes.c_int) for name in ("own", "opaque", "premultiplied", "float", "threads")),
        ("pixels", ctypes.c_void_p),
        ("row_bytes", ctypes.c_uint32),
    ]


def decoder_bytes(content: bytes, size: tuple[int, int]) -> int:
    """What its decoder takes at most for a picture: its planes, and what it needs beside them.

    Args:
        content: The file. All its items, transparency and parts too, say how they are coded.
        size: Width and height.
    """
    kinds = [found[1][0] for found in _CODING.finditer(content, 0, _LISTED)]
    color = max((_sample_bytes(kind) for kind in kinds), default=6.0)
    alpha = 1 if b"auxC" in content[:_LISTED] else 0
    planes = color + alpha * (2 if color > 3 else 1)
    if b"grid" in content[:_LISTED]:
        planes *= 2  # parts, and the whole that is put together of them
    return int((planes + _BESIDE * (1 + alpha)) * size[0] * size[1])


def _sample_bytes(kind: int) -> float:
    """Bytes of a pixel's planes, by the third byte of `av1C`."""
    deep, grey, narrow, low = (bool(kind & bit) for bit in (0x40, 0x10, 0x08, 0x04))
    samples = 1.0 if grey else 1 + 2 / ((1 + narrow) * (1 + low))
    return samples * (2 if deep else 1)


def is_found() -> bool:
    """Whether the library is there, in a version that is known."""
    return _library() is not None


def bands(
    content: bytes, size: tuple[int, int], rows: int, *, alpha: bool
) -> Iterator[Image.Image]:
    """The first picture from top to bottom, so many lines at a time.

    Args:
        content: The file.
        size: Width and height that the picture must have.
        rows: Lines of a block.
        alpha: As RGBA, not RGB.

    Raises:
        ValueError: The file is damaged.
    """
    from PIL import Image

    library = _library()
    if library is None:
        raise ValueError("its decoder is missing")
    width, height = size
    mode = "RGBA" if alpha else "RGB"
    line = len(mode) * width

    def check(result: int) -> None:
        if result:
            raise ValueError(library.avifResultToString(result).decode())

    decoder, view = library.avifDecoderCreate(), library.avifImageCreateEmpty()
    try:
        decoder.contents.strict = _LENIENT
        decoder.contents.threads = min(_THREADS, os.cpu_count() or 1)
        decoder.contents.no_exif = decoder.contents.no_xmp = 1
        check(library.avifDecoderSetIOMemory(decoder, content, len(content)))
        check(library.avifDecoderParse(decoder))
        check(library.avifDecoderNthImage(decoder, 0))
        for top in range(0, height, rows):
            bottom = min(top + rows, height)
            first = max(0, top - _AROUND) & ~1
            last = min(height, bottom + _AROUND)
            area = _Rectangle(0, first, width, last - first)
            check(library.avifImageSetViewRect(view, decoder.contents.image, ctypes.byref(area)))
            samples = bytearray(line * (last - first))
            rgb = _Rgb()
            library.avifRGBImageSetDefaults(ctypes.byref(rgb), view)
            rgb.depth, rgb.format, rgb.row_bytes = 8, int(alpha), line
            rgb.pixels = ctypes.addressof((ctypes.c_char * len(samples)).from_buffer(samples))
            check(library.avifImageYUVToRGB(view, ctypes.byref(rgb)))
            seen = memoryview(samples)[(top - first) * line : (bottom - first) * line]
            yield Image.frombytes(mode, (width, bottom - top), seen)
    finally:
        library.avifImageDestroy(view)
        library.avifDecoderDestroy(decoder)


@lru_cache(maxsize=1)
def _library() -> ctypes.CDLL | None:
    library = bundled.library("PIL._avif", "libavif")
    with suppress(AttributeError):
        if library is not None:
            for name in ("avifVersion", "avifResultToString"):
                getattr(library, name).restype = ctypes.c_char_p
            decoder, pointer = ctypes.POINTER(_Decoder), ctypes.c_void_p
            library.avifDecoderCreate.restype = decoder
            library.avifImageCreateEmpty.restype = pointer
            library.avifDecoderSetIOMemory.argtypes = [decoder, ctypes.c_char_p, ctypes.c_size_t]
            library.avifDecoderNthImage.argtypes = [decoder, ctypes.c_uint32]
            library.avifImageSetViewRect.argtypes = [pointer, pointer, pointer]
            for name in ("avifRGBImageSetDefaults", "avifImageYUVToRGB"):
                getattr(library, name).argtypes = [pointer, pointer]
            library.avifDecoderParse.argtypes = library.avifDecoderDestroy.argtypes = [decoder]
            library.avifImageDestroy.argtypes = [pointer]
            if library.avifVersion().startswith(b"1."):
                return library
    return None
