"""What lies in a directory: which kind of checkpoint, and the parts that a model is made of.

Goes by the configurations, never by names of files or directories.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from vlmtui.errors import InputError
from vlmtui.models.convert import weights
from vlmtui.models.convert.importing import Family
from vlmtui.models.convert.stored import Stored

IMPORTED = (
    "VILA1.5 (3B, 8B, 13B), LLaVA-1.5, LLaVA-1.6, Qwen2-VL, Qwen2.5-VL, and language models of "
    "Llama's kind"
)

_QUANTISATIONS = ("awq",)
_LLAVA: dict[str, Family] = {"llava": "LLaVA-1.5", "llava_next": "LLaVA-1.6"}
QWEN: dict[str, Family] = {"qwen2_vl": "Qwen2-VL", "qwen2_5_vl": "Qwen2.5-VL"}
"""By `model_type`."""

_LLAVA_PICTURES = (
    *("vision_feature_layer", "vision_feature_select_strategy", "image_grid_pinpoints"),
    "projector_hidden_act",
)
"""What the whole model's configuration says of pictures."""

_TEXT = ("llama", "mistral", "qwen2")
_LLAVA_PREFIXES = {
    "model.language_model.": "language.model.",
    "language_model.model.": "language.model.",
    "language_model.lm_head.": "language.lm_head.",
    "model.vision_tower.": "tower.",
    "vision_tower.": "tower.",
    "model.multi_modal_projector.": "projector.",
    "multi_modal_projector.": "projector.",
    "model.image_newline": "projector.image_newline",
    "image_newline": "projector.image_newline",
    "lm_head.": "language.lm_head.",
}
_QWEN_PREFIXES = {
    "model.language_model.": "language.model.",
    "model.visual.": "tower.",
    "visual.": "tower.",
    "model.": "language.model.",
    "lm_head.": "language.lm_head.",
}
"""Where tensors belong: newer versions of transformers put the parts in another order."""

Tensors = Mapping[str, Stored]


class Checkpoint(msgspec.Struct, frozen=True):
    """A model's parts. Configurations are as they stand in the files, nothing is checked."""

    family: Family
    folder: Path
    config: dict[str, Any]
    """Of the whole model."""

    language: dict[str, Any]
    """Configuration of the language model."""

    tensors: Tensors
    """Of the language model, as Hugging Face names those of one alone."""

    tokenizer: Path
    """Directory of its files."""

    vision: dict[str, Any] = {}
    tower: Tensors = {}
    """Without the prefix that ends in `vision_model.` or `visual.`."""

    projector: Tensors = {}

    def all_tensors(self) -> list[Stored]:
        return [*self.tensors.values(), *self.tower.values(), *self.projector.values()]


def recognise(folder: Path) -> Checkpoint:
    """Look into a directory.

    Raises:
        InputError: It holds no checkpoint, or one that can't be imported; says what it is.
        BadModelFile: A file is missing or damaged.
    """
    if not folder.is_dir():
        raise InputError(
            f"{folder} is a file" if folder.exists() else f"There is no directory {folder}",
            "Name the directory that config.json lies in.",
        )
    if not (folder / "config.json").is_file():
        raise InputError(
            f"{folder} is not a checkpoint: it has no config.json",
            "Name the directory of the whole repository, as Hugging Face has it.",
        )
    config = weights.config(folder / "config.json")
    kind = str(config.get("model_type", ""))
    if "llm_cfg" in config or "vision_tower_cfg" in config:
        return _vila(folder, config)
    if kind in _LLAVA:
        return _llava(folder, config)
    if kind in QWEN:
        return _qwen(folder, config)
    if kind in _TEXT and "mm_vision_tower" not in config:
        _check_quantisation(config, folder)
        tensors = weights.read(folder)
        return Checkpoint("text", folder, config, config, tensors, folder)
    raise _not_imported(folder, config, kind)


def _vila(folder: Path, config: dict[str, Any]) -> Checkpoint:
    """VILA1.5: three directories, each with its own configuration."""
    parts = {name: folder / name for name in ("llm", "vision_tower", "mm_projector")}
    language, vision, projector = (weights.config(part / "config.json") for part in parts.values())
    _check_vila(folder, config, language, vision, projector)
    _check_quantisation(language, folder)
    return Checkpoint(
        "VILA1.5",
        folder,
        config,
        language,
        _without(weights.read(parts["llm"]), ("llm.",)),
        next((each for each in (parts["llm"], folder) if _has_tokenizer(each)), parts["llm"]),
        vision,
        _without(weights.read(parts["vision_tower"]), ("vision_tower.", "vision_model.")),
        _without(weights.read(parts["mm_projector"]), ("mm_projector.",)),
    )


def _has_tokenizer(folder: Path) -> bool:
    return any((folder / name).is_file() for name in ("tokenizer.model", "tokenizer.json"))


def _check_vila(
    folder: Path,
    config: dict[str, Any],
    language: dict[str, Any],
    vision: dict[str, Any],
    projector: dict[str, Any],
) -> None:
    """Refuse VILA's relatives, and say what each of them would need."""
    tower = str(vision.get("model_type", ""))
    joined = str(projector.get("mm_projector_type", ""))
    if config.get("s2") or config.get("s2_scales"):
        raise _unlike_vila(
            folder, "VILA1.5-S2", "pictures in two sizes, whose features are joined", "The plain 3B"
        )
    if "intern" in tower:
        raise _unlike_vila(folder, "VILA1.5-40B", "InternViT-6B as its tower", "The 3B, 8B or 13B")
    if joined != "mlp_downsample" or str(language.get("model_type")) != "llama":
        raise _unlike_vila(
            folder,
            "NVILA or another newer VILA",
            f"the projector {joined!r} and the language model {language.get('model_type')!r}",
            "VILA1.5",
        )
    if tower != "siglip_vision_model":
        raise _unlike_vila(folder, "of VILA's kind", f"the tower {tower!r}", "VILA1.5")
    expected = {
        "image_aspect_ratio": "resize",
        "mm_vision_select_layer": -2,
        "mm_vision_select_feature": "cls_patch",
        "mm_use_im_start_end": False,
        "mm_use_im_patch_token": False,
    }
    for key, value in expected.items():
        if config.get(key, value) not in (value, None):
            raise _unlike_vila(
                folder, "of VILA's kind", f"{key} = {config[key]!r} (not {value!r})", "VILA1.5"
            )


def _llava(folder: Path, config: dict[str, Any]) -> Checkpoint:
    """LLaVA-1.5 or 1.6 as transformers has it: all tensors in one set of files."""
    _check_quantisation(config, folder)
    family = _LLAVA[config["model_type"]]
    parts = _parts(folder, _LLAVA_PREFIXES, family)
    return Checkpoint(
        family,
        folder,
        config,
        {"model_type": "llama", **(config.get("text_config") or {})},
        parts["language"],
        folder,
        {**(config.get("vision_config") or {}), **_of(config, _LLAVA_PICTURES)},
        _without(parts["tower"], ("vision_model.",)),
        parts["projector"],
    )


def _qwen(folder: Path, config: dict[str, Any]) -> Checkpoint:
    """Qwen2-VL or Qwen2.5-VL; older versions of transformers don't part the configurations."""
    _check_quantisation(config, folder)
    kind = config["model_type"]
    parts = _parts(folder, _QWEN_PREFIXES, QWEN[kind])
    tied = config.get("tie_word_embeddings")
    own = {"tie_word_embeddings": tied, **(config.get("text_config") or config)}
    colors = _of(_pictures(folder), ("image_mean", "image_std"))
    return Checkpoint(
        QWEN[kind],
        folder,
        config,
        {**own, "model_type": f"{kind}_text"},
        parts["language"],
        folder,
        {**(config.get("vision_config") or {}), **colors, "model_type": kind},
        parts["tower"],
    )


def _of(config: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: config[key] for key in keys if key in config}


def _pictures(folder: Path) -> dict[str, Any]:
    """How pictures are prepared; newer versions of transformers have it within another file."""
    older, newer = folder / "preprocessor_config.json", folder / "processor_config.json"
    if older.is_file():
        return weights.config(older)
    given = weights.config(newer).get("image_processor") if newer.is_file() else None
    return given if isinstance(given, dict) else {}


def _parts(folder: Path, prefixes: dict[str, str], family: str) -> dict[str, dict[str, Stored]]:
    """A model's tensors by its parts, whose names stand before theirs."""
    parts: dict[str, dict[str, Stored]] = {"language": {}, "tower": {}, "projector": {}}
    for name, tensor in weights.read(folder).items():
        prefix = next((prefix for prefix in prefixes if name.startswith(prefix)), None)
        if prefix is None:
            raise InputError(
                f"{tensor.file} has the tensor {name}, which no {family} has",
                "It may be of a newer kind: look for a GGUF of the model.",
            )
        part, _, rest = (prefixes[prefix] + name[len(prefix) :]).partition(".")
        parts[part][rest] = tensor
    return parts


def _without(tensors: Tensors, prefixes: tuple[str, ...]) -> dict[str, Stored]:
    """Tensors under names without prefixes, which may stand one behind the other."""
    found = {}
    for name, tensor in tensors.items():
        while prefix := next((each for each in prefixes if name.startswith(each)), ""):
            name = name.removeprefix(prefix)
        found[name] = tensor
    return found


def _check_quantisation(config: dict[str, Any], folder: Path) -> None:
    given = config.get("quantization_config")
    if not isinstance(given, dict):
        return
    method = str(given.get("quant_method", "of an unknown kind"))
    bits = given.get("bits", given.get("w_bit", 4))
    if method not in _QUANTISATIONS or bits != 4:
        raise InputError(
            f"{folder} is quantised in a way that vlmtui can't import: {method}, {bits} bits",
            "It imports 4-bit AWQ, and checkpoints in 16 bits.",
        )


def _unlike_vila(folder: Path, what: str, needs: str, instead: str) -> InputError:
    return InputError(
        f"{folder} is {what}, which vlmtui can't import: it has {needs}",
        f"{instead} can be imported: `vlmtui models` lists them.",
    )


def _not_imported(folder: Path, config: dict[str, Any], kind: str) -> InputError:
    named = config.get("architectures")
    what = str(named[0]) if isinstance(named, list) and named else kind or "of an unknown kind"
    tower = config.get("mm_vision_tower")
    if tower:
        return InputError(
            f"{folder} is a LLaVA as its authors' code saves it: its vision tower ({tower}) is "
            "not in it",
            "Use the version for transformers, from hf:llava-hf.",
        )
    return InputError(
        f"{folder} is {what}, which vlmtui can't import",
        f"It imports {IMPORTED}. Others are available as GGUF: `vlmtui models` lists some.",
    )
