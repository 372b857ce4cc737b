"""Whether a tower's graph makes of a picture what libmtmd's tower makes of it."""

from __future__ import annotations

import math
import time
from typing import Any

from vlmtui.engine.backends.llamacpp import chunks, graph_tower
from vlmtui.engine.backends.llamacpp.graph_pictures import GraphPictures
from vlmtui.engine.backends.llamacpp.graph_tower import GraphTower, Unusable
from vlmtui.engine.backends.llamacpp.model import LoadedModel
from vlmtui.engine.backends.llamacpp.vision import encoded
from vlmtui.engine.engine_events import TowerCompared
from vlmtui.engine.engine_requests import Load
from vlmtui.errors import LoadFailed


def compare(model: LoadedModel, graph: GraphTower, request: Load) -> TowerCompared:
    """Show both towers the same picture.

    Raises:
        LoadFailed: One of them fails.
    """
    pictures = GraphPictures(request)
    (picture,) = pictures.squares(_sample(pictures.seen))
    side = math.isqrt(len(picture) // 3)
    try:
        graph.run(picture)  # the first one also allocates
        began = time.monotonic()
        made = graph.run(picture)
        graph_s = time.monotonic() - began
    except Unusable as error:
        raise LoadFailed(f"The graph of {request.title}'s tower fails: {error}") from error
    began = time.monotonic()
    with chunks.cut(model.vision, (side, side), picture) as cut:
        parts = [encoded(model, chunk, "the sample") for chunk in cut if chunks.is_image(chunk)]
    libmtmd_s = time.monotonic() - began
    apart = graph_tower.difference(made, parts[0]) if len(parts) == 1 else 1.0
    return TowerCompared(apart, graph_s, libmtmd_s)


def _sample(size: tuple[int, int]) -> Any:
    """A picture with something of everything: soft colours, edges, fine detail."""
    from PIL import Image, ImageDraw

    width, height = size
    across = Image.linear_gradient("L").resize(size)
    image = Image.merge("RGB", (across, across.rotate(90).resize(size), across.rotate(180)))
    draw = ImageDraw.Draw(image)
    draw.ellipse((width // 8, height // 8, width // 2, height // 2), "red", "white", 3)
    draw.rectangle((width // 2, height // 2, width - 20, height - 40), "navy", "yellow", 5)
    for step in range(0, width, 6):
        draw.line((step, height - 30, step + 12, height), "black" if step % 12 else "white")
    return image
