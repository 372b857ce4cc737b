"""Pixels as models and screens want them: 8-bit RGB on white, upright, in the size asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlmtui.engine.images.blocks import Source, factors

if TYPE_CHECKING:
    from PIL import Image


def decode(source: Source, size: tuple[int, int] | None) -> Image.Image:
    """The picture, upright, in its own size or another: width and height, upright."""
    from PIL import Image

    wanted = source.size if size is None else turned(size, source.orientation)
    if wanted != source.size:
        source.draft(wanted)  # coarse and cheap; the last step is exact
    image = _assembled(source, factors(source.size, wanted))
    if image.size != wanted:
        image = image.resize(wanted, Image.Resampling.LANCZOS)
    return _upright(image, source.orientation)


def part(source: Source, box: tuple[int, int, int, int]) -> Image.Image:
    """A part of the picture, upright; no more than that and what its source holds is in memory.

    Args:
        source: Where its pixels come from.
        box: Left, top, width and height of the part, in pixels of the upright picture.
    """
    from PIL import Image

    left, top, width, height = lying(box, source.size, source.orientation)
    piece = Image.new("RGB", (width, height))
    row = 0
    for band in source.bands(1):
        first, last = max(row, top), min(row + band.height, top + height)
        if first < last:
            rows = band.crop((left, first - row, left + width, last - row))
            piece.paste(_on_white(rows), (0, first - top))
        row += band.height
        if row >= top + height:
            break
    return _upright(piece, source.orientation)


def lying(
    box: tuple[int, int, int, int], size: tuple[int, int], orientation: int
) -> tuple[int, int, int, int]:
    """A part of the upright picture as a part of the picture as it lies.

    Args:
        box: Left, top, width and height of the part, upright.
        size: Width and height of the picture as it lies.
        orientation: EXIF's 1 to 8.
    """
    x, y, width, height = box
    if orientation >= 5:
        x, y, width, height = y, x, height, width
    if orientation in (2, 3, 7, 8):
        x = size[0] - x - width
    if orientation in (3, 4, 6, 7):
        y = size[1] - y - height
    return x, y, width, height


def turned(size: tuple[int, int], orientation: int) -> tuple[int, int]:
    """The size of a picture as it lies, if this is its size upright, or the other way round."""
    return size[::-1] if orientation >= 5 else size


def peak_bytes(source: Source, size: tuple[int, int]) -> int:
    """What `decode` takes at most, the picture that it returns too."""
    wanted = turned(size, source.orientation)
    drafted = source.size if wanted == source.size else source.drafted(wanted)
    by = factors(drafted, wanted)
    wide, high = _reduced(drafted, by)
    assembled = 0 if by == (1, 1) and source.is_whole else 4 * wide * high
    opening, decoding = source.peak(wanted)
    scaling = turning = 0
    if (wide, high) != wanted:  # first in width, then in height
        scaling = 4 * (wide * high + wanted[0] * high + wanted[0] * wanted[1])
    if source.orientation > 1:
        turning = 8 * wanted[0] * wanted[1]
    return max(opening, decoding + assembled, scaling, turning) + source.beside


def peak_bytes_of_part(source: Source, width: int, height: int) -> int:
    """What `part` takes at most, the part that it returns too."""
    opening, decoding = source.peak(source.size)
    return max(opening, decoding) + 8 * width * height + source.beside


def _reduced(size: tuple[int, int], by: tuple[int, int]) -> tuple[int, int]:
    return -(-size[0] // by[0]), -(-size[1] // by[1])


def _assembled(source: Source, by: tuple[int, int]) -> Image.Image:
    """The picture as it lies, width and height scaled down by whole factors, block by block."""
    from PIL import Image

    size = _reduced(source.size, by)
    whole: Image.Image | None = None
    top = 0
    for band in source.bands(by[1]):
        piece = _on_white(band)
        if by != (1, 1):
            piece = piece.reduce(by)
        if piece.size == size:
            return piece
        if whole is None:
            whole = Image.new("RGB", size)
        whole.paste(piece, (0, top))
        top += piece.height
    if whole is None:
        raise ValueError("there are no pixels in it")
    return whole


def _on_white(image: Image.Image) -> Image.Image:
    """Pixels of any kind as 8-bit RGB, what is transparent on white."""
    from PIL import Image

    if image.mode.startswith("I;16") or image.mode == "I":
        # Pillow clips at 255 when it converts these; 16-bit samples are scaled instead
        return (
            image.convert("I").point(lambda sample: sample * (1 / 257)).convert("L").convert("RGB")
        )
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        layered = image.convert("RGBA")
        white = Image.new("RGBA", layered.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, layered).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    from PIL.Image import Transpose

    method = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }.get(orientation)
    return image if method is None else image.transpose(method)
