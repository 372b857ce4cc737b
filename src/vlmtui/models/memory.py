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

from vlmtui.models.gguf import Header
from vlmtui.models.gguf.pairing import embedding_size, projector

KV_BYTES = {"f16": (1, 2), "q8_0": (32, 34), "q4_0": (32, 18)}
"""By type of the KV cache: values a block, bytes a block."""

DEFAULT_CTX = 4096
"""Context in tokens when none is asked for, where the model was trained on as much."""

LEAST_CTX = 256
_CTX_STEP = 256

_PYTHON = 46_000_000
"""Python, libraries and buffers of their own, measured with the smallest models."""

_TOKEN = 330
"""Bytes of a token in llama.cpp's vocabulary, its merge included: 152,000 tokens took 45 MB more
than 32,000."""

_CHECKPOINTS = 16
_CHECKPOINT_BYTES = 160 * 1024 * 1024
"""States of a recurrent memory that the engine keeps: so many, and in so many bytes, at most."""

_GPU_CONTEXT = 400_000_000
"""What CUDA takes of the GPU's memory for itself; about this on Orin and on discrete GPUs [I]."""

_LARGEST_PICTURE = 0.75
"""Share of the context that the engine lets one picture take."""

_LARGEST_FILE = 100_000_000
"""Pixels of the largest picture file that the engine takes."""

_DECODED_BYTES = 4
"""Of a pixel, as the decoder holds it."""

_PIXELS_OF_TOKEN = 4096
"""The engine scales pictures down to so many pixels for each of their tokens."""

_MOST_TOKENS = {"qwen2vl_merger": 4096, "qwen2.5vl_merger": 4096, "qwen3vl_merger": 4096}
_MOST_TOKENS_ELSE = 1024
_FORM = "vlmtui.picture_form"
"""Key of an imported tower, VILA's: all pictures have one size, whatever its projector's kind."""

_PREPARED = 16_000_000
"""Pixels of a picture that the engine prepares for such a tower: `forms` decodes so many whole."""

_WARMED_UP = 32**2
"""Patches that libmtmd tries such a tower with when it is loaded, more than a picture then has."""

_SIDES = {"qwen2vl_merger": 2, "qwen2.5vl_merger": 2, "qwen3vl_merger": 2, "pixtral": 1, "lfm2": 2}
"""Towers that take a picture in its own size, and how many patches a token joins on each side."""

_REPACKED = ("Q4_0", "Q4_K", "IQ4_NL")
"""Types that llama.cpp rearranges for CPUs of both families."""

_DELTA_NETS = ("qwen35", "qwen35moe", "qwen3next")
"""Architectures of which a layer attends now and then, and the others are recurrent."""

_WINDOWED = "qwen2.5vl_merger"


class Bytes(NamedTuple):
    """Bytes of main memory and of the GPU's."""

    host: int = 0
    gpu: int = 0

    def plus(self, other: Bytes) -> Bytes:
        """The sum."""
        return Bytes(self.host + other.host, self.gpu + other.gpu)


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
        """All parts together."""
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
    """Memory of a load, from headers.

    Args:
        model: The language model's header.
        mmproj: The vision tower's.
        setup: How it is loaded.
        gpu: llama.cpp was built with a GPU backend, and there is a GPU.
        picture: Width and height in pixels of the largest picture that will be shown; None for any
            size, which the engine scales down to what the context holds.
    """
    share = _gpu_share(model, setup) if gpu else _GpuShare(0.0, 0, False)
    weights = _weights(model, share)
    kv = sum(kv_bytes(model, setup))
    compute = compute_bytes(model, setup)
    tower = mmproj.weights if mmproj is not None else 0
    on_gpu = share.layers > 0 and setup.mmproj_gpu
    images = Bytes()
    if mmproj is not None:
        images = image_bytes(model, mmproj, setup, on_gpu=on_gpu, picture=picture)
    return Need(
        weights=weights,
        kv=Bytes(round(kv * (1 - share.fraction)), round(kv * share.fraction)),
        compute=_put(compute, share.layers > 0),
        mmproj=_put(tower, on_gpu),
        images=images,
        process=Bytes(process_bytes(model), _GPU_CONTEXT if share.layers else 0),
    )


def image_bytes(
    model: Header,
    mmproj: Header,
    setup: Setup,
    *,
    on_gpu: bool,
    picture: tuple[int, int] | None = None,
    reckoned: int = 0,
) -> Bytes:
    """What encoding one picture takes at its peak.

    Args:
        model: The language model.
        mmproj: Its vision tower.
        setup: How they are loaded.
        on_gpu: The tower is on the GPU.
        picture: As in `estimate`.
        reckoned: The tower's buffers as libmtmd reckons them, in bytes; taken for towers that see
            all pictures in one size.
    """
    patches, side = _patches(mmproj, setup.ctx, picture)
    buffers = _tower_compute(mmproj, model, patches)
    if reckoned and (projector(mmproj) not in _SIDES or mmproj.text(_FORM)):
        buffers = reckoned
    # the engine keeps an embedding, and libmtmd its own copy of the newest
    tokens = patches // side**2
    embeddings = 2 * 4 * tokens * embedding_size(model)
    most = _PREPARED if mmproj.text(_FORM) else 4 * _PIXELS_OF_TOKEN * tokens
    pixels = _pixels(mmproj, patches) + _decoded(most, picture)
    return _put(buffers, on_gpu).plus(Bytes(host=pixels + embeddings))


def gpu_context_bytes() -> int:
    """What a GPU's driver takes of the GPU's memory for a process."""
    return _GPU_CONTEXT


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
    width = model.number(f"{name}.embedding_length", 0)
    queries = _number(model, "attention.head_count", 1) or 1
    key = model.number(f"{name}.attention.key_length", 0) or width // queries
    value = model.number(f"{name}.attention.value_length", 0) or key
    # where it doesn't say, a layer has as many as it has queries; an array may be shorter than it
    # should in a file that llama.cpp will refuse anyway
    heads = model.numbers(f"{name}.attention.head_count_kv") or (queries,)
    interval = model.number(f"{name}.full_attention_interval", 4 if name in _DELTA_NETS else 0)
    return [
        (
            0 if interval and (layer + 1) % interval else heads[min(layer, len(heads) - 1)],
            key,
            value,
        )
        for layer in range(min(layers, 10_000))
    ]


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


def _patches(mmproj: Header, ctx: int, picture: tuple[int, int] | None) -> tuple[int, int]:
    """Patches that the tower sees at once, and how many a token joins on each side."""
    patch = mmproj.number("clip.vision.patch_size", 14) or 14
    kind = projector(mmproj)
    side = _SIDES.get(kind)
    if side is None:
        image = mmproj.number("clip.vision.image_size", 336)
        scale = max(1, mmproj.number("clip.vision.projector.scale_factor", 1))
        return (image // patch) ** 2, scale
    if mmproj.text(_FORM):
        return _WARMED_UP, side
    most = min(_MOST_TOKENS.get(kind, _MOST_TOKENS_ELSE), int(_LARGEST_PICTURE * ctx))
    if picture is not None:
        across, down = (max(1, round(pixels / (patch * side))) for pixels in picture)
        most = min(most, across * down)
    return max(1, most) * side**2, side


def _tower_compute(mmproj: Header, model: Header, patches: int) -> int:
    """Buffers of the vision tower for a picture of so many patches, in bytes."""
    width = mmproj.number("clip.vision.embedding_length", 1024)
    ffn = mmproj.number("clip.vision.feed_forward_length", 4 * width)
    row = 4.6 * width + ffn
    if projector(mmproj) == "mlp":
        row = max(row, 2 * model.number(f"{model.architecture}.embedding_length", 0) + 2.6 * width)
    # attention within windows is a mask over all pairs of patches, kept in f32 and f16
    pairs = 6 if projector(mmproj) == _WINDOWED else 0
    return round(4 * row * patches) + pairs * patches**2


def _pixels(mmproj: Header, patches: int) -> int:
    """The picture itself on its way into the tower: bytes, and the same as floats, twice."""
    patch = mmproj.number("clip.vision.patch_size", 14)
    return patches * patch**2 * 3 * (2 + 4 * 2)


def _decoded(most: int, picture: tuple[int, int] | None) -> int:
    """The picture file in pixels, at most so many, before it is scaled down: of JPEG and PNG.

    The engine refuses one of another format that takes more than the machine can spare then.
    """
    size = _LARGEST_FILE if picture is None else picture[0] * picture[1]
    # a JPEG is decoded in halves, quarters, … of its sides: up to 4 times the pixels wanted
    return _DECODED_BYTES * min(size, most)


def _put(size: int, on_gpu: bool) -> Bytes:
    return Bytes(gpu=size) if on_gpu else Bytes(host=size)
