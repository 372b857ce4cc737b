"""WebP pictures on a smaller scale, through the library that Pillow brings.

Pillow decodes a WebP as one picture of an animation, which holds it four times. libwebp can scale
it down while it decodes: a lossy picture then never lies in memory as a whole, a lossless one once.
Where the library isn't found, and where the first picture of an animation doesn't fill it, Pillow
has to do. The structures are those of
libwebp's `decode.h`; their version is checked by the library itself.
"""

from __future__ import annotations

import ctypes
import struct
from contextlib import suppress
from functools import lru_cache

import msgspec

from vlmtui.engine.images import bundled

_VERSION = 0x0209
"""WEBP_DECODER_ABI_VERSION; the library refuses another major number."""

_ANIMATED, _TRANSPARENT = 0x02, 0x10
"""Of the flags in the first chunk."""

_MODE_RGB, _MODE_RGBA = 0, 1


class _Features(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_int) for name in ("width", "height", "alpha", "animation", "format")),
        ("pad", ctypes.c_uint32 * 5),
    ]


class _Rgba(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("stride", ctypes.c_int), ("size", ctypes.c_size_t)]


class _Yuva(ctypes.Structure):
    _fields_ = [
        ("planes", ctypes.c_void_p * 4),
        ("strides", ctypes.c_int * 4),
        ("sizes", ctypes.c_size_t * 4),
    ]


class _Pixels(ctypes.Union):
    _fields_ = [("rgba", _Rgba), ("yuva", _Yuva)]


class _Buffer(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_int) for name in ("mode", "width", "height", "external")),
        ("pixels", _Pixels),
        ("pad", ctypes.c_uint32 * 4),
        ("private", ctypes.c_void_p),
    ]


class _Options(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_int) for name in ("bypass", "no_fancy", "cropping")),
        ("crop", ctypes.c_int * 4),
        *((name, ctypes.c_int) for name in ("scaling", "width", "height", "threads")),
        *((name, ctypes.c_int) for name in ("dithering", "flip", "alpha_dithering")),
        ("pad", ctypes.c_uint32 * 5),
    ]


class _Config(ctypes.Structure):
    _fields_ = [("input", _Features), ("output", _Buffer), ("options", _Options)]


class Header(msgspec.Struct, frozen=True):
    """What a WebP file says of itself."""

    width: int
    height: int
    alpha: bool
    lossless: bool


def header(content: bytes) -> Header | None:
    """Look at a file; None where Pillow has to."""
    library, found = _library(), _Features()
    if library is None:
        return None
    status = library.WebPGetFeaturesInternal(content, len(content), ctypes.byref(found), _VERSION)
    if status or found.animation:
        return None
    return Header(found.width, found.height, bool(found.alpha), found.format != 1)


def still(content: bytes) -> bytes:
    """The first picture of an animation as a file, if it fills it; of other files all."""
    if content[12:16] != b"VP8X" or not content[20] & _ANIMATED:
        return content
    size, place = content[24:30], 30
    while place + 8 <= len(content):
        kind, length = struct.unpack_from("<4sI", content, place)
        if kind == b"ANMF":
            frame = memoryview(content)[place + 8 : place + 8 + length]
            if bytes(frame[:12]) != bytes(6) + size:
                return content
            flags = bytes((0 if bytes(frame[16:20]) == b"VP8 " else _TRANSPARENT, 0, 0, 0))
            head = b"WEBPVP8X" + struct.pack("<I", 10) + flags + size
            behind = frame[16:]
            return b"".join((b"RIFF", struct.pack("<I", len(head) + len(behind)), head, behind))
        place += 8 + length + length % 2
    return content


def decode(content: bytes, head: Header, size: tuple[int, int]) -> bytearray:
    """The pixels, scaled down to a size, as RGB, or as RGBA where some may be transparent.

    Raises:
        ValueError: The file is damaged.
    """
    library, config = _library(), _Config()
    if library is None or not library.WebPInitDecoderConfigInternal(ctypes.byref(config), _VERSION):
        raise ValueError("its decoder is missing")
    channels = 4 if head.alpha else 3
    own = (head.width, head.height)
    pixels = bytearray(channels * size[0] * size[1])
    place = (ctypes.c_char * len(pixels)).from_buffer(pixels)
    config.output.mode = _MODE_RGBA if head.alpha else _MODE_RGB
    config.output.external = 1
    config.output.pixels.rgba = _Rgba(ctypes.addressof(place), channels * size[0], len(pixels))
    config.options.scaling = int(size != own)
    config.options.width, config.options.height = size
    if status := library.WebPDecode(content, len(content), ctypes.byref(config)):
        raise ValueError(f"libwebp gives up on it with status {status}")
    return pixels


@lru_cache(maxsize=1)
def _library() -> ctypes.CDLL | None:
    library = bundled.library("PIL._webp", "libwebp")
    with suppress(AttributeError):
        if library is not None:
            content = (ctypes.c_char_p, ctypes.c_size_t)
            library.WebPGetFeaturesInternal.argtypes = [*content, ctypes.c_void_p, ctypes.c_int]
            library.WebPDecode.argtypes = [*content, ctypes.c_void_p]
            library.WebPInitDecoderConfigInternal.argtypes = [ctypes.c_void_p, ctypes.c_int]
            return library
    return None
