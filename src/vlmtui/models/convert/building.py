"""From a checkpoint to the two files to be written: the plan of an import, and what it comes to."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import msgspec

from vlmtui.builtin_templates import BUILTIN, VILA_LLAMA_3
from vlmtui.models.convert import (
    clip_tower,
    language_shape,
    llama,
    qwen_tower,
    siglip_tower,
    vocabulary,
)
from vlmtui.models.convert.checkpoint import QWEN, Checkpoint
from vlmtui.models.convert.importing import Head
from vlmtui.models.convert.plan import File
from vlmtui.models.convert.tower import VisionTower
from vlmtui.models.convert.weights import config

_SOURCE = "vlmtui.import.source"
"""Key of what tells one state of a checkpoint's files from another."""

_MIB = 1024 * 1024


class Built(msgspec.Struct, frozen=True):
    """The plan of an import."""

    model: File
    mmproj: File | None
    quantised: bool
    language: llama.Plan

    @property
    def head_bytes(self) -> int:
        heads = ("token_embd.weight", "output.weight")
        return sum(item.size for item in self.model.items if item.name in heads)


def build(checkpoint: Checkpoint, name: str, head: Head) -> Built:
    """Plan both files; reads configurations, vocabulary, and the headers of the weights.

    Raises:
        BadModelFile: Something is missing, or another than it should be.
    """
    where = str(checkpoint.folder)
    shape = language_shape.shape_of(checkpoint.language, where)
    language = llama.Plan(shape, checkpoint.tensors, head, where)
    tokens = vocabulary.read(checkpoint.tokenizer, checkpoint.language, language.rows)
    source = {_SOURCE: _stamp(checkpoint)}
    metadata = {
        "general.architecture": shape.architecture,
        "general.type": "model",
        "general.name": name,
        "general.file_type": language.file_type,
        "general.quantization_version": 2,
        **language_shape.metadata(shape, where),
        f"{shape.architecture}.vocab_size": language.rows,
        **tokens.metadata(),
        **source,
    }
    if template := _template(checkpoint, bytes_=tokens.model == "gpt2"):
        metadata["tokenizer.chat_template"] = template
    model = File(metadata, language.items)
    mmproj = _mmproj(checkpoint, shape.width, name, source)
    return Built(model, mmproj, language.quantised, language)


def _mmproj(checkpoint: Checkpoint, width: int, name: str, source: dict[str, Any]) -> File | None:
    if checkpoint.family == "text":
        return None
    kinds: dict[str, type[VisionTower]] = {
        "VILA1.5": siglip_tower.Tower,
        **dict.fromkeys(QWEN.values(), qwen_tower.Tower),
    }
    tower = kinds.get(checkpoint.family, clip_tower.Tower)(
        checkpoint.vision, checkpoint.tower, checkpoint.projector, width, str(checkpoint.folder)
    )
    named = {"general.name": f"{name} vision tower", "general.file_type": 1}
    return File({**tower.metadata(), **named, **source}, tower.items)


def _template(checkpoint: Checkpoint, *, bytes_: bool) -> str:
    """The chat template that the model was trained with; empty where nobody says.

    What transformers ships with LLaVA-1.5 and VILA's authors with theirs isn't always that.
    """
    if checkpoint.family == "VILA1.5":
        return VILA_LLAMA_3 if bytes_ else BUILTIN["vicuna_v1"].source
    mistral = checkpoint.language.get("model_type") == "mistral"
    if checkpoint.family != "text" and not bytes_:
        return BUILTIN["llava-1.6-mistral" if mistral else "vicuna_v1"].source
    return _own_template(checkpoint.tokenizer)


def _own_template(folder: Path) -> str:
    """The template in the tokenizer's files: in one of its own, or in the configuration."""
    jinja = folder / "chat_template.jinja"
    if jinja.is_file() and jinja.stat().st_size < _MIB:
        return jinja.read_text(encoding="utf-8", errors="replace")
    for file in (folder / "chat_template.json", folder / "tokenizer_config.json"):
        if not file.is_file():
            continue
        given = config(file).get("chat_template")
        if isinstance(given, list):  # several, by name
            named = [each for each in given if isinstance(each, dict)]
            usual = [each for each in named if each.get("name") == "default"] or named[:1]
            given = usual[0].get("template") if usual else None
        if isinstance(given, str) and given:
            return given
    return ""


def _stamp(checkpoint: Checkpoint) -> str:
    """Another text for each state of the checkpoint's files."""
    files = sorted({tensor.file for tensor in checkpoint.all_tensors()})
    facts = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return hashlib.sha256(repr(facts).encode()).hexdigest()
