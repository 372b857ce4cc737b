"""Language models with random weights, in the tensors that llama.cpp loads for an architecture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gguf import GGUFWriter

from tests.engine.zoo.tokenizers import Vocabulary
from tests.engine.zoo.weights import Weights

HEADS, KV_HEADS, LAYERS, FFN = 4, 2, 2, 96
DELTA_STATE, DELTA_KEYS, DELTA_VALUES, DELTA_KERNEL = 16, 2, 4, 4
"""A delta net: width of a head, heads of keys and of values, tokens that its convolution sees."""

CONTEXT = 4096


def _nothing(_file: GGUFWriter) -> None:
    pass


@dataclass(frozen=True)
class Language:
    """A language model's shape."""

    architecture: str
    """`general.architecture`."""

    add_tokens: Callable[[GGUFWriter], Vocabulary]
    template: str | None
    width: int = 64
    layers: int = LAYERS
    biases: bool = False
    """Query, key and value have one (Qwen 2)."""

    head_norms: bool = False
    """Query and key are normed in each head (Qwen 3, Gemma 3, LFM2)."""

    post_norms: bool = False
    """Norms behind attention and feed-forward (Gemma 3)."""

    convolutions: tuple[int, ...] = ()
    """Layers that are short convolutions, whose state is recurrent (LFM2)."""

    delta_nets: tuple[int, ...] = ()
    """Layers that are gated delta nets, whose state is recurrent; the others' attention is gated
    then, too (Qwen 3.5)."""

    embeddings: float = 1.0
    """Size of the token embeddings; Gemma multiplies them with the root of the width."""

    extra: Callable[[GGUFWriter], None] = _nothing
    """Adds the metadata that only this architecture has."""


def write(path: Path, seed: str, shape: Language) -> None:
    """Write a language model's file."""
    weights = Weights(path, shape.architecture, seed)
    file, width = weights.file, shape.width
    file.add_context_length(CONTEXT)
    file.add_embedding_length(width)
    file.add_block_count(shape.layers)
    file.add_feed_forward_length(FFN)
    file.add_head_count(HEADS)
    kv_heads = [0 if block in shape.convolutions else KV_HEADS for block in range(shape.layers)]
    file.add_head_count_kv(kv_heads if shape.convolutions else KV_HEADS)
    file.add_layer_norm_rms_eps(1e-5)
    file.add_rope_dimension_count(width // HEADS)
    shape.extra(file)
    if shape.template is not None:
        file.add_chat_template(shape.template)
    size, sayable = shape.add_tokens(file)
    file.add_vocab_size(size)
    weights.table("token_embd.weight", size, width, gain=shape.embeddings)
    # LFM2's first files had a wrong name, which has stayed
    norm = "token_embd_norm.weight" if shape.convolutions else "output_norm.weight"
    weights.vector(norm, width, 1.0)
    weights.output("output.weight", size, width, sayable)
    for block in range(shape.layers):
        prefix = f"blk.{block}."
        weights.vector(f"{prefix}attn_norm.weight", width, 1.0)
        if block in shape.convolutions:
            _add_convolution(weights, prefix, width)
        elif block in shape.delta_nets:
            _add_delta_net(weights, prefix, width)
        else:
            _add_attention(weights, prefix, shape)
        norm = "post_attention_norm" if shape.delta_nets else "ffn_norm"
        weights.vector(f"{prefix}{norm}.weight", width, 1.0)
        weights.matrix(f"{prefix}ffn_gate.weight", FFN, width)
        weights.matrix(f"{prefix}ffn_up.weight", FFN, width)
        weights.matrix(f"{prefix}ffn_down.weight", width, FFN)
        if shape.post_norms:
            weights.vector(f"{prefix}post_attention_norm.weight", width, 1.0)
            weights.vector(f"{prefix}post_ffw_norm.weight", width, 1.0)
    weights.write()


def _add_attention(weights: Weights, prefix: str, shape: Language) -> None:
    head = shape.width // HEADS
    for name, heads in (("q", HEADS), ("k", KV_HEADS), ("v", KV_HEADS)):
        # large queries and keys: attention that picks, so that what stands in the cache matters
        gain = 1.0 if name == "v" else 2.0
        rows = 2 * heads * head if shape.delta_nets and name == "q" else heads * head
        weights.matrix(f"{prefix}attn_{name}.weight", rows, shape.width, gain=gain)
        if shape.biases:
            weights.vector(f"{prefix}attn_{name}.bias", heads * head)
        if shape.head_norms and name != "v":
            weights.vector(f"{prefix}attn_{name}_norm.weight", head, 2.0)
    weights.matrix(f"{prefix}attn_output.weight", shape.width, shape.width, gain=2.0)


def _add_convolution(weights: Weights, prefix: str, width: int) -> None:
    weights.matrix(f"{prefix}shortconv.conv.weight", width, 3)
    weights.matrix(f"{prefix}shortconv.in_proj.weight", 3 * width, width)
    weights.matrix(f"{prefix}shortconv.out_proj.weight", width, width)


def add_delta_net_sizes(file: GGUFWriter) -> None:
    """The metadata of the delta nets."""
    file.add_ssm_conv_kernel(DELTA_KERNEL)
    file.add_ssm_state_size(DELTA_STATE)
    file.add_ssm_group_count(DELTA_KEYS)
    file.add_ssm_time_step_rank(DELTA_VALUES)
    file.add_ssm_inner_size(DELTA_VALUES * DELTA_STATE)


def _add_delta_net(weights: Weights, prefix: str, width: int) -> None:
    values = DELTA_VALUES * DELTA_STATE
    rows = 2 * DELTA_KEYS * DELTA_STATE + values
    weights.matrix(f"{prefix}attn_qkv.weight", rows, width)
    weights.matrix(f"{prefix}attn_gate.weight", values, width)
    weights.matrix(f"{prefix}ssm_conv1d.weight", rows, DELTA_KERNEL)
    weights.vector(f"{prefix}ssm_dt.bias", DELTA_VALUES)
    weights.vector(f"{prefix}ssm_a", DELTA_VALUES, -0.02)  # how fast it forgets: slowly
    weights.matrix(f"{prefix}ssm_beta.weight", DELTA_VALUES, width)
    weights.matrix(f"{prefix}ssm_alpha.weight", DELTA_VALUES, width)
    weights.vector(f"{prefix}ssm_norm.weight", DELTA_STATE, 1.0)
    weights.matrix(f"{prefix}ssm_out.weight", width, values, gain=4.0)
