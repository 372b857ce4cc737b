"""Qwen2.5-VL and Qwen2-VL with random weights, in the files and names that are published."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.engine.zoo.templates import QWEN_VL
from tests.models.convert.checkpoints import (
    QWEN_WORDS,
    Made,
    Shape,
    Tensors,
    halves,
    language,
    llama_3,
    packed,
    save_safetensors,
    write_json,
)

WIDTH, HEADS, LAYERS, UNITS, PATCH = 64, 4, 4, 96, 14
FULL = (1, 3)
"""Layers in which all patches attend to all."""

SECTIONS = (8, 12, 12)
SPECIAL = (
    *("<|endoftext|>", "<|im_start|>", "<|im_end|>"),
    *("<|vision_start|>", "<|vision_end|>", "<|image_pad|>"),
)
MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.25, 0.3)
"""Not CLIP's, so that it is seen where they come from."""


def qwen(
    folder: Path,
    *,
    layout: str = "",
    newer: bool = False,
    second: bool = False,
    exact: bool = False,
    tied: bool = False,
    layers: int = 2,
    without: str = "",
) -> Made:
    """A checkpoint in two files, as Qwen publishes them.

    Args:
        folder: Where to.
        layout: Of AWQ, as AutoAWQ writes it; empty for 16 bits.
        newer: Under the names, and with the configurations, of newer versions of transformers.
        second: Qwen2-VL.
        exact: The language model in float32.
        tied: Embeddings and output layer are one, as in the 3B.
        layers: Of the language model.
        without: A tensor that is missing.
    """
    extra = {"model_type": "qwen2", "use_sliding_window": False, "sliding_window": 32768}
    shape = Shape(layers=layers, theta=1e6, epsilon=1e-6, tied=tied, extra=extra)
    vocabulary = llama_3(folder, words=QWEN_WORDS, special=SPECIAL, begins=False)
    tensors = language(shape, vocabulary.rows, vocabulary.sayable)
    stored = tensors if exact else halves(tensors)
    if layout:
        stored, tensors = packed(tensors, layout)
        if exact:
            stored = tensors
    tower = second_tower() if second else windowed_tower()
    names = {"model.": "model.language_model."} if newer else {}
    all_tensors = {
        **{_renamed(name, names): value for name, value in stored.items()},
        **{f"{'model.' if newer else ''}visual.{k}": v for k, v in halves(tower).items()},
    }
    all_tensors.pop(without, None)
    _save_shards(folder, all_tensors)
    config = _config(shape, vocabulary.rows, newer=newer, second=second)
    if layout and not exact:
        config["quantization_config"] = {
            **{"bits": 4, "group_size": 128, "quant_method": "awq", "version": layout},
            **{"zero_point": True, "modules_to_not_convert": ["visual"]},
        }
    write_json(folder / "config.json", config)
    if newer:
        (folder / "chat_template.jinja").write_text(QWEN_VL)
    else:
        write_json(folder / "chat_template.json", {"chat_template": QWEN_VL})
    write_json(
        folder / "tokenizer_config.json",
        {
            **{"add_bos_token": False, "bos_token": None, "eos_token": "<|im_end|>"},
            **{"pad_token": "<|endoftext|>", "tokenizer_class": "Qwen2Tokenizer"},
            "chat_template": "{{ 'of the text model alone' }}",
        },
    )
    pictures = {
        **{"min_pixels": 3136, "max_pixels": 12845056, "merge_size": 2, "patch_size": PATCH},
        **{"temporal_patch_size": 2, "image_mean": list(MEAN), "image_std": list(STD)},
    }
    if newer:
        write_json(folder / "processor_config.json", {"image_processor": pictures})
    else:
        write_json(folder / "preprocessor_config.json", pictures)
    return Made(folder, shape, tensors, vocabulary.rows, tower)


def change(made: Made, **changes: Any) -> None:
    """Other values in config.json; `vision` is a part of it, None takes a key away."""
    path = made.folder / "config.json"
    config = json.loads(path.read_text())
    vision = changes.pop("vision", {})
    config["vision_config"] = _without_none({**config["vision_config"], **vision})
    path.write_text(json.dumps(_without_none({**config, **changes})))


def _without_none(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def _renamed(name: str, prefixes: dict[str, str]) -> str:
    for old, new in prefixes.items():
        if name.startswith(old):
            return new + name.removeprefix(old)
    return name


def _config(shape: Shape, rows: int, *, newer: bool, second: bool) -> dict[str, Any]:
    kind = "qwen2_vl" if second else "qwen2_5_vl"
    vision: dict[str, Any] = {"depth": LAYERS, "num_heads": HEADS, "in_chans": 3}
    if second:
        vision |= {"embed_dim": WIDTH, "hidden_size": shape.width, "mlp_ratio": 2}
    else:
        vision |= {"hidden_size": WIDTH, "intermediate_size": UNITS, "out_hidden_size": shape.width}
        vision |= {"fullatt_block_indexes": list(FULL), "window_size": 112}
    text = {**shape.config(rows), "eos_token_id": 2}
    del text["architectures"]
    sections = {"mrope_section": list(SECTIONS)}
    if newer:
        text |= {
            "model_type": f"{kind}_text",
            "rope_parameters": {
                **{"rope_type": "default", "rope_theta": text.pop("rope_theta")},
                **sections,
            },
        }
        tied = text.pop("tie_word_embeddings")
        return {
            "model_type": kind,
            "text_config": text,
            "vision_config": {
                **{**vision, "model_type": f"{kind}_vision"},
                "rope_parameters": {"rope_type": "axial", "rope_theta": 10000.0},
            },
            "tie_word_embeddings": tied,
        }
    return {
        **text,
        "architectures": ["Qwen2_5_VLForConditionalGeneration"],
        "model_type": kind,
        "rope_scaling": {"type": "mrope", **sections},
        "vision_config": vision,
    }


def _save_shards(folder: Path, tensors: Tensors) -> None:
    names = list(tensors)
    files = {
        f"model-0000{number + 1}-of-00002.safetensors": names[number::2] for number in range(2)
    }
    for file, inside in files.items():
        save_safetensors(folder / file, {name: tensors[name] for name in inside})
    index = {name: file for file, inside in files.items() for name in inside}
    write_json(folder / "model.safetensors.index.json", {"metadata": {}, "weight_map": index})


class _Draw:
    def __init__(self, seed: int) -> None:
        self._draw = np.random.default_rng(seed)

    def normal(self, *size: int, gain: float = 1.0, middle: float = 0.0) -> NDArray[np.float32]:
        values = self._draw.standard_normal(size, np.float32) * np.float32(gain) + middle
        return values.astype(np.float16).astype(np.float32)

    def linear(self, name: str, rows: int, columns: int, gain: float = 1.0) -> Tensors:
        return {
            f"{name}.weight": self.normal(rows, columns, gain=gain * columns**-0.5),
            f"{name}.bias": self.normal(rows, gain=0.2),
        }


def windowed_tower(seed: int = 6) -> Tensors:
    """Qwen2.5-VL's tower and merger."""
    draw = _Draw(seed)
    made = {"patch_embed.proj.weight": draw.normal(WIDTH, 3, 2, PATCH, PATCH, gain=1 / 20)}
    for layer in range(LAYERS):
        prefix = f"blocks.{layer}."
        for norm in ("norm1", "norm2"):
            made[f"{prefix}{norm}.weight"] = draw.normal(WIDTH, gain=0.1, middle=1)
        # large enough that attention picks: it must matter who is seen
        made |= draw.linear(f"{prefix}attn.qkv", 3 * WIDTH, WIDTH, gain=1.5)
        made |= draw.linear(f"{prefix}attn.proj", WIDTH, WIDTH)
        for name in ("gate_proj", "up_proj"):
            made |= draw.linear(f"{prefix}mlp.{name}", UNITS, WIDTH)
        made |= draw.linear(f"{prefix}mlp.down_proj", WIDTH, UNITS)
    made["merger.ln_q.weight"] = draw.normal(WIDTH, gain=0.1, middle=1)
    return made | _merger(draw)


def second_tower(seed: int = 7) -> Tensors:
    """Qwen2-VL's: norms with a mean and a bias, two layers in place of three, no windows."""
    draw = _Draw(seed)
    made = {"patch_embed.proj.weight": draw.normal(WIDTH, 3, 2, PATCH, PATCH, gain=1 / 20)}
    norms = [f"blocks.{layer}.norm{which}" for layer in range(LAYERS) for which in "12"]
    for norm in (*norms, "merger.ln_q"):
        made[f"{norm}.weight"] = draw.normal(WIDTH, gain=0.1, middle=1)
        made[f"{norm}.bias"] = draw.normal(WIDTH, gain=0.1)
    for layer in range(LAYERS):
        prefix = f"blocks.{layer}."
        made |= draw.linear(f"{prefix}attn.qkv", 3 * WIDTH, WIDTH, gain=1.5)
        made |= draw.linear(f"{prefix}attn.proj", WIDTH, WIDTH)
        made |= draw.linear(f"{prefix}mlp.fc1", 2 * WIDTH, WIDTH)
        made |= draw.linear(f"{prefix}mlp.fc2", WIDTH, 2 * WIDTH)
    return made | _merger(draw)


def _merger(draw: _Draw) -> Tensors:
    return {
        **draw.linear("merger.mlp.0", 4 * WIDTH, 4 * WIDTH),
        **draw.linear("merger.mlp.2", Shape().width, 4 * WIDTH),
    }
