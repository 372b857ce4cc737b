"""What both kinds of vision towers have: names of tensors, and how they are checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vlmtui.errors import BadModelFile
from vlmtui.models.convert.stored import FLOATS, Stored

MATRICES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.out_proj": "attn_out",
    "mlp.fc1": "ffn_up",
    "mlp.fc2": "ffn_down",
}
"""Layers of CLIP and SigLIP, as Hugging Face and libmtmd call them."""

NORMS = {"layer_norm1": "ln1", "layer_norm2": "ln2"}


class Weights:
    """Tensors of a tower or a projector, each checked when it is taken."""

    def __init__(self, tensors: Mapping[str, Stored], where: str) -> None:
        self._tensors = tensors
        self._where = where

    def take(self, name: str, *shape: int) -> Stored:
        """A tensor of a name and shape.

        Raises:
            BadModelFile: It is missing or another than expected.
        """
        tensor = self._tensors.get(name)
        if tensor is None:
            raise BadModelFile(
                f"{self._where} has no tensor {name}",
                "Is every file of the checkpoint there? Copy or download it again.",
            )
        if tensor.shape != shape or tensor.dtype not in FLOATS:
            raise BadModelFile(
                f"{tensor.file}: the tensor {name} should be {shape}, and is {tensor.shape} "
                f"({tensor.dtype})",
                "Its configuration belongs to another model, or it is of a newer kind.",
            )
        return tensor


def number(given: Mapping[str, Any], key: str, default: int, where: str) -> int:
    """A whole number of a tower's configuration, more than 0.

    Raises:
        BadModelFile: It is something else.
    """
    value = given.get(key, default)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 2**24:
        raise BadModelFile(
            f"{where} can't be imported: its tower's {key} is {value!r}",
            "Copy or download its config.json again.",
        )
    return value
