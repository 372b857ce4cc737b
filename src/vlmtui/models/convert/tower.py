"""What several kinds of vision towers have in common: keys of their files, names of tensors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any

from vlmtui.errors import BadModelFile
from vlmtui.models.convert import weights
from vlmtui.models.convert.plan import Item, Weights
from vlmtui.models.convert.stored import Stored

PREFIX = "clip.vision."

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


class VisionTower(ABC):
    """A tower to be written, with its projector: the numbers that its file tells.

    Attributes:
        items: Their tensors.
    """

    _image: int
    """Side of a picture, in pixels; of a patch the next."""

    _patch: int
    _width: int
    _units: int
    """Width of the feed-forward network."""

    _layers: int
    _out: int
    """Numbers in a row of the language model."""

    _heads: int
    _epsilon: float
    """Of the norms."""

    _mean: list[float] = MEAN
    _std: list[float] = STD

    def __init__(
        self,
        given: Mapping[str, Any],
        tower: Mapping[str, Stored],
        projector: Mapping[str, Stored],
        language_width: int,
        where: str,
    ) -> None:
        """Plan.

        Args:
            given: The tower's configuration, and what the model's says of pictures; what it leaves
                out is as Hugging Face's classes have it by default.
            tower: Its tensors as they name them, without a prefix.
            projector: Those of a projector that is a part of its own.
            language_width: Numbers in a row of the language model.
            where: What the checkpoint is called in an error.

        Raises:
            BadModelFile: A tensor or value is missing, unexpected or another than libmtmd's graph
                has.
        """
        self._given = given
        self._where = where
        self._weights = Weights(tower, where)
        self._projector = Weights(projector, where)
        self._out = language_width
        self._read()
        self.items = tuple(self._items())

    @abstractmethod
    def metadata(self) -> dict[str, Any]:
        """What the file tells."""

    @abstractmethod
    def _read(self) -> None:
        """Take the numbers out of the configuration, and check them."""

    @abstractmethod
    def _items(self) -> Iterable[Item]: ...

    def _number(self, key: str, default: int) -> int:
        return weights.number(self._given, key, default, self._where, "its tower's")

    def _refused(self, why: str) -> BadModelFile:
        return weights.refused(self._where, f"its tower's {why}")

    def _common(self, projector: str) -> dict[str, Any]:
        return {
            "general.architecture": "clip",
            "general.type": "mmproj",
            "clip.has_vision_encoder": True,
            "clip.projector_type": projector,
            f"{PREFIX}image_size": self._image,
            f"{PREFIX}patch_size": self._patch,
            f"{PREFIX}embedding_length": self._width,
            f"{PREFIX}feed_forward_length": self._units,
            f"{PREFIX}block_count": self._layers,
            f"{PREFIX}projection_dim": self._out,
            f"{PREFIX}attention.head_count": self._heads,
            f"{PREFIX}attention.layer_norm_epsilon": self._epsilon,
            f"{PREFIX}image_mean": self._mean,
            f"{PREFIX}image_std": self._std,
        }


def layer(tensors: Weights, number: int, width: int, units: int) -> Iterable[Item]:
    """A layer of CLIP or SigLIP: norms and matrices, with their biases."""
    source, target = f"encoder.layers.{number}.", f"v.blk.{number}."
    for name, made in NORMS.items():
        yield from tensors.norm(source + name, target + made, width)
    for name, made in MATRICES.items():
        rows = units if name == "mlp.fc1" else width
        columns = units if name == "mlp.fc2" else width
        yield from tensors.linear(source + name, target + made, rows, columns)
