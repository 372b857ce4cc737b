"""The process that makes a graph of a vision tower: the only one that holds NumPy and TensorRT.

Started by `tower_making`, told of line by line. Killing it at any moment is the way to cancel it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from vlmtui import offspring
from vlmtui.errors import ConversionFailed, os_errors_as
from vlmtui.offspring import Telling

if TYPE_CHECKING:  # NumPy: only once the work begins
    from vlmtui.engine.towers.tower_weights import TowerWeights

_GRAPH_SHARE = 0.1
"""Of the time; the rest is TensorRT's, where it has some."""


class Order(msgspec.Struct, frozen=True):
    """What is to be made."""

    mmproj: str
    runner: Literal["tensorrt", "onnxruntime"]
    half: bool
    target: str
    """Where it comes into being."""


def main(parent: int, order: str) -> None:
    """Make a graph by an `Order` as JSON, for a process that must be alive."""
    telling = offspring.begin(parent)
    install = "Run: pip install 'vlmtui[onnx]' ('vlmtui[tensorrt]' with JetPack's TensorRT)."
    cant = "The tower can't be converted"
    with telling.errors(ConversionFailed, "Making graphs", install, cant):
        telling.tell(made=_make(msgspec.json.decode(order, type=Order), telling))


def _tiles(weights: TowerWeights) -> tuple[tuple[int, int], ...]:
    """Widths and heights, which LLaVA-1.6's files have one after the other."""
    lengths = [int(n) for n in weights.meta("clip.vision.image_grid_pinpoints", default=())]
    return tuple(zip(lengths[::2], lengths[1::2], strict=False))


def _make(order: Order, telling: Telling) -> dict[str, Any]:
    """Make it; returns what is known of it, as `tower_store.Graph` has it."""
    import onnx

    from vlmtui.engine.towers.tower_graph import TowerGraph
    from vlmtui.engine.towers.tower_weights import TowerWeights

    telling.tell(fraction=0.0, doing="reading the tower")
    weights = TowerWeights(Path(order.mmproj))
    graph = TowerGraph(weights, half=order.half).model()
    about = {
        "runner": order.runner,
        "mmproj": order.mmproj,
        "half": order.half,
        "projector": weights.projector,
        "side": int(weights.meta("clip.vision.image_size")),
        "tiles": _tiles(weights),
    }
    target = Path(order.target)
    if order.runner == "onnxruntime":
        onnx.save_model(graph, str(target))
        return about
    from vlmtui.engine.towers import tensorrt_builder

    device = tensorrt_builder.cuda_device()
    version = tensorrt_builder.version()
    source = target.with_suffix(".onnx.part")
    try:
        onnx.save_model(graph, str(source))
        del graph

        def tell(fraction: float, phase: str) -> None:
            share = _GRAPH_SHARE + (1 - _GRAPH_SHARE) * fraction
            telling.tell(fraction=share, doing=f"TensorRT: {phase}")

        engine = tensorrt_builder.build(source, tell)
    finally:
        source.unlink(missing_ok=True)
    with os_errors_as(ConversionFailed, f"{target} can't be written", "Free space."):
        target.write_bytes(engine)
    return {**about, "version": version, "gpu": device}
