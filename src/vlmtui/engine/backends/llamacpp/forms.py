"""Pictures that are prepared here, for models that libmtmd alone would show them in a wrong form.

Which form a model wants is told by a key of its mmproj, written by vlmtui's import.
"""

from __future__ import annotations

import ctypes
import math
import os
from collections.abc import Callable
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import msgspec

from vlmtui.engine import images
from vlmtui.engine.backends.llamacpp import chunks
from vlmtui.engine.backends.llamacpp.bindings import library
from vlmtui.errors import LoadFailed

if TYPE_CHECKING:
    from PIL import Image

KEY = b"vlmtui.picture_form"
_SIDES = (b"clip.vision.image_size", b"clip.vision.patch_size")
_UINT32, _STRING = 4, 8  # of gguf_type

_CLASS_LAST = ("0.3.36",)
"""Versions of llama-cpp-python that were seen to put it behind the patches: tests tell."""

_PADDING = (122, 116, 104)
"""The mean colour of CLIP's training, which fills what a picture leaves free."""

_WHOLE_PIXELS = 16_000_000
"""A phone's photo is decoded whole: 48 MB."""


class Form(msgspec.Struct, frozen=True):
    """How a model's pictures look."""

    seen: tuple[int, int]
    """Width and height in pixels that a picture is brought to, as a person is told."""

    given: tuple[int, int]
    """Those of what libmtmd is given."""

    tokens: int
    """That it makes of it, in one part."""

    prepare: Callable[[Image.Image], Image.Image]


def of_file(path: str) -> Form | None:
    """The form that an mmproj asks for; None for libmtmd's own.

    Raises:
        LoadFailed: It asks for one that isn't known here, or for which this libmtmd is too new.
    """
    name, image, patch = _read(path)
    if name is None:
        return None
    if name == "vila":
        return _VILA
    if name == "llava" and 0 < patch <= image:
        _require_class_last(path)
        sides = (image, image)
        return Form(sides, sides, (image // patch) ** 2, partial(_llava, image, patch))
    raise LoadFailed(
        f"{path} wants its pictures in the form {name!r}, which this vlmtui doesn't know",
        "It was made by a newer version: update vlmtui.",
    )


def _require_class_last(path: str) -> None:
    """Refuse a libmtmd that may have put the class embedding where it belongs.

    Nothing would fail: the model would be shown something else.
    """
    try:
        installed = version("llama_cpp_python")
    except PackageNotFoundError:
        return
    if installed not in _CLASS_LAST:
        raise LoadFailed(
            f"{path} was imported for llama-cpp-python {_CLASS_LAST[-1]}, and {installed} may "
            "place LLaVA's class embedding otherwise",
            "Install that version, or a vlmtui that knows this one; another GGUF of the model "
            "runs with both.",
        )


def check(form: Form, vision: Any, path: str) -> None:
    """See whether libmtmd still takes a picture of this form as it is meant to.

    Raises:
        LoadFailed: It cuts it otherwise, and the model would be shown something else.
    """
    with chunks.cut(vision, form.given, None) as cut:
        counts = [chunks.count_tokens(chunk) for chunk in cut if chunks.is_image(chunk)]
    if counts != [form.tokens]:
        raise LoadFailed(
            f"{path} can't be used with this version of libmtmd: it makes {len(counts)} parts with "
            f"{sum(counts):,} tokens of a picture, not one with {form.tokens:,}",
            "Install the llama-cpp-python that vlmtui was made with (0.3.36), or a newer vlmtui.",
        )


def decoded_size(width: int, height: int) -> tuple[int, int] | None:
    """In which size a picture is decoded before it is prepared; None for its own.

    The model saw pictures that were squashed in one step. Of larger ones whole blocks of pixels
    are averaged first, which changes next to nothing and takes far less memory.
    """
    factor = math.ceil(math.sqrt(width * height / _WHOLE_PIXELS))
    return None if factor == 1 else (-(-width // factor), -(-height // factor))


def _vila(image: Image.Image) -> Image.Image:
    """VILA1.5's: squashed to 384x384, of which the tower sees 378x378 (27 patches of 14 pixels).

    Turned over its diagonal, as the model reads patches down the columns, and in the corner of a
    black picture, whose other patches the imported tower leaves out.
    """
    from PIL import Image

    square = images.squash(image, *_VILA.seen).crop((0, 0, 378, 378))
    sheet = Image.new("RGB", _VILA.given)
    sheet.paste(square.transpose(Image.Transpose.TRANSPOSE))
    return sheet


_VILA = Form((384, 384), (392, 392), 196, _vila)


def _llava(side: int, patch: int, image: Image.Image) -> Image.Image:
    """LLaVA-1.5's: padded to a square, each patch one place further than it lies.

    That is where libmtmd takes it for what it is: `models.convert.clip_tower` tells why. The first
    place is black, and the patch of the last corner is left out.
    """
    from PIL import Image

    longest = max(image.size)
    whole = images.squash(padded(image, (longest, longest)), side, side)
    sheet = Image.new("RGB", (side, side))
    sheet.paste(whole.crop((0, 0, side - patch, side)), (patch, 0))
    sheet.paste(whole.crop((side - patch, 0, side, side - patch)), (0, patch))
    return sheet


def padded(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """A picture in the middle of a larger sheet, as LLaVA's have it."""
    from PIL import Image

    sheet = Image.new("RGB", size, _PADDING)
    sheet.paste(image, ((size[0] - image.width) // 2, (size[1] - image.height) // 2))
    return sheet


class _Options(ctypes.Structure):
    """A `gguf_init_params`."""

    _fields_ = (("no_alloc", ctypes.c_bool), ("context", ctypes.c_void_p))


def _read(path: str) -> tuple[str | None, int, int]:
    """Value of `KEY`, None where the file hasn't got it, and pixels of a picture and of a patch.

    What is wrong with the file others say.
    """
    ggml = library("ggml-base")
    ggml.gguf_init_from_file.restype = ctypes.c_void_p
    ggml.gguf_init_from_file.argtypes = [ctypes.c_char_p, _Options]
    ggml.gguf_find_key.restype = ctypes.c_int64
    ggml.gguf_find_key.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    ggml.gguf_get_kv_type.argtypes = [ctypes.c_void_p, ctypes.c_int64]
    ggml.gguf_get_val_str.restype = ctypes.c_char_p
    ggml.gguf_get_val_str.argtypes = [ctypes.c_void_p, ctypes.c_int64]
    ggml.gguf_get_val_u32.restype = ctypes.c_uint32
    ggml.gguf_get_val_u32.argtypes = [ctypes.c_void_p, ctypes.c_int64]
    ggml.gguf_free.argtypes = [ctypes.c_void_p]
    header = ggml.gguf_init_from_file(os.fsencode(path), _Options(True, None))
    if not header:
        return None, 0, 0

    def value(key: bytes, kind: int, read: Any) -> Any:
        at = ggml.gguf_find_key(header, key)
        return read(header, at) if at >= 0 and ggml.gguf_get_kv_type(header, at) == kind else None

    try:
        name = value(KEY, _STRING, ggml.gguf_get_val_str)
        image, patch = (value(key, _UINT32, ggml.gguf_get_val_u32) or 0 for key in _SIDES)
        return (name.decode("utf-8", "replace") if name is not None else None), image, patch
    finally:
        ggml.gguf_free(header)
