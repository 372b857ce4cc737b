"""How much memory a model takes, from the headers of its files alone.

The parts are those that llama.cpp allocates: weights, KV cache, buffers for one step (compute), and
the same for the vision tower. The formulas for buffers were fitted to llama.cpp's own simulated
loads of fifteen shapes (`bench/fit.py`), weights and KV cache follow from the file. Byte counts in,
byte counts out: nothing here looks at a machine.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import msgspec

from vlmtui.models.gguf.header import Header
from vlmtui.models.tower_memory import Bytes as Bytes
from vlmtui.models.tower_memory import image_bytes

KV_BYTES = {"f16": (1, 2), "q8_0": (32, 34), "q4_0": (32, 18)}
"""By type of the KV cache: values a block, bytes a block."""

DEFAULT_CTX = 4096
"""Context in tokens when none is asked for, where the model was trained on as much."""

LEAST_CTX = 256
_CTX_STEP = 256

_PYTHON = 48_000_000
"""Python, libraries and buffers of their own, measured with the smallest models."""

_TOKEN = 330
"""Bytes of a token in llama.cpp's vocabulary, its merge included: 152,000 tokens took 45 MB more
than 32,000."""

_CHECKPOINTS = 16
_CHECKPOINT_BYTES = 160 * 1024 * 1024
"""States of a recurrent memory that the engine keeps: so many, and in so many bytes, at most."""

GPU_CONTEXT = 400_000_000
"""What CUDA takes of the GPU's memory for a process, on Orin and on discrete GPUs."""

_GEMMA_3N_OWN = 20
"""Layers of a Gemma 3n that have keys and values of their own; its files don't say."""

_RECURRENT = ("ssm_conv1d.weight", "ssm_a", "shortconv.conv.weight")
"""Tensors of layers that keep a state in the place of keys and values: Mamba, Qwen 3.5, LFM2."""

_REPACKED = ("Q4_0", "Q4_K", "IQ4_NL")
"""Types that llama.cpp rearranges for CPUs of both families."""


class Setup(msgspec.Struct, frozen=True):
    """How a model is to be loaded: what of a load request decides about memory."""

    ctx: int = DEFAULT_CTX
    """Tokens, more than 0."""

    kv: str = "f16"
    """A key of `KV_BYTES`."""

    gpu_layers: int = -1
    """-1 is all of them."""

    mmproj_gpu: bool = True
    batch: int = 512


class Need(msgspec.Struct, frozen=True):
    """Memory that a loaded model takes at its peak, by part."""

    weights: Bytes
    kv: Bytes
    compute: Bytes
    mmproj: Bytes
    """Weights of the vision tower."""

    images: Bytes
    """Encoding a picture of the largest size: buffers, pixels, embeddings."""

    process: Bytes
    """Everything else: Python, libraries, vocabulary, the GPU driver's context."""

    @property
    def total(self) -> Bytes:
        total = Bytes()
        for part in msgspec.structs.astuple(self):
            total = total.plus(part)
        return total


def estimate(
    model: Header,
    mmproj: Header | None,
    setup: Setup,
    *,
    gpu: bool = False,
    picture: tuple[int, int] | None = None,
) -> Need:
    """Memory of a load, from the headers of model and tower, and whether llama.cpp uses a GPU.

    `picture` is the size of the largest picture that will be shown; None for any, which the engine
    scales down to what the context holds.
    """
    share = _gpu_share(model, setup) if gpu else _GpuShare(0.0, 0, False)
    weights = _weights(model, share)
    kv = sum(kv_bytes(model, setup))
    compute = compute_bytes(model, setup)
    tower = mmproj.weights if mmproj is not None else 0
    on_gpu = share.layers > 0 and setup.mmproj_gpu
    images = Bytes()
    if mmproj is not None:
        images = image_bytes(model, mmproj, setup.ctx, on_gpu=on_gpu, picture=picture)
    return Need(
        weights=weights,
        kv=Bytes(round(kv * (1 - share.fraction)), round(kv * share.fraction)),
        compute=Bytes.on(share.layers > 0, compute),
        mmproj=Bytes.on(on_gpu, tower),
        images=images,
        process=Bytes(process_bytes(model), GPU_CONTEXT if share.layers else 0),
    )


def rounded_ctx(ctx: int) -> int:
    """The context that llama.cpp makes of so many tokens."""
    return max(LEAST_CTX, math.ceil(ctx / _CTX_STEP) * _CTX_STEP)


def default_ctx(model: Header) -> int:
    """The context that is taken when none is asked for."""
    trained = model.number(f"{model.architecture}.context_length", DEFAULT_CTX)
    return max(LEAST_CTX, min(trained or DEFAULT_CTX, DEFAULT_CTX))


def kv_types(model: Header) -> tuple[str, ...]:
    """Types that the KV cache can be kept in: a head has to be whole blocks."""
    heads = _heads(model)
    return tuple(
        kind
        for kind, (block, _) in KV_BYTES.items()
        if all(key % block == 0 and value % block == 0 for _, key, value in heads)
    )


def kv_bytes(model: Header, setup: Setup) -> list[int]:
    """Bytes of the KV cache, or of the recurrent state, layer by layer.

    A layer's keys and values take `heads x width` numbers a token; fewer heads than the queries
    have (GQA, MQA) make it smaller. Sliding windows don't: the engine keeps the whole context, or
    it could not go back to an earlier turn. A layer without heads is recurrent.
    """
    block, size = KV_BYTES[setup.kv]
    cells = rounded_ctx(setup.ctx)
    state = _state(model)
    return [
        cells * heads * (key + value) // block * size if heads else state
        for heads, key, value in _heads(model)
    ]


def compute_bytes(model: Header, setup: Setup) -> int:
    """Buffers of one step, in bytes: activations of a batch, and the masks over the context."""
    name = model.architecture
    width = model.number(f"{name}.embedding_length", 0)
    attention = _number(model, "attention.head_count", 1) * max(
        (key for _, key, _ in _heads(model)), default=0
    )
    experts = model.number(f"{name}.expert_used_count", 0)
    ffn = max(
        _number(model, "feed_forward_length", 4 * width),
        experts * model.number(f"{name}.expert_feed_forward_length", 0),
    )
    masks = 2 if model.number(f"{name}.attention.sliding_window", 0) else 1
    activations = 4 * (3 * width + max(max(width, attention) + 3 * ffn, 3 * _channels(model)))
    return setup.batch * (activations + masks * 2 * rounded_ctx(setup.ctx))


def process_bytes(model: Header) -> int:
    """What the engine's process takes besides: Python, libraries, vocabulary, checkpoints."""
    state = _state(model) * sum(1 for heads, _, _ in _heads(model) if not heads)
    kept = min(_CHECKPOINTS, _CHECKPOINT_BYTES // state) * state if state else 0
    return _PYTHON + _TOKEN * model.length("tokenizer.ggml.tokens") + kept


class _GpuShare(NamedTuple):
    fraction: float
    """Of the repeating layers."""

    layers: int
    output: bool
    """The output layer is on the GPU too."""


def _gpu_share(model: Header, setup: Setup) -> _GpuShare:
    count = len(model.layers) or 1
    wanted = count + 1 if setup.gpu_layers < 0 else min(setup.gpu_layers, count + 1)
    # llama.cpp begins with the output layer, and goes on with the last of the repeating ones
    repeating = max(0, wanted - 1)
    return _GpuShare(repeating / count, wanted, wanted > 0)


def _weights(model: Header, share: _GpuShare) -> Bytes:
    # where embeddings and output are one tensor, a GPU has a copy of its own, and so have the CPU's
    # kernels that want their weights rearranged
    tied = model.embeddings if model.output < model.embeddings // 8 else 0
    if not share.layers:
        table = model.by_name.get("token_embd.weight")
        copied = table is not None and table.quant in _REPACKED
        return Bytes(host=model.weights + (tied if copied else 0))
    repeating = round(sum(model.layers) * share.fraction)
    output = (model.output + tied) if share.output else 0
    gpu = repeating + output
    return Bytes(host=model.weights - repeating - (model.output if share.output else 0), gpu=gpu)


def _heads(model: Header) -> list[tuple[int, int, int]]:
    """KV heads, width of a key and of a value, layer by layer."""
    name = model.architecture
    layers = model.number(f"{name}.block_count", 0) or len(model.layers)
    # layers that predict several tokens are not run here
    layers -= min(layers, model.number(f"{name}.nextn_predict_layers", 0))
    width = model.number(f"{name}.embedding_length", 0)
    queries = _number(model, "attention.head_count", 1) or 1
    key = _number(model, "attention.key_length", 0) or width // queries
    value = _number(model, "attention.value_length", 0) or key
    # where it doesn't say, a layer has as many as it has queries; an array may be shorter than it
    # should in a file that llama.cpp will refuse anyway
    heads = model.numbers(f"{name}.attention.head_count_kv") or (queries,)
    own = layers - min(layers, model.number(f"{name}.attention.shared_kv_layers", 0))
    own = min(own, _GEMMA_3N_OWN) if name == "gemma3n" else own
    found = [
        _heads_of(model, layer, heads[min(layer, len(heads) - 1)], key, value)
        for layer in range(min(own, 10_000))
    ]
    # the last ones of a Gemma 4 read the keys and values of layers before them
    return [*found, *[(0, key, value)] * min(layers - own, 10_000)]


def _heads_of(model: Header, layer: int, heads: int, key: int, value: int) -> tuple[int, int, int]:
    """The same of one layer: its tensors know better than what is told of all layers."""
    prefix = f"blk.{layer}."
    keys, values = (model.by_name.get(f"{prefix}attn_{name}.weight") for name in ("k", "v"))
    if keys is None or len(keys.shape) < 2:
        recurrent = any(f"{prefix}{name}" in model.by_name for name in _RECURRENT)
        return (0 if recurrent else heads), key, value
    if not heads or keys.shape[1] % heads:
        return heads, key, value
    made = values.shape[1] if values is not None and len(values.shape) > 1 else keys.shape[1]
    return heads, keys.shape[1] // heads, made // heads


def _number(model: Header, key: str, default: int) -> int:
    """A number of the architecture's; the largest where it differs by layer."""
    return max(model.numbers(f"{model.architecture}.{key}"), default=default)


def _state(model: Header) -> int:
    """Bytes of the state of one recurrent layer: convolutions, Mamba, delta nets."""
    name = model.architecture
    width = model.number(f"{name}.embedding_length", 0)
    kept = model.number(f"{name}.shortconv.l_cache", 0)
    if kept:
        return 4 * (kept - 1) * width
    inner = model.number(f"{name}.ssm.inner_size", 0)
    state = model.number(f"{name}.ssm.state_size", 0)
    window = max(1, model.number(f"{name}.ssm.conv_kernel", 1))
    return 4 * ((window - 1) * _channels(model) + inner * state)


def _channels(model: Header) -> int:
    """How many numbers a token has in the convolution of a recurrent layer; 0 without such."""
    inner, state, groups = (
        model.number(f"{model.architecture}.ssm.{key}", 0)
        for key in ("inner_size", "state_size", "group_count")
    )
    return inner + 2 * groups * state
