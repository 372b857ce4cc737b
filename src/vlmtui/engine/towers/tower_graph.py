"""A vision tower and its projector as an ONNX graph that computes what libmtmd computes.

The graph is made of the tensors of the mmproj file, so that a tower in TensorRT and one in libmtmd
are the same model. Two kinds are known: `mlp` (LLaVA-1.5 and 1.6: CLIP and two linear layers), and
`lfm2` as the importer writes it for VILA1.5 (SigLIP, 2x2 patches joined, a norm and two layers).

LLaVA's has an oddity of libmtmd's that has to be kept for both to agree: the class embedding is the
last row, not the first, though positions and the rows that are taken count as if it were the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from vlmtui.engine.towers.tower_weights import TowerWeights
from vlmtui.errors import BadModelFile

OPSET = 17
INPUT, OUTPUT = "picture", "embeddings"
"""uint8 [1, side, side, 3], red, green, blue; float32 [1, tokens, width of the language model]."""

KINDS = ("mlp", "lfm2")

_IR = 8
_MERGE = 2
_PROJECTOR_EPSILON = 1e-5
"""Of the norm in `lfm2`: libmtmd's own, not the file's."""


def _layers_run(weights: TowerWeights) -> int:
    """Layers that libmtmd runs: of LLaVA's all but the last, unless the file says which."""
    layers = int(weights.meta("clip.vision.block_count"))
    if weights.projector != "mlp":
        return layers
    wanted = list(weights.meta("clip.vision.feature_layer", default=[]))
    if len(wanted) > 1:
        raise BadModelFile(
            "A tower that gives out several of its layers (Granite's) can't be made a graph",
            "LLaVA-1.5, LLaVA-1.6 and imported VILA1.5 can.",
        )
    return int(wanted[0]) if wanted else layers - 1


class TowerGraph:
    """Builds the graph, node by node."""

    def __init__(self, weights: TowerWeights, *, half: bool) -> None:
        """`half` computes in float16 all but norms and softmax; input and output stay float32.

        Raises:
            BadModelFile: It is of a kind that isn't known.
        """
        if weights.projector not in KINDS:
            raise BadModelFile(
                f"A tower with the projector {weights.projector!r} can't be made a graph",
                "LLaVA-1.5, LLaVA-1.6 and imported VILA1.5 can.",
            )
        self._weights = weights
        self._type = TensorProto.FLOAT16 if half else TensorProto.FLOAT
        self._numpy = np.float16 if half else np.float32
        self._nodes: list[onnx.NodeProto] = []
        self._stored: list[onnx.TensorProto] = []
        prefix = "clip.vision."
        self._side = int(weights.meta(f"{prefix}image_size"))
        self._patch = int(weights.meta(f"{prefix}patch_size"))
        self._heads = int(weights.meta(f"{prefix}attention.head_count"))
        self._epsilon = float(weights.meta(f"{prefix}attention.layer_norm_epsilon"))
        self._layers = _layers_run(weights)
        self._grid = self._side // self._patch

    def model(self) -> onnx.ModelProto:
        """The whole graph.

        Raises:
            BadModelFile: A tensor is missing.
        """
        rows = self._patches()
        if "v.pre_ln.weight" in self._weights:
            rows = self._norm(rows, "v.pre_ln", self._epsilon)
        for layer in range(self._layers):
            rows = self._block(rows, f"v.blk.{layer}")
        if "v.post_ln.weight" in self._weights:
            rows = self._norm(rows, "v.post_ln", self._epsilon)
        tokens, width = self._project_lfm2(rows) if self._merges else self._project_mlp(rows)
        self._add("Cast", [tokens], OUTPUT, to=TensorProto.FLOAT)
        shape = [1, self._side, self._side, 3]
        count = self._grid**2 // (_MERGE**2 if self._merges else 1)
        graph = helper.make_graph(
            self._nodes,
            "vision tower",
            [helper.make_tensor_value_info(INPUT, TensorProto.UINT8, shape)],
            [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, [1, count, width])],
            self._stored,
        )
        opsets = [helper.make_opsetid("", OPSET)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=_IR)

    @property
    def _merges(self) -> bool:
        return self._weights.projector == "lfm2"

    # ------------------------------------------------------------------ the parts of a tower

    def _patches(self) -> str:
        """Rows [1, patches, width]: patches, LLaVA's class row behind them, positions added."""
        kernel = self._weights.tensor("v.patch_embd.weight")
        width = kernel.shape[0]
        inputs = [self._normalised(), self._constant(kernel)]
        if "v.patch_embd.bias" in self._weights:
            inputs.append(self._constant(self._weights.tensor("v.patch_embd.bias")))
        grid = self._add("Conv", inputs, strides=[self._patch] * 2)
        flat = self._add("Reshape", [grid, self._shape(1, width, -1)])
        rows = self._add("Transpose", [flat], perm=[0, 2, 1])
        if "v.class_embd" in self._weights:
            last = self._weights.tensor("v.class_embd").reshape(1, 1, width)
            rows = self._add("Concat", [rows, self._constant(last)], axis=1)
        positions = self._weights.tensor("v.position_embd.weight").reshape(1, -1, width)
        return self._add("Add", [rows, self._constant(positions)])

    def _normalised(self) -> str:
        """The picture as numbers [1, 3, side, side]: (x/255 - mean) / deviation of each colour."""
        mean, deviation = (
            np.array(self._weights.meta(f"clip.vision.image_{name}")).reshape(1, 3, 1, 1)
            for name in ("mean", "std")
        )
        numbers = self._add("Cast", [INPUT], to=TensorProto.FLOAT)
        planes = self._add("Transpose", [numbers], perm=[0, 3, 1, 2])
        factor = self._constant(1 / (255 * deviation), np.float32)
        scaled = self._add("Mul", [planes, factor])
        return self._cast(self._add("Sub", [scaled, self._constant(mean / deviation, np.float32)]))

    def _block(self, rows: str, name: str) -> str:
        width = self._weights.tensor(f"{name}.attn_q.weight").shape[0]
        head = width // self._heads
        normed = self._norm(rows, f"{name}.ln1", self._epsilon)
        query, key, value = (
            self._split(self._linear(normed, f"{name}.attn_{part}"), head) for part in "qkv"
        )
        turned = self._add("Transpose", [key], perm=[0, 1, 3, 2])
        # before the product, which could leave float16's range
        scaled = self._add("Mul", [query, self._scalar(head**-0.5)])
        scores = self._cast(self._add("MatMul", [scaled, turned]), TensorProto.FLOAT)
        shares = self._cast(self._add("Softmax", [scores], axis=-1))
        seen = self._add("MatMul", [shares, value])
        joined = self._add("Transpose", [seen], perm=[0, 2, 1, 3])
        flat = self._add("Reshape", [joined, self._shape(1, -1, width)])
        rows = self._add("Add", [rows, self._linear(flat, f"{name}.attn_out")])
        normed = self._norm(rows, f"{name}.ln2", self._epsilon)
        up, down = f"{name}.ffn_up", f"{name}.ffn_down"
        if self._weights.tensor(f"{down}.weight").shape[1] == width and not self._merges:
            up, down = down, up  # old files of LLaVA call them the other way round
        units = self._activation(self._linear(normed, up))
        return self._add("Add", [rows, self._linear(units, down)])

    def _split(self, rows: str, head: int) -> str:
        """Heads [1, heads, rows, head] of rows [1, rows, heads * head]."""
        parts = self._add("Reshape", [rows, self._shape(1, -1, self._heads, head)])
        return self._add("Transpose", [parts], perm=[0, 2, 1, 3])

    def _project_mlp(self, rows: str) -> tuple[str, int]:
        if "mm.3.weight" in self._weights:
            raise BadModelFile(
                "A projector with norms (Yi's) can't be made a graph",
                "LLaVA-1.5, LLaVA-1.6 and imported VILA1.5 can.",
            )
        start = 1 if "v.class_embd" in self._weights else 0
        ends = [self._shape(start), self._shape(start + self._grid**2), self._shape(1)]
        rows = self._add("Slice", [rows, *ends])
        rows = self._linear(rows, "mm.0")
        width = self._weights.tensor("mm.0.weight").shape[0]
        if "mm.2.weight" in self._weights:
            rows = self._linear(self._gelu(rows), "mm.2")
            return rows, self._weights.tensor("mm.2.weight").shape[0]
        return self._gelu(rows), width

    def _project_lfm2(self, rows: str) -> tuple[str, int]:
        half = self._grid // _MERGE
        width = self._weights.tensor("v.patch_embd.weight").shape[0]
        parts = self._add("Reshape", [rows, self._shape(half, _MERGE, half, _MERGE * width)])
        turned = self._add("Transpose", [parts], perm=[0, 2, 1, 3])
        rows = self._add("Reshape", [turned, self._shape(1, half * half, _MERGE**2 * width)])
        rows = self._norm(rows, "mm.input_norm", _PROJECTOR_EPSILON)
        rows = self._linear(self._gelu(self._linear(rows, "mm.1")), "mm.2")
        return rows, self._weights.tensor("mm.2.weight").shape[0]

    # ------------------------------------------------------------------ operations

    def _linear(self, rows: str, name: str) -> str:
        matrix = self._weights.tensor(f"{name}.weight").T
        product = self._add("MatMul", [rows, self._constant(matrix)])
        if f"{name}.bias" not in self._weights:
            return product
        return self._add("Add", [product, self._constant(self._weights.tensor(f"{name}.bias"))])

    def _norm(self, rows: str, name: str, epsilon: float) -> str:
        """In float32: the mean of squares leaves float16's range."""
        inputs = [
            self._cast(rows, TensorProto.FLOAT),
            self._constant(self._weights.tensor(f"{name}.weight"), np.float32),
        ]
        if f"{name}.bias" in self._weights:
            inputs.append(self._constant(self._weights.tensor(f"{name}.bias"), np.float32))
        return self._cast(self._add("LayerNormalization", inputs, axis=-1, epsilon=epsilon))

    def _activation(self, rows: str) -> str:
        if self._weights.meta("clip.use_gelu", default=False):
            return self._gelu(rows)
        if self._weights.meta("clip.use_silu", default=False):
            return self._times_sigmoid(rows, 1.0)
        return self._times_sigmoid(rows, 1.702)  # CLIP's "quick GELU"

    def _times_sigmoid(self, rows: str, factor: float) -> str:
        gate = self._add("Sigmoid", [self._add("Mul", [rows, self._scalar(factor)])])
        return self._add("Mul", [rows, gate])

    def _gelu(self, rows: str) -> str:
        """By tanh, as ggml has it: x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))).

        In float32, since the cube leaves float16's range.
        """
        wide = self._cast(rows, TensorProto.FLOAT)
        square = self._add("Mul", [wide, wide])
        bent = self._add("Mul", [square, self._scalar(0.044715, np.float32)])
        bent = self._add("Add", [bent, self._scalar(1.0, np.float32)])
        inner = self._add("Mul", [wide, bent])
        inner = self._add("Mul", [inner, self._scalar((2 / np.pi) ** 0.5, np.float32)])
        gate = self._add("Add", [self._add("Tanh", [inner]), self._scalar(1.0, np.float32)])
        half = self._add("Mul", [wide, self._scalar(0.5, np.float32)])
        return self._cast(self._add("Mul", [half, gate]))

    def _cast(self, name: str, kind: int | None = None) -> str:
        """The same in another type, that of the graph if none is named."""
        kind = self._type if kind is None else kind
        if self._type == TensorProto.FLOAT:  # all is float32
            return name
        return self._add("Cast", [name], to=kind)

    def _add(self, operation: str, inputs: Sequence[str], output: str = "", **given: Any) -> str:
        output = output or f"n{len(self._nodes)}"
        self._nodes.append(helper.make_node(operation, list(inputs), [output], **given))
        return output

    def _constant(self, values: NDArray[Any], kind: type | None = None) -> str:
        name = f"w{len(self._stored)}"
        stored: NDArray[Any] = np.ascontiguousarray(values, kind or self._numpy)
        self._stored.append(numpy_helper.from_array(stored, name))
        return name

    def _scalar(self, value: float, kind: type | None = None) -> str:
        return self._constant(np.array(value, np.float32), kind)

    def _shape(self, *lengths: int) -> str:
        name = f"w{len(self._stored)}"
        self._stored.append(numpy_helper.from_array(np.array(lengths, np.int64), name))
        return name
