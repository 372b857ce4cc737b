"""Pictures cut into chunks by libmtmd: parts that take tokens, and text tokens between them.

Thin over libmtmd's tokenizer. It knows no picture files and keeps nothing.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from vlmtui.engine.backends.llamacpp.bindings import mtmd

_LARGE = (4096, 4096)
"""A picture of this size takes as many tokens as any: models bound them far below."""


class Refused(Exception):
    """libmtmd can't cut a picture of this size."""


@contextmanager
def cut(vision: Any, size: tuple[int, int], data: bytes | None) -> Iterator[list[Any]]:
    """The chunks of a picture of row-major RGB, valid inside the `with`.

    Without data, they only tell their sizes. `vision` is a `mtmd_context`.

    Raises:
        Refused: See there.
    """
    pixels = None
    if data is not None:
        pixels = ctypes.cast(ctypes.c_char_p(data), ctypes.POINTER(ctypes.c_uint8))
    bitmap = mtmd.mtmd_bitmap_init(*size, pixels)
    chunks = mtmd.mtmd_input_chunks_init()
    try:
        part = mtmd.mtmd_input_part(None, bitmap)
        parts = (ctypes.POINTER(mtmd.mtmd_input_part) * 1)(ctypes.pointer(part))
        if mtmd.mtmd_tokenize_from_parts(vision, chunks, parts, 1, False) != 0:
            raise Refused
        count = mtmd.mtmd_input_chunks_size(chunks)
        yield [mtmd.mtmd_input_chunks_get(chunks, index) for index in range(count)]
    finally:
        mtmd.mtmd_input_chunks_free(chunks)
        mtmd.mtmd_bitmap_free(bitmap)


def is_image(chunk: Any) -> bool:
    """Whether it is a part of the picture, and not text."""
    return bool(mtmd.mtmd_input_chunk_get_type(chunk) == mtmd.MTMD_INPUT_CHUNK_TYPE_IMAGE)


def count_tokens(chunk: Any) -> int:
    """Cells of the KV cache that a chunk takes."""
    return int(mtmd.mtmd_input_chunk_get_n_tokens(chunk))


def largest_part(vision: Any) -> int:
    """Tokens of the largest part that a picture can have.

    Raises:
        Refused: See there.
    """
    with cut(vision, _LARGE, None) as chunks:
        return max(count_tokens(chunk) for chunk in chunks if is_image(chunk))
