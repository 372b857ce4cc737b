"""Writes a model of LLaVA-1.5's shape with random weights, for benchmarks and tests.

It computes exactly what a trained model of its size computes, and says nonsense until its context
is full: at the usual sampling it never ends by itself. Three sizes:
`large` (the CLIP-L/336 tower of LLaVA-1.5, a 0.3B llama; 0.9 GB), `small` (a few MB, for tests that
need an endless answer) and `slow` (60 MB, for an answer that takes a minute). `hybrid` is another
shape, that of Qwen3.5 with 0.3B (0.4 GB), and `hybrid-small` the same in a few MB.

    python -m bench.make_model large
"""

from __future__ import annotations

import argparse
import itertools
import math
import string
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Quant
from gguf import GGUFWriter
from numpy.typing import NDArray

from bench import qwen35
from bench.qwen35 import Hybrid

CACHE = Path(__file__).resolve().parents[1] / ".bench" / "models"

_EOS = 2
"""Id of the token that ends an answer."""

_TEMPLATE = """\
{%- for message in messages -%}
{{ 'USER: ' if message['role'] == 'user' else 'ASSISTANT: ' if message['role'] == 'assistant' }}
{%- if message['content'] is string %}{{ message['content'] }}
{%- else %}{% for part in message['content'] %}{{ part['text'] }}{% endfor %}{% endif -%}
{{ ' ' if message['role'] != 'assistant' else '</s>' }}
{%- endfor -%}
{%- if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif -%}
"""


@dataclass(frozen=True)
class Size:
    """Shape of a model; widths in units, sides in pixels."""

    layers: int
    width: int
    heads: int
    ffn: int
    vocab: int
    context: int
    quant: Quant
    tower_layers: int
    tower_width: int
    tower_heads: int
    image: int
    patch: int = 14


SIZES = {
    "large": Size(16, 1024, 16, 2816, 32000, 4096, Quant.Q8_0, 24, 1024, 16, 336),
    "small": Size(4, 256, 4, 768, 2048, 4096, Quant.Q8_0, 2, 128, 2, 56),
    "slow": Size(4, 1024, 8, 2816, 2048, 16384, Quant.Q8_0, 2, 128, 2, 56),
}

HYBRIDS = {
    "hybrid": Hybrid(12, 1024, 8, 2, 256, 3584, 32000, 16, 16, 8, 512, 8, 2048, tied=False),
    "hybrid-small": Hybrid(
        4, 128, 4, 2, 64, 256, 2048, 2, 4, 2, 128, 4, 256, delta_state=32, tied=False
    ),
}

NAMES = (*SIZES, *HYBRIDS)


@dataclass(frozen=True)
class Files:
    """The pair of files."""

    model: Path
    mmproj: Path


def ensure(size: str, folder: Path = CACHE) -> Files:
    """Write the pair unless it is there.

    Args:
        size: One of `NAMES`.
        folder: Where to; created.

    Returns:
        The files, whole: an interrupted run leaves only temporary names.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = Files(folder / f"random-{size}.gguf", folder / f"random-{size}-mmproj.gguf")
    for path, is_tower in ((files.model, False), (files.mmproj, True)):
        if not path.exists():
            partial = path.with_suffix(".partial")
            if size in HYBRIDS:
                _write_hybrid(partial, HYBRIDS[size], is_tower)
            else:
                (_write_mmproj if is_tower else _write_model)(partial, SIZES[size])
            partial.replace(path)
    return files


class _Tensors:
    """Announces all tensors first and then draws them one by one, so that memory stays small."""

    def __init__(self, writer: GGUFWriter) -> None:
        self._writer = writer
        self._draws: list[Callable[[], NDArray[np.generic]]] = []
        self._random = np.random.default_rng(5)

    def matrix(
        self, name: str, *shape: int, quant: Quant = Quant.F16, zero_row: int | None = None
    ) -> None:
        def draw() -> NDArray[np.generic]:
            values = self._random.standard_normal(shape, np.float32) * np.float32(0.02)
            if zero_row is not None:
                values[zero_row] = 0
            return gguf.quants.quantize(values, quant)

        self._announce(name, shape, quant)
        self._draws.append(draw)

    def vector(self, name: str, size: int, value: float) -> None:
        self._announce(name, (size,), Quant.F32)
        self._draws.append(lambda: np.full(size, value, np.float32))

    def _announce(self, name: str, shape: tuple[int, ...], quant: Quant) -> None:
        in_bytes = gguf.quant_shape_to_byte_shape(shape, quant)
        kind = np.dtype(np.uint8)  # makes the writer take the shape as one in bytes
        self._writer.add_tensor_info(name, in_bytes, kind, math.prod(in_bytes), raw_dtype=quant)

    def write(self) -> None:
        self._writer.write_header_to_file()
        self._writer.write_kv_data_to_file()
        self._writer.write_ti_data_to_file()
        for draw in self._draws:
            self._writer.write_tensor_data(draw())
        self._writer.close()


def _write_model(path: Path, size: Size) -> None:
    writer = GGUFWriter(path, "llama")
    writer.add_name("random weights")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_context_length(size.context)
    writer.add_embedding_length(size.width)
    writer.add_block_count(size.layers)
    writer.add_feed_forward_length(size.ffn)
    writer.add_head_count(size.heads)
    writer.add_head_count_kv(size.heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(size.width // size.heads)
    writer.add_vocab_size(size.vocab)
    _add_tokenizer(writer, size.vocab)
    tensors = _Tensors(writer)
    tensors.matrix("token_embd.weight", size.vocab, size.width, quant=size.quant)
    tensors.vector("output_norm.weight", size.width, 1.0)
    # A logit of 0 is so far below the best of thousands of random ones that min-p 0.05 at the usual
    # temperature drops it. With a random row a tenth of all answers ended within 200 tokens.
    tensors.matrix("output.weight", size.vocab, size.width, quant=size.quant, zero_row=_EOS)
    for block in range(size.layers):
        prefix = f"blk.{block}."
        tensors.vector(f"{prefix}attn_norm.weight", size.width, 1.0)
        tensors.vector(f"{prefix}ffn_norm.weight", size.width, 1.0)
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            tensors.matrix(f"{prefix}{name}.weight", size.width, size.width, quant=size.quant)
        for name in ("ffn_gate", "ffn_up"):
            tensors.matrix(f"{prefix}{name}.weight", size.ffn, size.width, quant=size.quant)
        tensors.matrix(f"{prefix}ffn_down.weight", size.width, size.ffn, quant=size.quant)
    tensors.write()


def _write_hybrid(path: Path, shape: Hybrid, is_tower: bool) -> None:
    writer = GGUFWriter(path, "clip" if is_tower else "qwen35")
    writer.add_name("random weights")
    tensors = _Tensors(writer)
    (qwen35.add_tower if is_tower else qwen35.add_model)(writer, tensors, shape)
    tensors.write()


def _write_mmproj(path: Path, size: Size) -> None:
    writer = GGUFWriter(path, "clip")
    writer.add_type("mmproj")
    writer.add_name("random weights")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_clip_has_vision_encoder(True)
    writer.add_clip_projector_type("mlp")
    writer.add_vision_image_size(size.image)
    writer.add_vision_patch_size(size.patch)
    writer.add_vision_embedding_length(size.tower_width)
    writer.add_vision_feed_forward_length(size.tower_width * 4)
    writer.add_vision_projection_dim(size.width)
    writer.add_vision_block_count(size.tower_layers)
    writer.add_vision_head_count(size.tower_heads)
    writer.add_vision_attention_layernorm_eps(1e-5)
    writer.add_vision_image_mean([0.48145466, 0.4578275, 0.40821073])
    writer.add_vision_image_std([0.26862954, 0.26130258, 0.27577711])
    writer.add_vision_use_gelu(False)
    tensors = _Tensors(writer)
    width = size.tower_width
    tensors.matrix("v.patch_embd.weight", width, 3, size.patch, size.patch)
    tensors.vector("v.class_embd", width, 0.01)
    positions = (size.image // size.patch) ** 2 + 1
    tensors.matrix("v.position_embd.weight", positions, width, quant=Quant.F32)
    for norm in ("v.pre_ln", "v.post_ln"):
        tensors.vector(f"{norm}.weight", width, 1.0)
        tensors.vector(f"{norm}.bias", width, 0.0)
    for block in range(size.tower_layers):
        prefix = f"v.blk.{block}."
        for name in ("ln1", "ln2"):
            tensors.vector(f"{prefix}{name}.weight", width, 1.0)
            tensors.vector(f"{prefix}{name}.bias", width, 0.0)
        for name in ("attn_q", "attn_k", "attn_v", "attn_out"):
            tensors.matrix(f"{prefix}{name}.weight", width, width)
            tensors.vector(f"{prefix}{name}.bias", width, 0.0)
        for name, rows, columns in (("ffn_up", 4 * width, width), ("ffn_down", width, 4 * width)):
            tensors.matrix(f"{prefix}{name}.weight", rows, columns)
            tensors.vector(f"{prefix}{name}.bias", rows, 0.0)
    for name, columns in (("mm.0", width), ("mm.2", size.width)):
        tensors.matrix(f"{name}.weight", size.width, columns)
        tensors.vector(f"{name}.bias", size.width, 0.0)
    tensors.write()


def _add_tokenizer(writer: GGUFWriter, vocab: int) -> None:
    """A SentencePiece vocabulary in which most of what the model says reads back as it was said."""
    pieces = list(itertools.islice(_pieces(), vocab))
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([piece.encode() for piece, _ in pieces])
    writer.add_token_scores([-float(rank) for rank in range(vocab)])
    writer.add_token_types([int(kind) for _, kind in pieces])
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(_EOS)
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(True)
    writer.add_chat_template(_TEMPLATE)


def _pieces() -> Iterator[tuple[str, gguf.TokenType]]:
    """Bytes, characters, then made-up words; each word is its shorter word and one letter more."""
    yield "<unk>", gguf.TokenType.UNKNOWN
    yield "<s>", gguf.TokenType.CONTROL
    yield "</s>", gguf.TokenType.CONTROL
    for byte in range(256):
        yield f"<0x{byte:02X}>", gguf.TokenType.BYTE
    for character in "▁" + string.ascii_letters + string.digits + string.punctuation:
        yield character, gguf.TokenType.NORMAL
    for length in itertools.count(1):
        for letters in itertools.product(string.ascii_lowercase, repeat=length):
            yield "▁" + "".join(letters), gguf.TokenType.NORMAL


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("size", choices=NAMES, nargs="?", default="large")
    parser.add_argument("--folder", type=Path, default=CACHE)
    arguments = parser.parse_args()
    started = time.monotonic()
    files = ensure(arguments.size, arguments.folder)
    for file in (files.model, files.mmproj):
        print(f"{file}  {file.stat().st_size / 1e6:.0f} MB")
    print(f"{time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
