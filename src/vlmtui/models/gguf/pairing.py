"""Whether llama.cpp can load a model, and whether an mmproj belongs to it, from their headers."""

from __future__ import annotations

import re

from vlmtui.errors import BadModelFile
from vlmtui.models.gguf.architectures import LLAMA_CPP, PROJECTORS, SUPPORTED
from vlmtui.models.gguf.header import Header

_TOWER = "clip"

_OUTPUTS = (
    ("resampler.proj.weight", 0),
    ("adapter.linear.dense_4h_to_h.weight", 1),
    ("mm.model.mb_block.1.block.2.1.bias", 0),
    ("mm.model.peg.0.bias", 0),
    ("mm.merger.fc2.bias", 0),
    ("mm.down.weight", 1),
    ("mm.model.fc.weight", 1),
    ("mm.model.mlp.3.weight", 1),
    ("mm.3.bias", 0),
    ("mm.2.weight", 1),
    ("mm.1.weight", 1),
)
"""Tensors that end a projector, and which dimension of theirs is the width of what it puts out
(`clip_n_mmproj_embd` in llama.cpp). Of several the first is the last to be computed: what stands
first is in no projector that ends with another one."""

_GEMMA = "mm.input_projection.weight"
"""Gemma's ends, which lies across in those that norm before it (Gemma 3) as it is multiplied from
the other side."""


def check(model: Header, mmproj: Header | None = None) -> None:
    """Refuse what llama.cpp would refuse, or die of, after reading gigabytes.

    Raises:
        BadModelFile: Says which file is wrong, why, and what to take instead.
    """
    _check_model(model)
    if mmproj is not None:
        _check_tower(mmproj)
        _check_pair(model, mmproj)


def embedding_size(model: Header) -> int:
    """Numbers that the model takes for each token of a picture; 0 where the header doesn't say."""
    architecture = model.architecture
    width = model.number(f"{architecture}.embedding_length", 0)
    # Qwen3-VL feeds a picture into its first layers too, Granite into those of a table, all of it
    # side by side in one row
    table = model.metadata.get(f"{architecture}.deepstack_mapping")
    fed = {each for each in table if each >= 0} if isinstance(table, tuple) else ()
    return width * (1 + model.number(f"{architecture}.n_deepstack_layers", len(fed)))


def projector(mmproj: Header) -> str:
    """Name of the projector's kind; empty where the header doesn't say."""
    return mmproj.text("clip.vision.projector_type") or mmproj.text("clip.projector_type")


def projected_size(mmproj: Header) -> int:
    """Numbers that the projector makes for each token; 0 where that can't be told."""
    known: tuple[tuple[str, int], ...] = _OUTPUTS
    if _GEMMA in mmproj.by_name:
        known = ((_GEMMA, 0 if "mm.soft_emb_norm.weight" in mmproj.by_name else 1),)
    for name, dimension in known:
        tensor = mmproj.by_name.get(name)
        if tensor is not None and len(tensor.shape) > dimension:
            return tensor.shape[dimension] * (1 + _deepstack_layers(mmproj))
    # Granite's tower has several, for as many layers of the model, side by side
    ends = [t for t in mmproj.tensors if re.fullmatch(r"v\.proj_blk\.\d+\.linear\.weight", t.name)]
    return sum(tensor.shape[1] for tensor in ends if len(tensor.shape) > 1)


def _deepstack_layers(mmproj: Header) -> int:
    return sum(
        tensor.name.startswith("v.deepstack.") and tensor.name.endswith(".fc2.weight")
        for tensor in mmproj.tensors
    )


def _check_model(model: Header) -> None:
    architecture = model.architecture
    if architecture == _TOWER or model.text("general.type") == "mmproj":
        raise BadModelFile(
            f"{model.name} is a vision tower (mmproj), not a language model",
            "Give it with --mmproj, and the language model with --model.",
        )
    kind = model.text("general.type")
    if kind in ("adapter", "imatrix", "vocab") or not model.tensors:
        what = {"adapter": "a LoRA adapter", "imatrix": "an importance matrix"}.get(
            kind, "a vocabulary without weights"
        )
        raise BadModelFile(f"{model.name} is {what}, not a model", "Use the model's own GGUF file.")
    if not architecture:
        raise BadModelFile(
            f"{model.name} doesn't say what it is: it has no general.architecture",
            "Choose another file of the model.",
        )
    if architecture not in SUPPORTED and _llama_cpp_is_known():
        raise BadModelFile(
            f"{model.name} is of the architecture {architecture!r}, "
            f"which this llama.cpp ({LLAMA_CPP}) can't run",
            "Update llama-cpp-python when a version knows it, or choose another model.",
        )


def _check_tower(mmproj: Header) -> None:
    if mmproj.architecture != _TOWER:
        raise BadModelFile(
            f"{mmproj.name} is not a vision tower (mmproj): "
            f"it is a model of the architecture {mmproj.architecture!r}",
            "Give --mmproj the mmproj file published beside the model, and this one to --model.",
        )
    kind = projector(mmproj)
    if kind and kind not in PROJECTORS and _llama_cpp_is_known():
        raise BadModelFile(
            f"{mmproj.name} has the projector {kind!r}, "
            f"which this llama.cpp ({LLAMA_CPP}) can't show pictures with",
            "Update llama-cpp-python when a version knows it, or choose another model.",
        )
    sees = mmproj.metadata.get("clip.has_vision_encoder")
    if sees is False or (sees is None and mmproj.metadata.get("clip.has_audio_encoder") is True):
        raise BadModelFile(
            f"{mmproj.name} is for sound, not pictures: it has no vision encoder",
            "Choose an mmproj file for pictures.",
        )


def _check_pair(model: Header, mmproj: Header) -> None:
    wanted, made = embedding_size(model), projected_size(mmproj)
    if wanted and made and wanted != made:
        raise BadModelFile(
            f"{mmproj.name} belongs to another model: its pictures are rows of {made} numbers, "
            f"and {model.name} reads rows of {wanted}",
            "Use the mmproj file published beside the model.",
        )


def _llama_cpp_is_known() -> bool:
    """Whether our list is that of the llama.cpp that is installed."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("llama_cpp_python") == LLAMA_CPP
    except PackageNotFoundError:
        return True
