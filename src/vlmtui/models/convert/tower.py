"""What several kinds of vision towers have: names of tensors, and how they are checked."""

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

MEAN = [0.48145466, 0.4578275, 0.40821073]
STD = [0.26862954, 0.26130258, 0.27577711]
"""Of CLIP's training pictures; what the processors of LLaVA and Qwen have by default."""


class Weights:
    """Tensors of a tower or a projector, each checked when it is taken."""

    def __init__(self, tensors: Mapping[str, Stored], where: str) -> None:
        self._tensors = tensors
        self._where = where
        self._taken: set[str] = set()

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
        self._taken.add(name)
        return tensor

    def check_all_taken(self) -> None:
        """Refuse a tower that has more than was taken.

        Raises:
            BadModelFile: Names what is too much.
        """
        odd = sorted(self._tensors.keys() - self._taken)
        if odd:
            raise BadModelFile(
                f"{self._tensors[odd[0]].file} has tensors that no such tower has: "
                f"{', '.join(odd[:3])}" + (" and others" if len(odd) > 3 else ""),
                "It may be of a newer kind than vlmtui knows: look for a GGUF of the model.",
            )


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
