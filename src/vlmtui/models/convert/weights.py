"""A checkpoint's directory: what its configurations say, and which files hold its tensors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vlmtui.errors import BadModelFile, reason
from vlmtui.models.convert import pt
from vlmtui.models.convert.stored import SIZES, Stored

_LARGEST_JSON = 100_000_000
"""Bytes. The largest tokenizer.json has 35 MB."""


def read(folder: Path) -> dict[str, Stored]:
    """The tensors of a directory, by name: of its safetensors files, else of its PyTorch files.

    An index (`model.safetensors.index.json`) whose files aren't there says nothing: VILA's AWQ
    repositories have one.

    Raises:
        BadModelFile: There are none, one is damaged, or parts of the checkpoint are missing.
    """
    for ending, reader in ((".safetensors", _safetensors), (".pt", pt.read), (".bin", pt.read)):
        files = sorted(file for file in folder.glob(f"*{ending}") if _is_weights(file))
        if not files:
            continue
        tensors: dict[str, Stored] = {}
        for file in files:
            for name, tensor in reader(file).items():
                if name in tensors:
                    raise BadModelFile(
                        f"{tensors[name].file} and {file} both have the tensor {name}",
                        "Keep only one version of the checkpoint in the directory.",
                    )
                tensors[name] = tensor
        _check_complete(folder, {file.name for file in files}, ending)
        return tensors
    raise BadModelFile(
        f"There are no weights in {folder}",
        "Files that end in .safetensors, .pt or .bin were expected there.",
    )


def config(path: Path) -> dict[str, Any]:
    """A JSON object.

    Raises:
        BadModelFile: It isn't there, or is none.
    """
    try:
        if path.stat().st_size > _LARGEST_JSON:
            raise ValueError(f"it has more than {_LARGEST_JSON // 1_000_000} MB")
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        what = (
            "is missing"
            if isinstance(error, FileNotFoundError)
            else f"can't be read: {reason(error)}"
        )
        raise BadModelFile(f"{path} {what}", "Copy or download it again.") from error
    except (ValueError, RecursionError) as error:
        raise BadModelFile(
            f"{path} is not valid JSON: {str(error)[:200]}", "Copy or download it again."
        ) from error
    if not isinstance(content, dict):
        raise BadModelFile(f"{path} holds no JSON object", "Copy or download it again.")
    return content


def number(
    given: Mapping[str, Any], key: str, default: int | None, where: str, whose: str = "its"
) -> int:
    """A whole number of a configuration, more than 0.

    Without a default it has to be there. Errors name the checkpoint, and say "its" or "its
    tower's".

    Raises:
        BadModelFile: It is something else.
    """
    value = given.get(key, default)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 2**24:
        raise refused(where, f"{whose} {key} is {value!r}")
    return value


def refused(where: str, why: str) -> BadModelFile:
    """The error about a configuration."""
    return BadModelFile(
        f"{where} can't be imported: {why}", "Look for a GGUF of the model: `vlmtui models`."
    )


def _is_weights(file: Path) -> bool:
    # trainers leave their own state beside the model
    beside = ("optimizer", "scheduler", "training_args", "rng_state", "scaler")
    return file.is_file() and not file.name.startswith((".", *beside))


def _check_complete(folder: Path, present: set[str], ending: str) -> None:
    """Refuse a checkpoint of several files of which some are here and others not."""
    stem = "model.safetensors" if ending == ".safetensors" else "pytorch_model.bin"
    index = folder / f"{stem}.index.json"
    if ending == ".pt" or not index.is_file():
        return
    named = config(index).get("weight_map")
    wanted = {str(file) for file in named.values()} if isinstance(named, dict) else set()
    if wanted & present and wanted - present:
        missing = sorted(wanted - present)
        raise BadModelFile(
            f"{folder / missing[0]} is missing: {len(missing)} of {len(wanted)} files that "
            f"{index.name} names",
            "Copy or download it.",
        )


def _safetensors(path: Path) -> dict[str, Stored]:
    """The tensors of one safetensors file; its library checks that all is sound."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            names = sorted(file.keys())
            slices = {name: file.get_slice(name) for name in names}
            kinds = {name: (each.get_dtype(), each.get_shape()) for name, each in slices.items()}
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(length))
    except (SafetensorError, OSError, ValueError) as error:
        raise BadModelFile(
            f"{path} is not a valid safetensors file: {str(error)[:200]}",
            "Was it copied completely? A Git LFS pointer has some hundred bytes of text.",
        ) from error
    tensors = {}
    for name, (dtype, shape) in kinds.items():
        if dtype in SIZES:  # others are found missing where they are needed
            offset = 8 + length + header[name]["data_offsets"][0]
            tensors[name] = Stored(name, path, offset, dtype, tuple(shape))
    return tensors
