"""Files of Qwen3.5's shape: gated delta nets, every fourth layer attention, and Qwen3-VL's tower.

What is put into the tensors is up to whoever writes the file: nothing (`shapes`) or random weights
(`make_model`).
"""

from __future__ import annotations

import itertools
import string
from dataclasses import dataclass
from typing import Protocol

from gguf import GGMLQuantizationType as Quant
from gguf import GGUFWriter

INTERVAL = 4
"""A layer of attention at every so manyth place."""

KERNEL = 4
PATCH, MERGED = 16, 2

SPECIAL = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<think>",
    "</think>",
)

TEMPLATE = """\
{%- for message in messages -%}
{{ '<|im_start|>' + message['role'] + '\\n' }}
{%- if message['content'] is string %}{{ message['content'].split('</think>')[-1] | trim }}
{%- else %}{% for part in message['content'] %}
{%- if part['type'] == 'image' %}{{ '<|vision_start|><|image_pad|><|vision_end|>' }}
{%- else %}{{ part['text'] }}{% endif %}
{%- endfor %}{% endif -%}
{{ '<|im_end|>\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{ '<|im_start|>assistant\\n<think>\\n\\n</think>\\n\\n' }}
{%- endif -%}
"""
"""Thinking is switched off, which stands before the newest answer only: as Qwen3.5's own has it."""


class Tensors(Protocol):
    """Takes the tensors of a file."""

    def matrix(self, name: str, *shape: int, quant: Quant = Quant.F16) -> None:
        """A matrix, rows first."""

    def vector(self, name: str, size: int, value: float) -> None:
        """A vector, all of one value where it is drawn at all."""


@dataclass(frozen=True)
class Hybrid:
    """A model's shape; the tower's numbers come last."""

    layers: int
    width: int
    heads: int
    kv_heads: int
    head: int
    ffn: int
    vocab: int
    delta_keys: int
    delta_values: int
    tower_layers: int
    tower_width: int
    tower_heads: int
    tower_ffn: int
    delta_state: int = 128
    context: int = 32768
    quant: Quant = Quant.Q8_0
    tied: bool = True
    """The output layer is the token embeddings. With random weights such a model says again what it
    was told last."""


def add_model(file: GGUFWriter, tensors: Tensors, shape: Hybrid) -> None:
    """The language model."""
    width, values = shape.width, shape.delta_values * shape.delta_state
    file.add_context_length(shape.context)
    file.add_embedding_length(width)
    file.add_block_count(shape.layers)
    file.add_feed_forward_length(shape.ffn)
    file.add_head_count(shape.heads)
    file.add_head_count_kv(shape.kv_heads)
    file.add_key_length(shape.head)
    file.add_value_length(shape.head)
    file.add_layer_norm_rms_eps(1e-6)
    file.add_rope_dimension_count(shape.head // 4)
    third = shape.head // 24
    file.add_rope_dimension_sections([shape.head // 8 - 2 * third, third, third, 0])
    file.add_full_attention_interval(INTERVAL)
    file.add_ssm_conv_kernel(KERNEL)
    file.add_ssm_state_size(shape.delta_state)
    file.add_ssm_group_count(shape.delta_keys)
    file.add_ssm_time_step_rank(shape.delta_values)
    file.add_ssm_inner_size(values)
    _add_tokenizer(file, shape.vocab)
    tensors.matrix("token_embd.weight", shape.vocab, width, quant=shape.quant)
    if not shape.tied:
        tensors.matrix("output.weight", shape.vocab, width, quant=shape.quant)
    tensors.vector("output_norm.weight", width, 1.0)
    for block in range(shape.layers):
        prefix = f"blk.{block}."
        if (block + 1) % INTERVAL:
            _add_delta_net(tensors, prefix, shape, values)
        else:
            _add_attention(tensors, prefix, shape)
        for norm in ("attn_norm", "post_attention_norm"):
            tensors.vector(f"{prefix}{norm}.weight", width, 1.0)
        for name in ("ffn_gate", "ffn_up"):
            tensors.matrix(f"{prefix}{name}.weight", shape.ffn, width, quant=shape.quant)
        tensors.matrix(f"{prefix}ffn_down.weight", width, shape.ffn, quant=shape.quant)


def _add_delta_net(tensors: Tensors, prefix: str, shape: Hybrid, values: int) -> None:
    rows = 2 * shape.delta_keys * shape.delta_state + values
    for name, height in (("attn_qkv", rows), ("attn_gate", values)):
        tensors.matrix(f"{prefix}{name}.weight", height, shape.width, quant=shape.quant)
    tensors.matrix(f"{prefix}ssm_conv1d.weight", rows, KERNEL, quant=Quant.F32)
    tensors.vector(f"{prefix}ssm_dt.bias", shape.delta_values, 0.0)
    tensors.vector(f"{prefix}ssm_a", shape.delta_values, -0.02)  # how fast it forgets: slowly
    for name in ("ssm_beta", "ssm_alpha"):
        tensors.matrix(f"{prefix}{name}.weight", shape.delta_values, shape.width, quant=shape.quant)
    tensors.vector(f"{prefix}ssm_norm.weight", shape.delta_state, 1.0)
    tensors.matrix(f"{prefix}ssm_out.weight", shape.width, values, quant=shape.quant)


def _add_attention(tensors: Tensors, prefix: str, shape: Hybrid) -> None:
    heads = {"q": 2 * shape.heads, "k": shape.kv_heads, "v": shape.kv_heads}  # queries are gated
    for name, count in heads.items():
        rows = count * shape.head
        tensors.matrix(f"{prefix}attn_{name}.weight", rows, shape.width, quant=shape.quant)
    for name in "qk":
        tensors.vector(f"{prefix}attn_{name}_norm.weight", shape.head, 1.0)
    columns = shape.heads * shape.head
    tensors.matrix(f"{prefix}attn_output.weight", shape.width, columns, quant=shape.quant)


def add_tower(file: GGUFWriter, tensors: Tensors, shape: Hybrid) -> None:
    """The vision tower: 2x2 patches become a token."""
    width, joined = shape.tower_width, shape.tower_width * MERGED**2
    file.add_type("mmproj")
    file.add_clip_has_vision_encoder(True)
    file.add_clip_projector_type("qwen3vl_merger")
    file.add_vision_image_size(768)
    file.add_vision_patch_size(PATCH)
    file.add_vision_embedding_length(width)
    file.add_vision_feed_forward_length(shape.tower_ffn)
    file.add_vision_projection_dim(shape.width)
    file.add_vision_block_count(shape.tower_layers)
    file.add_vision_head_count(shape.tower_heads)
    file.add_vision_attention_layernorm_eps(1e-6)
    file.add_vision_image_mean([0.5, 0.5, 0.5])
    file.add_vision_image_std([0.5, 0.5, 0.5])
    file.add_vision_use_gelu(True)
    file.add_array("clip.vision.is_deepstack_layers", [False] * shape.tower_layers)
    for suffix in ("", ".1"):
        tensors.matrix(f"v.patch_embd.weight{suffix}", width, 3, PATCH, PATCH)
    tensors.vector("v.patch_embd.bias", width, 0.0)
    tensors.matrix("v.position_embd.weight", (768 // PATCH) ** 2, width, quant=Quant.F32)
    _add_norm(tensors, "v.post_ln", width)
    for block in range(shape.tower_layers):
        prefix = f"v.blk.{block}."
        for norm in ("ln1", "ln2"):
            _add_norm(tensors, prefix + norm, width)
        for name, rows, columns in (
            ("attn_qkv", 3 * width, width),
            ("attn_out", width, width),
            ("ffn_up", shape.tower_ffn, width),
            ("ffn_down", width, shape.tower_ffn),
        ):
            _add_linear(tensors, prefix + name, rows, columns)
    _add_linear(tensors, "mm.0", joined, joined)
    _add_linear(tensors, "mm.2", shape.width, joined)


def _add_linear(tensors: Tensors, name: str, rows: int, columns: int) -> None:
    tensors.matrix(f"{name}.weight", rows, columns)
    tensors.vector(f"{name}.bias", rows, 0.0)


def _add_norm(tensors: Tensors, name: str, size: int) -> None:
    tensors.vector(f"{name}.weight", size, 1.0)
    tensors.vector(f"{name}.bias", size, 0.0)


def _add_tokenizer(file: GGUFWriter, vocab: int) -> None:
    """Made-up words with a space before them, so that most of what is said reads back as said."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    letters = [chr(byte) for byte in printable] + [chr(256 + at) for at in range(len(others))]
    space, line = (letters[len(printable) + others.index(byte)] for byte in (0x20, 0x0A))
    words = itertools.chain.from_iterable(
        itertools.product(string.ascii_lowercase, repeat=length) for length in itertools.count(1)
    )
    fixed = [*SPECIAL, *letters, 2 * line]  # an empty thought has four tokens, as Qwen3.5's
    made = [space + "".join(word) for word in itertools.islice(words, vocab - len(fixed))]
    file.add_vocab_size(vocab)
    file.add_tokenizer_model("gpt2")
    file.add_tokenizer_pre("qwen35")
    file.add_token_list([*fixed, *made])
    file.add_token_types([3] * len(SPECIAL) + [1] * (vocab - len(SPECIAL)))
    file.add_token_merges([f"{word[:-1]} {word[-1]}" for word in (2 * line, *made)])
    file.add_eos_token_id(SPECIAL.index("<|im_end|>"))
    file.add_add_bos_token(False)
    file.add_chat_template(TEMPLATE)
