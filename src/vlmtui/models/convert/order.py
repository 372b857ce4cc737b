"""What is asked of the process that imports, and what it tells: values only."""

from __future__ import annotations

from typing import Literal

import msgspec

from vlmtui import offspring

Head = Literal["f16", "q8_0"]
"""What token embeddings and output layer of a quantised model are kept in."""

Family = Literal["VILA1.5", "LLaVA-1.6", "LLaVA-1.5", "Qwen2.5-VL", "Qwen2-VL", "text"]


class Order(msgspec.Struct, frozen=True):
    """What to do."""

    name: str
    """What the model is called, in its file."""

    head: Head = "f16"
    dry_run: bool = False


class Contents(msgspec.Struct, frozen=True):
    """What a checkpoint is, and what becomes of it."""

    family: Family
    quantised: bool
    """It is AWQ, and becomes Q4_1."""

    head_bytes: int
    """Of token embeddings and output layer."""

    model_bytes: int
    mmproj_bytes: int
    """0 for a model without a tower."""

    source_bytes: int
    """Of the checkpoint's tensors."""


class Told(offspring.Told):
    """A line of the process: what it found, a tensor begun, or the end."""

    contents: Contents | None = None
    fraction: float = 0.0
    tensor: str = ""
    done: bool = False
    rounding: float = 0.0
    """The largest difference to the checkpoint's weights, in steps of the quantisation."""
