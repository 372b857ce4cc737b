"""LLaVA's vision tower and projector as libmtmd's `mlp`: CLIP, and two layers over each patch.

CLIP puts a class embedding before the patches. libmtmd (llama.cpp issue 25814) puts it behind
them, and goes on as if it stood before: each patch gets the position of its neighbour, the first
one is lost, and what became of the class embedding is taken for a patch.

LLaVA-1.5 is written so that this does no harm. The engine moves the patches on by one place
(`vlmtui.picture_form`), into the row that each belongs in. The first row, whose output nobody
takes, becomes the class embedding by its position. The one that libmtmd adds stands for the patch
in the last corner, as if that were grey: it is all that differs, 1 of 576.

LLaVA-1.6 is cut into tiles by libmtmd itself, so it is written as others write it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from vlmtui.errors import BadModelFile
from vlmtui.models.convert import plan
from vlmtui.models.convert.plan import Item
from vlmtui.models.convert.stored import Numbers, Stored
from vlmtui.models.convert.tower import MEAN, PREFIX, STD, VisionTower, layer

PICTURE_FORM = "llava"
PADDING = (122, 116, 104)
"""Colour that fills what a picture leaves free of its square."""

_PROJECTOR = {"linear_1": "mm.0", "linear_2": "mm.2"}


class Tower(VisionTower):
    """CLIP as `CLIPVisionModel` has it; `linear_1`, `linear_2` and `image_newline` project."""

    def _read(self) -> None:
        self._width = self._number("hidden_size", 1024)
        self._heads = self._number("num_attention_heads", 16)
        self._units = self._number("intermediate_size", 4096)
        self._image = self._number("image_size", 336)
        self._patch = self._number("patch_size", 14)
        self._epsilon = float(self._given.get("layer_norm_eps", 1e-5))
        self._act = str(self._given.get("hidden_act", "quick_gelu"))
        layers = self._number("num_hidden_layers", 24)
        chosen = self._given.get("vision_feature_layer", -2)
        self._layers = layers + 1 + chosen if isinstance(chosen, int) and chosen < 0 else -1
        # libmtmd has width before height, the configuration height before width
        pairs = self._given.get("image_grid_pinpoints") or ()
        self._tiles = [int(side) for pair in pairs for side in pair[::-1]]
        self._check()

    def metadata(self) -> dict[str, Any]:
        fields = self._common("mlp")
        fields["clip.use_gelu"] = self._act == "gelu"
        fields[f"{PREFIX}feature_layer"] = [self._layers]
        if not self._tiles:
            fields["vlmtui.picture_form"] = PICTURE_FORM
        else:
            fields[f"{PREFIX}image_grid_pinpoints"] = self._tiles
            fields[f"{PREFIX}mm_patch_merge_type"] = "spatial_unpad"
        return fields

    def _check(self) -> None:
        kind = self._given.get("model_type", "clip_vision_model")
        select = self._given.get("vision_feature_select_strategy", "default")
        act = self._given.get("projector_hidden_act", "gelu")
        if kind != "clip_vision_model" or select != "default" or act != "gelu":
            raise BadModelFile(
                f"{self._where} can't be imported: its tower is {kind!r}, of which it takes "
                f"{select!r}",
                "LLaVA-1.5 and 1.6 have CLIP, and take its patches.",
            )
        if self._layers < 1 or self._act not in ("quick_gelu", "gelu") or self._image % self._patch:
            raise self._refused("layers are not CLIP's")

    def _items(self) -> Iterable[Item]:
        take, width = self._weights.take, self._width
        patches = (self._image // self._patch) ** 2
        first = take("embeddings.class_embedding", width)
        kernels = take("embeddings.patch_embedding.weight", width, 3, self._patch, self._patch)
        positions = take("embeddings.position_embedding.weight", patches + 1, width)
        yield plan.in_float16("v.patch_embd.weight", kernels)

        def last() -> Iterable[Numbers]:
            yield first.floats() if self._tiles else _plain(kernels, PADDING)

        def rows() -> Iterable[Numbers]:
            table = positions.floats()
            if not self._tiles:
                table[0] += first.floats() - _plain(kernels, (0, 0, 0))
            yield table

        yield Item("v.class_embd", "F32", (width,), last)
        yield Item("v.position_embd.weight", "F32", positions.shape, rows)
        # the name has a slip of the pen in Hugging Face's code
        yield from self._weights.norm("pre_layrnorm", "v.pre_ln", width)
        for at in range(self._layers):
            yield from layer(self._weights, at, width, self._units)
        for name, made in _PROJECTOR.items():
            columns = width if name == "linear_1" else self._out
            yield from self._projector.linear(name, made, self._out, columns)
        if self._tiles:
            newline = self._projector.take("image_newline", self._out)
            yield plan.in_float32("v.image_newline", newline)


def _plain(kernels: Stored, color: tuple[int, int, int]) -> Numbers:
    """What the convolution makes of a patch of one colour, with the roundings of libmtmd."""
    pixel = (np.array(color, np.float32) / 255 - np.array(MEAN)) / np.array(STD)
    rounded = pixel.astype(np.float16).astype(np.float32)
    weights = plan.to_float16(kernels.floats(), kernels.title).astype(np.float32)
    made: Numbers = weights.sum(axis=(2, 3)) @ rounded
    return made.astype(np.float32)
