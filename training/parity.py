"""Compares torch with llama.cpp: the same tokens and image embeddings, from the same checkpoint.

Run it after a change to ``model``, ``render.letterbox``, ``tokenizer`` or ``export``: a slip there
costs accuracy without any error message.
"""

from __future__ import annotations

import argparse
import ctypes
import random
from pathlib import Path

import llama_cpp.llama_cpp as llama
import llama_cpp.mtmd_cpp as mtmd
import numpy as np
import torch
from PIL import Image

from training.export import MMPROJ_NAME, MODEL_NAME
from training.model import IMAGE_TOKENS, Config, DemoModel, normalise
from training.offtopic import off_topic
from training.paint import render
from training.render import letterbox
from training.scenes import random_scene
from training.tokenizer import Tokenizer


def llama_tokens(model: ctypes.c_void_p, text: str) -> list[int]:
    """Ids of plain text as llama.cpp sees it."""
    data = text.encode()
    room = (llama.llama_token * (len(data) + 8))()
    vocabulary = llama.llama_model_get_vocab(model)
    count = llama.llama_tokenize(vocabulary, data, len(data), room, len(room), False, False)
    return list(room[:count])


def mtmd_embeddings(context: ctypes.c_void_p, image: Image.Image, width: int) -> np.ndarray:
    """What libmtmd makes of a picture, preprocessing included: [IMAGE_TOKENS, width]."""
    pixels = np.ascontiguousarray(image)
    pointer = pixels.ctypes.data_as(ctypes.POINTER(ctypes.c_ubyte))
    bitmap = mtmd.mtmd_bitmap_init(pixels.shape[1], pixels.shape[0], pointer)
    text = mtmd.mtmd_input_text()
    marker = mtmd.mtmd_default_marker()
    text.text = marker if isinstance(marker, bytes) else marker.encode()
    text.add_special, text.parse_special = False, True
    if hasattr(text, "text_len"):
        text.text_len = len(text.text)
    chunks = mtmd.mtmd_input_chunks_init()
    bitmaps = ctypes.cast((ctypes.c_void_p * 1)(bitmap), ctypes.POINTER(mtmd.mtmd_bitmap_p_ctypes))
    assert mtmd.mtmd_tokenize(context, chunks, ctypes.byref(text), bitmaps, 1) == 0
    chunk = mtmd.mtmd_input_chunks_get(chunks, 0)
    assert mtmd.mtmd_encode_chunk(context, chunk) == 0
    found = np.ctypeslib.as_array(mtmd.mtmd_get_output_embd(context), (IMAGE_TOKENS, width)).copy()
    mtmd.mtmd_input_chunks_free(chunks)
    mtmd.mtmd_bitmap_free(bitmap)
    return found


def main() -> None:
    """Print the number of texts that differ and the least cosine of all image tokens."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path, help="folder with model.pt and tokenizer.model")
    parser.add_argument("gguf", type=Path, help="folder with the GGUF files of that checkpoint")
    a = parser.parse_args()
    rng = random.Random(1)
    model = llama.llama_model_load_from_file(
        str(a.gguf / MODEL_NAME).encode(), llama.llama_model_default_params()
    )
    parameters = mtmd.mtmd_context_params_default()
    parameters.use_gpu = False
    context = mtmd.mtmd_init_from_file(str(a.gguf / MMPROJ_NAME).encode(), model, parameters)
    tokenizer = Tokenizer(a.work / "tokenizer.model")
    texts = [off_topic(rng) for _ in range(5000)]
    differ = sum(tokenizer.encode(text) != llama_tokens(model, text) for text in texts)
    print(f"{differ} of {len(texts)} texts have other tokens")
    torch_model = DemoModel(Config())
    saved = torch.load(a.work / "model.pt", map_location="cpu", weights_only=True)
    torch_model.load_state_dict(saved["ema"])
    least = 1.0
    for _ in range(50):
        image, _ = render(random_scene(rng), rng)
        pixels = normalise(torch.from_numpy(np.array(letterbox(image)))[None])
        with torch.no_grad():
            mine = torch_model.projector(torch_model.tower(pixels))[0].numpy()
        theirs = mtmd_embeddings(context, image, torch_model.config.width)
        norms = np.linalg.norm(mine, axis=1) * np.linalg.norm(theirs, axis=1)
        least = min(least, float(((mine * theirs).sum(1) / norms).min()))
    print(f"least cosine of an image token: {least:.7f}")


if __name__ == "__main__":
    main()
