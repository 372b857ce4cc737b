"""Language models of Llama's kind as GGUF: Llama, Vicuna, Mistral, Qwen 2 and Qwen2.5-VL's.

Names and meaning of tensors are those that llama.cpp loads (`src/llama-arch.cpp`).
Llama's queries and keys are in another order there: llama.cpp turns neighbouring numbers of a head
(RoPE), Hugging Face's code the two halves of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping

import numpy as np

from vlmtui.models.convert import awq, plan
from vlmtui.models.convert.awq import Linear, Rounding
from vlmtui.models.convert.importing import Head
from vlmtui.models.convert.language_shape import Language, scaling_kind
from vlmtui.models.convert.plan import Item, Order, Weights, unexpected
from vlmtui.models.convert.stored import Numbers, Stored
from vlmtui.models.convert.weights import refused

_LINEARS = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
_BIASED = ("attn_q", "attn_k", "attn_v")
"""Of Qwen's; without their biases a model says nonsense."""

_NORMS = {"input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm"}
_UNUSED = ("rotary_emb.inv_freq", "position_ids", "attention.bias", "masked_bias")
"""Endings of tensors that older versions of Hugging Face's code wrote and nobody needs."""

_FILE_TYPES = {"F32": 0, "F16": 1, "Q4_1": 3, "BF16": 32}


class Plan:
    """The tensors of a language model."""

    def __init__(
        self, shape: Language, tensors: Mapping[str, Stored], head: Head, where: str
    ) -> None:
        """Plan.

        Args:
            shape: The model's.
            tensors: The checkpoint's, under Hugging Face's names of a language model alone.
            head: For the embeddings of a quantised model; others stay as they are.
            where: What the checkpoint is called in an error.

        Raises:
            BadModelFile: A tensor is missing, of another shape than it should be, or unexpected.
        """
        self.rounding = Rounding()
        self._shape = shape
        self._weights = Weights(tensors, where, shape.architecture)
        self._where = where
        self.quantised = any(name.endswith(".qweight") for name in tensors)
        self.items = tuple(self._items(head))
        self._weights.check_all_taken(_UNUSED)

    @property
    def rows(self) -> int:
        return self.items[0].shape[0]

    @property
    def file_type(self) -> int:
        return _FILE_TYPES["Q4_1" if self.quantised else self.items[-1].quant]

    def _items(self, head: Head) -> Iterable[Item]:
        shape, take = self._shape, self._weights.take
        embeddings = take("model.embed_tokens.weight")
        if len(embeddings.shape) != 2 or embeddings.shape[1] != shape.width:
            raise unexpected(embeddings, ("tokens", shape.width))
        whole: Callable[[str, Stored], Item] = plan.as_is
        if self.quantised:
            whole = plan.in_q8_0 if head == "q8_0" else plan.in_float16
        yield whole("token_embd.weight", embeddings)
        yield plan.in_float32("output_norm.weight", take("model.norm.weight", shape.width))
        if not shape.tied or "lm_head.weight" in self._weights.tensors:
            output = take("lm_head.weight", *embeddings.shape)
            if not shape.tied:
                yield whole("output.weight", output)
        if scaling_kind(shape.scaling) == "llama3":
            yield self._frequencies()
        for layer in range(shape.layers):
            yield from self._layer(layer)

    def _layer(self, layer: int) -> Iterable[Item]:
        source, target = f"model.layers.{layer}.", f"blk.{layer}."
        shape = self._shape
        queries, keys = shape.heads * shape.head_width, shape.kv_heads * shape.head_width
        sizes = {
            "attn_q": (queries, shape.width),
            "attn_k": (keys, shape.width),
            "attn_v": (keys, shape.width),
            "attn_output": (shape.width, queries),
            "ffn_gate": (shape.feed_forward, shape.width),
            "ffn_up": (shape.feed_forward, shape.width),
            "ffn_down": (shape.width, shape.feed_forward),
        }
        for name, norm in _NORMS.items():
            yield from self._weights.norm(source + name, target + norm, shape.width, biased=False)
        for name, linear in _LINEARS.items():
            order = self._order(linear)
            yield from self._linear(source + name, target + linear, sizes[linear], order)

    def _linear(
        self, name: str, made: str, size: tuple[int, int], order: Order | None
    ) -> Iterable[Item]:
        layer = awq.find(name, self._weights.tensors)
        if layer is not None:
            parts = ("qweight", "scales", "scaled_zeros", "qzeros")
            self._weights.taken.update(f"{name}.{part}" for part in parts)
            if (layer.outputs, layer.inputs) != size:
                raise unexpected(layer.weights, size, (layer.outputs, layer.inputs))
            yield Item(f"{made}.weight", "Q4_1", size, self._blocks(layer, order))
        else:
            yield plan.as_is(f"{made}.weight", self._weights.take(f"{name}.weight", *size), order)
        biased = self._shape.architecture != "llama" and made.endswith(_BIASED)
        if biased or f"{name}.bias" in self._weights.tensors:
            bias = self._weights.take(f"{name}.bias", size[0])
            yield plan.in_float32(f"{made}.bias", bias, order)

    def _blocks(self, layer: Linear, order: Order | None) -> Callable[[], Iterable[Numbers]]:
        def make() -> Iterable[Numbers]:
            pieces = awq.blocks(layer, self.rounding)
            return pieces if order is None else (order(np.concatenate(list(pieces))),)

        return make

    def _order(self, linear: str) -> Order | None:
        """How the rows of queries and keys are to be put; see the module's docstring."""
        if self._shape.architecture != "llama" or linear not in ("attn_q", "attn_k"):
            return None
        heads = self._shape.heads if linear == "attn_q" else self._shape.kv_heads

        def order(rows: Numbers) -> Numbers:
            halves = rows.reshape(heads, 2, rows.shape[0] // heads // 2, *rows.shape[1:])
            return halves.swapaxes(1, 2).reshape(rows.shape)

        return order

    def _frequencies(self) -> Item:
        """Llama 3.1's scaling: each of RoPE's frequencies is divided by a factor of its own."""
        scaling, shape = self._shape.scaling, self._shape
        try:
            factor, trained = float(scaling["factor"]), scaling["original_max_position_embeddings"]
            low = trained / float(scaling.get("low_freq_factor", 1))
            high = trained / float(scaling.get("high_freq_factor", 4))
        except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
            raise refused(self._where, f"its RoPE scaling lacks {error}") from None
        count = shape.head_width // 2
        lengths = 2 * math.pi * shape.theta ** (np.arange(count) / count)
        between = (trained / lengths - trained / low) / (trained / high - trained / low)
        factors = 1 / ((1 - between) / factor + between)
        factors = np.where(lengths < high, 1.0, np.where(lengths > low, factor, factors))
        values = factors.astype(np.float32)
        return Item("rope_freqs.weight", "F32", (count,), lambda: (values,))
