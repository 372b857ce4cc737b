"""VILA1.5's vision tower and projector as an mmproj that libmtmd runs as it is.

VILA takes the 27x27 patches of SigLIP's last but one layer, pads them with zeros to 28x28, joins
2x2 of them, and projects: LayerNorm, Linear, GELU, Linear. The only projector of libmtmd that does
this is `lfm2`, which pads nothing, as its pictures always have an even number of patches. So it is
given 28x28 patches, of which 55 are null: nobody sees them, and they end as zeros. Three things
make them so.

1. **Further channels.** A tower n wide gets e more. A real patch has in each of them the mean of
   its n own (the rows that make them are the means of the others), so LayerNorm over n+e channels
   is LayerNorm over n but for a factor: weights times sqrt(n/(n+e)), epsilon times n/(n+e). A null
   patch has zeros in the n, and `_null` in the e, which LayerNorm brings to t, -t, t, -t in the
   first four; t is 16. Their sum, signs alternating, over 4t is the *indicator*: 1 in a null patch,
   0 in a real one, exactly.
2. **Attention.** Each head gets more dimensions; one of them is 2*indicator - 1 in queries and 1000
   times the indicator in keys. A real query so scores a null key with -1000, and leaves it out.
3. **Feed-forward.** All units get -1000 times the indicator, which GELU makes 0 of, and two units
   that only null patches feel undo what biases add to them; in the last layer also `_null`.

VILA's tokens run down the columns of the picture, libmtmd's along its rows; so picture, kernels and
positions are transposed, and the second and third part of each 2x2 block change places. The picture
itself is prepared by the engine (`vlmtui.picture_form`).

At the real size (n = 1152) the result differs from torch's by 7e-4 (rms over rms), most of it from
float16. In the 27 tokens at the padding the projector's LayerNorm also sees the means, which costs
some e/2n of the variance; a narrower tower shows more of that.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vlmtui.errors import BadModelFile
from vlmtui.models.convert.plan import Item, to_float16
from vlmtui.models.convert.stored import Stored
from vlmtui.models.convert.tower import NORMS, PREFIX, VisionTower, layer

PICTURE_FORM = "vila"
IMAGE, PATCH = 384, 14
"""Pixels on a side."""

SIDE = 28
"""Patches on a side, the null ones included."""

_REAL = IMAGE // PATCH
_FURTHER = 8
_HEAD_STEP = 8
_LARGE = 1024.0
_NEVER = 1000.0
"""A score that softmax makes 0 of, and what GELU makes 0 of."""

Floats = NDArray[np.float32]
_Make = Callable[[], Floats]


def _level(width: int) -> float:
    """T of the module's docstring: a power of two, which float16 has exactly."""
    return float(2 ** math.floor(math.log2(math.sqrt((width + _FURTHER) / 4))))


def _null(width: int) -> Floats:
    """The further channels of a null patch; see the module's docstring."""
    # t = sqrt((n+e) / (4 + 4b^2)), as the mean is 0; for n+e = 1160 and t = 16 b is 0.3645
    balance = math.sqrt((width + _FURTHER) / (2 * _level(width)) ** 2 - 1)
    return np.array([1, -1, 1, -1, *(balance, -balance) * 2], np.float32) * np.float32(_LARGE)


class Tower(VisionTower):
    """SigLIP as `SiglipVisionModel` has it, and VILA's projector."""

    _image = SIDE * PATCH
    _patch = PATCH
    _mean = _std = [0.5, 0.5, 0.5]  # noqa: RUF012 - as the class has them, which nobody changes

    def _read(self) -> None:
        self._width = self._number("hidden_size", 768)
        self._heads = self._number("num_attention_heads", 12)
        self._units = self._number("intermediate_size", 3072)
        self._layers = self._number("num_hidden_layers", 12) - 1
        given = self._given
        act = given.get("hidden_act", "gelu_pytorch_tanh")
        fits = (given.get("image_size"), given.get("patch_size")) == (IMAGE, PATCH)
        fits = fits and act == "gelu_pytorch_tanh" and self._width % self._heads == 0
        if not fits or self._layers < 1:
            raise BadModelFile(
                f"{self._where} can't be imported: its tower is not a SigLIP for {IMAGE}x{IMAGE} "
                f"pixels with patches of {PATCH}",
                "Only VILA1.5's 3B, 8B and 13B have the one that vlmtui knows.",
            )
        self._epsilon = float(given.get("layer_norm_eps", 1e-6))
        self._wide = self._width + _FURTHER
        self._share = math.sqrt(self._width / self._wide)
        self._head = self._width // self._heads
        self._wide_head = (self._head // _HEAD_STEP + 1) * _HEAD_STEP
        self._wide_units = (self._units // _HEAD_STEP + 1) * _HEAD_STEP
        self._target = _null(self._width)
        signs = np.array([1, -1, 1, -1, 0, 0, 0, 0], np.float32)
        self._mark: Floats = signs / np.float32(4 * _level(self._width))
        """The indicator, as weights over the further channels."""

        self._check()

    def metadata(self) -> dict[str, Any]:
        return {
            **self._common("lfm2"),
            "clip.use_gelu": True,
            f"{PREFIX}embedding_length": self._wide,
            f"{PREFIX}feed_forward_length": self._wide_units,
            f"{PREFIX}attention.head_dim": self._wide_head,
            f"{PREFIX}attention.layer_norm_epsilon": self._epsilon * self._width / self._wide,
            f"{PREFIX}projector.scale_factor": 2,
            "vlmtui.picture_form": PICTURE_FORM,
        }

    def _check(self) -> None:
        """Look for all tensors, before hours of work."""
        width, out = self._width, self._out
        self._take("embeddings.patch_embedding.weight", width, 3, PATCH, PATCH)
        self._take("embeddings.position_embedding.weight", _REAL * _REAL, width)
        for at in range(self._layers):
            list(layer(self._weights, at, width, self._units))
        self._projector.take("layers.2.weight", out, 4 * width)
        self._projector.take("layers.4.weight", out, out)
        for name, size in (("1.weight", 4 * width), ("1.bias", 4 * width), ("2.bias", out)):
            self._projector.take(f"layers.{name}", size)
        self._projector.take("layers.4.bias", out)

    def _items(self) -> Iterable[Item]:
        wide = self._wide
        yield _half("v.patch_embd.weight", (wide, 3, PATCH, PATCH), self._kernels)
        yield _single("v.patch_embd.bias", (wide,), self._patch_bias)
        yield _single("v.position_embd.weight", (SIDE * SIDE, wide), self._positions)
        for at in range(self._layers):
            yield from self._layer(at)
        yield from self._projection()

    # ------------------------------------------------------------------------------- the patches

    def _kernels(self) -> Floats:
        tensor = self._take("embeddings.patch_embedding.weight", self._width, 3, PATCH, PATCH)
        kernels = tensor.floats().transpose(0, 1, 3, 2)
        whole = _with_means(kernels.reshape(self._width, -1))
        return to_float16(whole, tensor.title).astype(np.float32).reshape(-1, 3, PATCH, PATCH)

    def _patch_bias(self) -> Floats:
        return _with_means(self._vector("embeddings.patch_embedding.bias", self._width))

    def _positions(self) -> Floats:
        tensor = self._take("embeddings.position_embedding.weight", _REAL * _REAL, self._width)
        real = tensor.floats().reshape(_REAL, _REAL, self._width).transpose(1, 0, 2)
        grid = np.empty((SIDE, SIDE, self._wide), np.float32)
        grid[:_REAL, :_REAL, : self._width] = real
        grid[:_REAL, :_REAL, self._width :] = real.mean(axis=2, keepdims=True)
        # what convolution and bias make of black (-1), the position has to take away again
        black = self._patch_bias() - self._kernels().sum(axis=(1, 2, 3), dtype=np.float32)
        null = -black
        null[self._width :] += self._target
        grid[_REAL, :] = grid[:, _REAL] = null
        return grid.reshape(SIDE * SIDE, self._wide)

    # -------------------------------------------------------------------------------- the layers

    def _layer(self, layer: int) -> Iterable[Item]:
        source, target = f"encoder.layers.{layer}.", f"v.blk.{layer}."
        wide, inner = self._wide, self._heads * self._wide_head
        for norm, name in NORMS.items():
            yield _single(f"{target}{name}.weight", (wide,), self._scale(source + norm))
            yield _single(f"{target}{name}.bias", (wide,), lambda: np.zeros(wide, np.float32))
        for name in ("q", "k", "v"):
            matrix, bias = self._attention(source, name)
            yield _half(f"{target}attn_{name}.weight", (inner, wide), matrix)
            yield _single(f"{target}attn_{name}.bias", (inner,), bias)
        yield _half(f"{target}attn_out.weight", (wide, inner), lambda: self._out_matrix(source))
        yield _single(f"{target}attn_out.bias", (wide,), lambda: self._out_bias(source))
        units = self._wide_units
        yield _half(f"{target}ffn_up.weight", (units, wide), lambda: self._up_matrix(source))
        yield _single(f"{target}ffn_up.bias", (units,), lambda: self._up_bias(source))
        yield _half(
            f"{target}ffn_down.weight", (wide, units), lambda: self._down_matrix(source, layer)
        )
        yield _single(
            f"{target}ffn_down.bias",
            (wide,),
            lambda: _with_means(self._vector(f"{source}mlp.fc2.bias", self._width)),
        )

    def _scale(self, norm: str) -> _Make:
        """LayerNorm's weights; its biases go into the biases of the layers that follow it."""

        def make() -> Floats:
            own = self._vector(f"{norm}.weight", self._width) * np.float32(self._share)
            return np.concatenate((own, np.ones(_FURTHER, np.float32)))

        return make

    def _attention(self, source: str, name: str) -> tuple[_Make, _Make]:
        heads, head, wide_head = self._heads, self._head, self._wide_head
        linear = f"{source}self_attn.{name}_proj"
        # libmtmd divides by the root of a head's width, which is larger than it was
        grown = np.float32(math.sqrt(wide_head / head) if name == "q" else 1)

        def matrix() -> Floats:
            made = np.zeros((heads, wide_head, self._wide), np.float32)
            own = self._matrix(linear, self._width, self._width) * grown
            made[:, :head, : self._width] = own.reshape(heads, head, -1)
            score = {"q": 2.0, "k": _NEVER * math.sqrt(wide_head), "v": 0.0}[name]
            made[:, head, self._width :] = score * self._mark
            return made.reshape(-1, self._wide)

        def bias() -> Floats:
            made = np.zeros((heads, wide_head), np.float32)
            if name != "v":
                own = self._bias_behind_norm(linear, f"{source}layer_norm1", self._width) * grown
                made[:, :head] = own.reshape(heads, head)
            if name == "q":
                made[:, head] = -1
            return made.reshape(-1)

        return matrix, bias

    def _out_matrix(self, source: str) -> Floats:
        own = self._matrix(f"{source}self_attn.out_proj", self._width, self._width)
        made = np.zeros((self._wide, self._heads, self._wide_head), np.float32)
        made[:, :, : self._head] = _with_means(own).reshape(self._wide, self._heads, self._head)
        return made.reshape(self._wide, -1)

    def _out_bias(self, source: str) -> Floats:
        """With the bias of the values, which attention only passes on: scores add up to 1."""
        own = self._matrix(f"{source}self_attn.out_proj", self._width, self._width)
        values = self._bias_behind_norm(
            f"{source}self_attn.v_proj", f"{source}layer_norm1", self._width
        )
        bias = self._vector(f"{source}self_attn.out_proj.bias", self._width)
        return _with_means(bias + own @ values)

    def _up_matrix(self, source: str) -> Floats:
        made = np.zeros((self._wide_units, self._wide), np.float32)
        made[: self._units, : self._width] = self._matrix(
            f"{source}mlp.fc1", self._units, self._width
        )
        made[: self._units, self._width :] = -_NEVER * self._mark
        made[self._units : self._units + 2, self._width :] = 16 * self._mark
        return made

    def _up_bias(self, source: str) -> Floats:
        made = np.zeros(self._wide_units, np.float32)
        made[: self._units] = self._bias_behind_norm(
            f"{source}mlp.fc1", f"{source}layer_norm2", self._units
        )
        return made

    def _down_matrix(self, source: str, layer: int) -> Floats:
        made = np.zeros((self._wide, self._wide_units), np.float32)
        own = self._matrix(f"{source}mlp.fc2", self._width, self._units)
        made[:, : self._units] = _with_means(own)
        undo = -self._out_bias(source)
        undo -= _with_means(self._vector(f"{source}mlp.fc2.bias", self._width))
        if layer == self._layers - 1:
            undo[self._width :] -= self._target
        undo /= 16
        # two float16 numbers have twice the digits of one
        made[:, self._units] = undo.astype(np.float16)
        made[:, self._units + 1] = undo - made[:, self._units]
        return made

    # ----------------------------------------------------------------------------- the projector

    def _projection(self) -> Iterable[Item]:
        joined, out = 4 * self._wide, self._out
        yield _single("mm.input_norm.weight", (joined,), lambda: self._parts("layers.1.weight"))
        yield _single("mm.input_norm.bias", (joined,), lambda: self._parts("layers.1.bias", 1.0))
        yield _half("mm.1.weight", (out, joined), self._first_matrix)
        yield _single("mm.1.bias", (out,), lambda: self._last("layers.2.bias", out))
        yield _half("mm.2.weight", (out, out), lambda: self._last("layers.4.weight", out, out))
        yield _single("mm.2.bias", (out,), lambda: self._last("layers.4.bias", out))

    def _parts(self, name: str, factor: float | None = None) -> Floats:
        own = self._last(name, 4 * self._width) * np.float32(factor or self._share)
        return _blocks(own[None], self._width).reshape(-1)

    def _first_matrix(self) -> Floats:
        return _blocks(self._last("layers.2.weight", self._out, 4 * self._width), self._width)

    # --------------------------------------------------------------------------------- the parts

    def _take(self, name: str, *shape: int) -> Stored:
        return self._weights.take(name, *shape)

    def _last(self, name: str, *shape: int) -> Floats:
        return self._projector.take(name, *shape).floats()

    def _matrix(self, name: str, rows: int, columns: int) -> Floats:
        return self._take(f"{name}.weight", rows, columns).floats()

    def _vector(self, name: str, size: int) -> Floats:
        return self._take(name, size).floats()

    def _bias_behind_norm(self, linear: str, norm: str, rows: int) -> Floats:
        """A layer's bias, with what the bias of the LayerNorm before it becomes in it."""
        shift = self._vector(f"{norm}.bias", self._width)
        moved: Floats = self._matrix(linear, rows, self._width) @ shift
        return self._vector(f"{linear}.bias", rows) + moved


def _with_means(rows: Floats) -> Floats:
    """Rows (or numbers), and below them as many of their mean as there are further channels."""
    mean = rows.mean(axis=0, keepdims=True)
    return np.concatenate((rows, np.repeat(mean, _FURTHER, axis=0)))


def _blocks(rows: Floats, width: int) -> Floats:
    """What is over the four patches of a token, in libmtmd's order, zeros for further channels."""
    made = np.zeros((rows.shape[0], 4, width + _FURTHER), np.float32)
    made[:, :, :width] = rows.reshape(-1, 4, width)[:, [0, 2, 1, 3]]
    return made.reshape(rows.shape[0], -1)


def _half(name: str, shape: tuple[int, ...], make: _Make) -> Item:
    return Item(name, "F16", shape, lambda: (to_float16(make(), f"The tensor {name}"),))


def _single(name: str, shape: tuple[int, ...], make: _Make) -> Item:
    return Item(name, "F32", shape, lambda: (make(),))
