"""A language model's shape: from Hugging Face's configuration to GGUF's keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from vlmtui.models.convert.weights import number, refused

_MODEL_TYPES = {
    **{"llama": "llama", "mistral": "llama", "qwen2": "qwen2"},
    **{"qwen2_vl_text": "qwen2vl", "qwen2_5_vl_text": "qwen2vl"},
}
"""By `model_type` of a configuration: the architecture in llama.cpp."""

_QWEN_VL = {
    **{"hidden_size": 8192, "intermediate_size": 29568, "num_hidden_layers": 80},
    **{"num_attention_heads": 64, "num_key_value_heads": 8, "rms_norm_eps": 1e-5},
    **{"max_position_embeddings": 32768},
}
_DEFAULTS: dict[str, dict[str, Any]] = {
    "llama": {
        **{"hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32},
        **{"num_attention_heads": 32, "rms_norm_eps": 1e-6, "max_position_embeddings": 2048},
    },
    "mistral": {
        **{"hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32},
        **{"num_attention_heads": 32, "num_key_value_heads": 8, "rms_norm_eps": 1e-6},
        **{"max_position_embeddings": 131072},
    },
    "qwen2_vl_text": _QWEN_VL,
    "qwen2_5_vl_text": _QWEN_VL,
}
"""What a configuration leaves out where it is as Hugging Face's classes have it by default."""


class Language(msgspec.Struct, frozen=True):
    """A language model's shape, as its configuration has it."""

    architecture: str
    width: int
    feed_forward: int
    layers: int
    heads: int
    kv_heads: int
    head_width: int
    context: int
    epsilon: float
    theta: float
    scaling: dict[str, Any]
    """Of RoPE, as the configuration has it; empty for none."""

    tied: bool
    """Embeddings and output layer are one tensor."""

    sections: tuple[int, ...] = ()
    """Of M-RoPE: how many of a head's frequencies turn by time, height and width; empty for RoPE
    over one position."""


def shape_of(given: dict[str, Any], where: str) -> Language:
    """Read a configuration.

    Raises:
        BadModelFile: A value is missing or means something that llama.cpp's graph doesn't do.
    """
    kind = str(given.get("model_type", ""))
    if kind not in _MODEL_TYPES:
        raise refused(where, f"its language model is {kind!r}, and not Llama, Mistral or Qwen 2")
    values = {**_DEFAULTS.get(kind, {}), **{k: v for k, v in given.items() if v is not None}}

    def count(key: str, default: int | None = None) -> int:
        return number(values, key, default, where)

    if values.get("hidden_act", "silu") != "silu":
        raise refused(where, f"its hidden_act is {values['hidden_act']!r}, and not 'silu'")
    architecture = _MODEL_TYPES[kind]
    if architecture != "llama" and values.get("use_sliding_window"):
        raise refused(where, "it attends within a sliding window")
    width, heads = count("hidden_size"), count("num_attention_heads")
    rope = values.get("rope_parameters") or {}
    scaling = values.get("rope_scaling") or rope
    usual = 1e6 if architecture == "qwen2vl" else 1e4
    theta = values.get("rope_theta", rope.get("rope_theta", usual))
    head_width = count("head_dim", width // heads)
    sections = _sections(scaling, head_width, where) if architecture == "qwen2vl" else ()
    plain = ("default", "mrope") if sections else ("default",)
    return Language(
        architecture,
        width,
        count("intermediate_size"),
        count("num_hidden_layers"),
        heads,
        count("num_key_value_heads", heads),
        head_width,
        count("max_position_embeddings"),
        float(values.get("rms_norm_eps", 1e-6)),
        float(theta),
        scaling if scaling_kind(scaling) not in plain else {},
        values.get("tie_word_embeddings") is True,
        sections,
    )


def _sections(scaling: Mapping[str, Any], head_width: int, where: str) -> tuple[int, ...]:
    """M-RoPE's, which share the frequencies of a head among them."""
    given = scaling.get("mrope_section")
    counts = tuple(each for each in given if type(each) is int) if isinstance(given, list) else ()
    if len(counts) != 3 or min(counts) < 0 or 2 * sum(counts) != head_width:
        raise refused(
            where,
            f"its mrope_section is {given!r}, and three numbers were expected that are "
            f"{head_width // 2} together",
        )
    return counts


def metadata(shape: Language, where: str) -> dict[str, Any]:
    """The keys of the architecture.

    Raises:
        BadModelFile: RoPE is scaled in a way that isn't known here.
    """
    name = shape.architecture
    fields: dict[str, Any] = {
        f"{name}.context_length": shape.context,
        f"{name}.embedding_length": shape.width,
        f"{name}.block_count": shape.layers,
        f"{name}.feed_forward_length": shape.feed_forward,
        f"{name}.attention.head_count": shape.heads,
        f"{name}.attention.head_count_kv": shape.kv_heads,
        f"{name}.attention.layer_norm_rms_epsilon": shape.epsilon,
        f"{name}.rope.freq_base": shape.theta,
        f"{name}.rope.dimension_count": shape.head_width,
    }
    if shape.head_width * shape.heads != shape.width:
        fields[f"{name}.attention.key_length"] = shape.head_width
        fields[f"{name}.attention.value_length"] = shape.head_width
    if shape.sections:
        fields[f"{name}.rope.dimension_sections"] = [*shape.sections, 0]
    kind = scaling_kind(shape.scaling)
    if kind == "linear":
        fields[f"{name}.rope.scaling.type"] = "linear"
        fields[f"{name}.rope.scaling.factor"] = float(shape.scaling["factor"])
    elif kind not in ("default", "llama3"):
        raise refused(where, f"its RoPE is scaled in the way {kind!r}")
    return fields


def scaling_kind(scaling: Mapping[str, Any]) -> str:
    """How RoPE is scaled, by its configuration; "default" for not at all."""
    return str(scaling.get("rope_type") or scaling.get("type") or "default")
