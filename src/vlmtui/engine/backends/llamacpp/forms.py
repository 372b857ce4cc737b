"""Pictures that are prepared here, for models that libmtmd alone would show them in a wrong form.

Which form a model wants is told by a key of its mmproj, written by vlmtui's import.
"""

from __future__ import annotations

import ctypes
import math
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from vlmtui.engine import images
from vlmtui.engine.backends.llamacpp import chunks
from vlmtui.engine.backends.llamacpp.bindings import library
from vlmtui.errors import LoadFailed

if TYPE_CHECKING:
    from PIL import Image

KEY = b"vlmtui.picture_form"
_STRING = 8  # a gguf_type

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
        LoadFailed: It asks for one that isn't known here.
    """
    name = _read(path)
    if name is None:
        return None
    if name not in _FORMS:
        raise LoadFailed(
            f"{path} wants its pictures in the form {name!r}, which this vlmtui doesn't know",
            "It was made by a newer version: update vlmtui.",
        )
    return _FORMS[name]


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
            f"{sum(counts)} tokens of a picture, not one with {form.tokens}",
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

    form = _FORMS["vila"]
    square = images.squash(image, *form.seen).crop((0, 0, 378, 378))
    sheet = Image.new("RGB", form.given)
    sheet.paste(square.transpose(Image.Transpose.TRANSPOSE))
    return sheet


_FORMS = {"vila": Form((384, 384), (392, 392), 196, _vila)}


class _Options(ctypes.Structure):
    """A `gguf_init_params`."""

    _fields_ = (("no_alloc", ctypes.c_bool), ("context", ctypes.c_void_p))


def _read(path: str) -> str | None:
    """The value of `KEY`; None where the file hasn't got it. What is wrong with it others say."""
    ggml = library("ggml-base")
    ggml.gguf_init_from_file.restype = ctypes.c_void_p
    ggml.gguf_init_from_file.argtypes = [ctypes.c_char_p, _Options]
    ggml.gguf_find_key.restype = ctypes.c_int64
    ggml.gguf_find_key.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    ggml.gguf_get_kv_type.argtypes = [ctypes.c_void_p, ctypes.c_int64]
    ggml.gguf_get_val_str.restype = ctypes.c_char_p
    ggml.gguf_get_val_str.argtypes = [ctypes.c_void_p, ctypes.c_int64]
    ggml.gguf_free.argtypes = [ctypes.c_void_p]
    header = ggml.gguf_init_from_file(os.fsencode(path), _Options(True, None))
    if not header:
        return None
    try:
        at = ggml.gguf_find_key(header, KEY)
        if at < 0 or ggml.gguf_get_kv_type(header, at) != _STRING:
            return None
        value: bytes = ggml.gguf_get_val_str(header, at)
        return value.decode("utf-8", "replace")
    finally:
        ggml.gguf_free(header)
