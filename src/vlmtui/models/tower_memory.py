"""How much memory a vision tower takes to encode a picture, from the headers of its file.

A tower sees a picture in one of two ways: cut into squares of one size, or in a size of its own, up
to a number of tokens. Which of these is libmtmd's code and not in the file; everything else is read
from there. The formulas were fitted to peaks that were measured (`bench/fit.py`).
"""

from __future__ import annotations

from typing import NamedTuple

from vlmtui.models.gguf.header import Header
from vlmtui.models.gguf.pairing import embedding_size, projector

_LARGEST_PICTURE = 0.75
"""Share of the context that the engine lets one picture take."""

_LARGEST_FILE = 100_000_000
"""Pixels of the largest picture file that the engine takes."""

_DECODED_BYTES = 4
"""Of a pixel, as the decoder holds it."""

_PIXELS_OF_TOKEN = 4096
"""The engine scales pictures down to so many pixels for each of their tokens."""

_FORM = "vlmtui.picture_form"
"""Key of an imported tower, VILA's: all pictures have one size, whatever its projector's kind."""

_PREPARED = 16_000_000
"""Pixels of a picture that the engine prepares for such a tower: `forms` decodes so many whole."""

_WARMED_UP = 32**2
"""Patches that libmtmd tries such a tower with when it is loaded, more than a picture then has."""

_TRIED_BYTES = 20
"""Of a pixel of the blank picture that libmtmd makes at each load: three floats, and most of them
once more, as was measured."""


class Bytes(NamedTuple):
    """Bytes of main memory and of the GPU's."""

    host: int = 0
    gpu: int = 0

    def plus(self, other: Bytes) -> Bytes:
        return Bytes(self.host + other.host, self.gpu + other.gpu)

    @classmethod
    def on(cls, gpu: bool, size: int) -> Bytes:
        """All of them in one place."""
        return cls(gpu=size) if gpu else cls(host=size)


class _OwnSize(NamedTuple):
    """Of a tower that takes a picture in its own size."""

    side: int = 2
    """Patches that a token joins on each side, where its file doesn't say."""

    most: int = 1024
    """Tokens of a picture, where its file doesn't tell the most pixels."""

    tried: int = 16
    """Tokens on each side of the blank picture at the load."""


_QWEN = _OwnSize(2, 4096, 46)

_OWN_SIZE = {
    **dict.fromkeys(
        (
            *("qwen2vl_merger", "qwen2.5vl_merger", "qwen2.5o", "qwen3vl_merger"),
            *("ling3vl", "glm4v", "glm5v", "exaone4_5", "mimovl", "dots_ocr"),
            *("dots3note_v"),
        ),
        _QWEN,
    ),
    "muse-glimmer": _OwnSize(2, 4096, 32),
    "kimik25": _OwnSize(2, 4096, 64),
    "kimivl": _OwnSize(2),
    "pixtral": _OwnSize(1),
    "lightonocr": _OwnSize(1),
    "phi4": _OwnSize(1),
    "paddleocr": _OwnSize(2, tried=28),
    "hunyuanvl": _OwnSize(2, 16384, 32),
    "youtuvl": _OwnSize(2, 62500),
    "minimax_m3": _OwnSize(2, 576),
    "lfm2": _OwnSize(2, 256),
    "gemma4v": _OwnSize(3, 1120),
    "gemma4uv": _OwnSize(3, 1120),
    "deepseek4v": _OwnSize(2, 384),
}
"""By projector, as `clip.cpp` sets them."""

_WINDOWED = {"qwen2.5vl_merger": 6, "qwen2.5o": 6, "mimovl": 6, "muse-glimmer": 6, "youtuvl": 3}
"""Their layers attend within windows, by a mask over all pairs of patches: bytes of a pair."""

_LONGEST_EDGE = "lightonocr"
"""Its file tells how long a picture's longer side may be."""


def image_bytes(
    model: Header,
    mmproj: Header,
    ctx: int,
    *,
    on_gpu: bool,
    picture: tuple[int, int] | None = None,
    reckoned: int = 0,
) -> Bytes:
    """What encoding one picture takes at its peak.

    `picture` is as for `estimate`. `reckoned` are the tower's buffers as libmtmd reckons them, in
    bytes; taken for towers that see all pictures in one size.
    """
    own = _own_size(mmproj)
    patches, side = _patches(mmproj, own, ctx, picture)
    buffers = _compute(mmproj, model, patches, side)
    if reckoned and (own is None or mmproj.text(_FORM)):
        buffers = reckoned
    # the engine keeps an embedding, and libmtmd its own copy of the newest
    tokens = patches // side**2
    embeddings = 2 * 4 * tokens * embedding_size(model)
    most = _PREPARED if mmproj.text(_FORM) else 4 * _PIXELS_OF_TOKEN * tokens
    pixels = _pixels(mmproj, patches) + _decoded(most, picture)
    peak = Bytes.on(on_gpu, buffers).plus(Bytes(host=pixels + embeddings))
    tried = own.tried * own.side * _patch(mmproj) if own is not None else 0
    return Bytes(max(peak.host, _TRIED_BYTES * tried**2), peak.gpu)


def _own_size(mmproj: Header) -> _OwnSize | None:
    """How the tower takes pictures of any size; None where it cuts them into squares."""
    own = _OWN_SIZE.get(projector(mmproj))
    if own is None:
        return None
    side = mmproj.number("clip.vision.spatial_merge_size", 0)
    side = max(1, side or mmproj.number("clip.vision.projector.scale_factor", own.side))
    pixels = mmproj.number("clip.vision.image_max_pixels", 0)
    most = pixels // (side * _patch(mmproj)) ** 2 or own.most
    edge = mmproj.number("clip.vision.preproc_image_size", 0)
    if edge and projector(mmproj) == _LONGEST_EDGE:
        most = max(1, edge // (side * _patch(mmproj))) ** 2
    return _OwnSize(side, most, own.tried)


def _patch(mmproj: Header) -> int:
    """Pixels of a patch's side."""
    return mmproj.number("clip.vision.patch_size", 14) or 14


def _patches(
    mmproj: Header, own: _OwnSize | None, ctx: int, picture: tuple[int, int] | None
) -> tuple[int, int]:
    """Patches that the tower sees at once, and how many a token joins on each side."""
    patch = _patch(mmproj)
    if own is None:
        image = mmproj.number("clip.vision.image_size", 336)
        scale = max(1, mmproj.number("clip.vision.projector.scale_factor", 1))
        return (image // patch) ** 2, scale
    if mmproj.text(_FORM):
        return _WARMED_UP, own.side
    most = min(own.most, int(_LARGEST_PICTURE * ctx))
    if picture is not None:
        across, down = (max(1, round(pixels / (patch * own.side))) for pixels in picture)
        most = min(most, across * down)
    return max(1, most) * own.side**2, own.side


def _compute(mmproj: Header, model: Header, patches: int, side: int) -> int:
    """Buffers of the vision tower for a picture of so many patches, in bytes."""
    width = mmproj.number("clip.vision.embedding_length", 1024)
    if not mmproj.number("clip.vision.block_count", 1):  # Gemma 4's without layers: rows of pixels
        return 4 * (3 * (_patch(mmproj) * side) ** 2 + 3 * width) * (patches // side**2)
    ffn = mmproj.number("clip.vision.feed_forward_length", 4 * width)
    gated = "v.blk.0.ffn_gate.weight" in mmproj.by_name
    row = 4.6 * width + ffn * (1 + gated)
    kind = projector(mmproj)
    if kind == "mlp":
        row = max(row, 2 * model.number(f"{model.architecture}.embedding_length", 0) + 2.6 * width)
    return round(4 * row * patches) + _WINDOWED.get(kind, 0) * patches**2


def _pixels(mmproj: Header, patches: int) -> int:
    """The picture itself on its way into the tower: bytes, and the same as floats, twice."""
    return patches * _patch(mmproj) ** 2 * 3 * (2 + 4 * 2)


def _decoded(most: int, picture: tuple[int, int] | None) -> int:
    """The picture file in pixels, at most so many, before it is scaled down: of JPEG and PNG.

    The engine refuses one of another format that takes more than the machine can spare then.
    """
    size = _LARGEST_FILE if picture is None else picture[0] * picture[1]
    # a JPEG is decoded in halves, quarters, … of its sides: up to 4 times the pixels wanted
    return _DECODED_BYTES * min(size, most)
