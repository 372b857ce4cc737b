"""What libmtmd itself makes of a prompt, to compare ours with."""

from __future__ import annotations

import ctypes

from vlmtui.engine.backends.llamacpp.bindings import mtmd
from vlmtui.engine.backends.llamacpp.model import LoadedModel
from vlmtui.messages import ImagePart


def rows_of_mtmd(model: LoadedModel, text: str, images: list[ImagePart]) -> list[object]:
    """What libmtmd makes of a rendered prompt: tokens, and (tokens, positions) of picture parts."""
    data = text.encode()
    given = mtmd.mtmd_input_text(data, len(data), True, True)
    bitmaps = [mtmd.mtmd_bitmap_init(image.width, image.height, None) for image in images]
    array = (mtmd.mtmd_bitmap_p_ctypes * len(bitmaps))(*bitmaps)
    chunks = mtmd.mtmd_input_chunks_init()
    status = mtmd.mtmd_tokenize(model.vision, chunks, ctypes.byref(given), array, len(bitmaps))
    assert status == 0
    rows: list[object] = []
    for index in range(mtmd.mtmd_input_chunks_size(chunks)):
        chunk = mtmd.mtmd_input_chunks_get(chunks, index)
        if mtmd.mtmd_input_chunk_get_type(chunk) == mtmd.MTMD_INPUT_CHUNK_TYPE_TEXT:
            count = ctypes.c_size_t(0)
            tokens = mtmd.mtmd_input_chunk_get_tokens_text(chunk, ctypes.byref(count))
            rows += tokens[: count.value]
        else:
            size = mtmd.mtmd_input_chunk_get_n_tokens(chunk)
            rows.append((size, mtmd.mtmd_input_chunk_get_n_pos(chunk)))
    mtmd.mtmd_input_chunks_free(chunks)
    for bitmap in bitmaps:
        mtmd.mtmd_bitmap_free(bitmap)
    return rows
