"""Qwen2-VL's and Qwen2.5-VL's vision tower with its merger, as libmtmd computes them.

libmtmd's graph (`tools/mtmd/models/qwen2vl.cpp`) is that of Hugging Face's code, so tensors only
get other names. Two are taken apart: queries, keys and values lie in one matrix, one above the
other, and the patches are made by a convolution over two frames, of which each frame has its own
half here. A still picture stands for both frames.

What the graph does whatever a configuration says is checked: 2x2 patches a token, windows of 112
pixels, all patches attending to all in every n-th layer (2.5), and the layers' activations. The
norms' epsilon is no value of the configuration in Hugging Face's code either.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from vlmtui.models.convert import plan
from vlmtui.models.convert.plan import Item
from vlmtui.models.convert.stored import Numbers, Stored, as_float32
from vlmtui.models.convert.tower import MEAN, PREFIX, STD, VisionTower

_THETA = 10000.0
_FRAMES = 2
_MERGED = 2
"""Patches of a token on each side."""

_ACTS = {"qwen2_vl": "quick_gelu", "qwen2_5_vl": "silu"}
_FEED_FORWARD = {
    "qwen2_vl": {"mlp.fc1": "ffn_up", "mlp.fc2": "ffn_down"},
    "qwen2_5_vl": {
        "mlp.gate_proj": "ffn_gate",
        "mlp.up_proj": "ffn_up",
        "mlp.down_proj": "ffn_down",
    },
}


class Tower(VisionTower):
    """Tower and merger; the configuration has the pictures' `image_mean` and `image_std`, too."""

    _image = 560
    """libmtmd wants a size, and takes pictures in their own."""

    _epsilon = 1e-6

    def _read(self) -> None:
        self._kind: str = self._given["model_type"]
        self._layers = self._number("depth", 32)
        self._heads = self._number("num_heads", 16)
        self._patch = self._number("patch_size", 14)
        if self._windowed:
            self._width = self._number("hidden_size", 3584)
            self._units = self._number("intermediate_size", 3420)
        else:
            self._width = self._number("embed_dim", 1280)
            self._units = self._width * self._number("mlp_ratio", 4)
        self._mean = self._colors("image_mean", MEAN)
        self._std = self._colors("image_std", STD)
        self._check()

    def metadata(self) -> dict[str, Any]:
        fields = self._common("qwen2.5vl_merger" if self._windowed else "qwen2vl_merger")
        fields["clip.use_silu"] = self._windowed
        fields[f"{PREFIX}spatial_merge_size"] = _MERGED
        if self._windowed:
            fields[f"{PREFIX}n_wa_pattern"] = self._full_layers()[0] + 1
        return fields

    @property
    def _windowed(self) -> bool:
        return self._kind == "qwen2_5_vl"

    def _check(self) -> None:
        """Refuse what libmtmd would compute otherwise than the model's own code."""
        expected: dict[str, Any] = {
            "hidden_act": _ACTS[self._kind],
            "spatial_merge_size": _MERGED,
            "temporal_patch_size": _FRAMES,
            "in_channels": 3,
            "in_chans": 3,
            "rope_theta": _THETA,
        }
        if self._windowed:
            expected["window_size"] = 112
            self._full_layers()
        rope = self._given.get("rope_parameters") or {}
        given = {**self._given, "rope_theta": rope.get("rope_theta", _THETA)}
        for key, value in expected.items():
            if given.get(key, value) != value:
                raise self._refused(f"{key} is {given[key]!r}, and not {value!r}")
        if self._width % (4 * self._heads):
            raise self._refused(f"{self._heads} heads can't share a width of {self._width}")
        if self._units == self._width:  # libmtmd would take ffn_up and ffn_down for each other
            raise self._refused(f"feed-forward network is as wide as its layers ({self._width})")

    def _full_layers(self) -> list[int]:
        """The layers in which all patches attend to all: every n-th of them."""
        given = self._given.get("fullatt_block_indexes", [7, 15, 23, 31])
        full = given if isinstance(given, list) and given else [-1]
        step = full[0] + 1 if type(full[0]) is int else 0
        every = [at for at in range(self._layers) if step > 0 and (at + 1) % step == 0]
        if step < 1 or every != [at for at in full if at < self._layers]:
            raise self._refused(
                f"fullatt_block_indexes are {given!r}, and not every n-th of {self._layers} layers"
            )
        return full

    def _colors(self, key: str, usual: list[float]) -> list[float]:
        values = self._given.get(key, usual)
        numbers = isinstance(values, list) and all(type(each) in (int, float) for each in values)
        if not numbers or len(values) != 3:
            raise self._refused(f"{key} is {values!r}, and not three numbers")
        return [float(each) for each in values]

    def _items(self) -> Iterable[Item]:
        side, joined = self._patch, self._width * _MERGED**2
        kernels = self._weights.take("patch_embed.proj.weight", self._width, 3, _FRAMES, side, side)
        for frame, name in enumerate(("v.patch_embd.weight", "v.patch_embd.weight.1")):
            yield _frame(name, kernels, frame)
        for layer in range(self._layers):
            yield from self._layer(f"blocks.{layer}.", f"v.blk.{layer}.")
        yield from self._norm("merger.ln_q", "v.post_ln")
        yield from self._weights.linear("merger.mlp.0", "mm.0", joined, joined)
        yield from self._weights.linear("merger.mlp.2", "mm.2", self._out, joined)
        self._weights.check_all_taken()

    def _layer(self, source: str, target: str) -> Iterable[Item]:
        width = self._width
        for which in "12":
            yield from self._norm(f"{source}norm{which}", f"{target}ln{which}")
        matrix = self._weights.take(f"{source}attn.qkv.weight", 3 * width, width)
        bias = self._weights.take(f"{source}attn.qkv.bias", 3 * width)
        for at, part in enumerate("qkv"):
            yield plan.in_float16(f"{target}attn_{part}.weight", matrix.part(at, 3))
            yield plan.in_float32(f"{target}attn_{part}.bias", bias.part(at, 3))
        yield from self._weights.linear(f"{source}attn.proj", f"{target}attn_out", width, width)
        for name, made in _FEED_FORWARD[self._kind].items():
            rows, columns = self._units, width
            if made == "ffn_down":
                rows, columns = columns, rows
            yield from self._weights.linear(source + name, target + made, rows, columns)

    def _norm(self, name: str, made: str) -> Iterable[Item]:
        """A norm by the root of the mean square (2.5), or with mean and bias (2)."""
        return self._weights.norm(name, made, self._width, biased=not self._windowed)


def _frame(name: str, kernels: Stored, frame: int) -> Item:
    """The half of the patches' convolution that sees one of the two frames."""

    def make() -> Iterator[Numbers]:
        for piece in kernels.pieces():
            half = as_float32(piece, kernels.dtype)[:, :, frame]
            yield plan.to_float16(half, kernels.title)

    width, channels, _, *sides = kernels.shape
    return Item(name, "F16", (width, channels, *sides), make)
