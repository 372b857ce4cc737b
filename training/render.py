"""Scenes drawn in very many styles, seen as libmtmd will show them to the tower.

The model is to see pictures from renderers it has never met, so everything that doesn't change an
answer is left to chance here: size, shade, outline, rotation, blur, noise, JPEG; ``paint`` adds the
backgrounds. The last step is libmtmd's own arithmetic (``letterbox``), because a tower that was
trained on anything else loses its accuracy on the way through GGUF.
"""

from __future__ import annotations

import colorsys
import io
import math
import random
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from training.scenes import COLORS, KINDS, Scene, Shape, outline_points

SIDE = 144
"""Side in pixels of the square that the tower sees."""
PATCH = 16
GRID = SIDE // PATCH
PADDING = (122, 116, 104)
"""What libmtmd fills the rest of the square with (``clip_hparams::image_pad_color``)."""

Rgb = tuple[int, int, int]

_SWATCHES: dict[str, list[Rgb]] = {
    "red": [(255, 0, 0), (214, 39, 40), (244, 67, 54), (231, 76, 60), (220, 20, 60), (200, 30, 30)],
    "green": [(0, 128, 0), (0, 255, 0), (44, 160, 44), (76, 175, 80), (46, 204, 113), (0, 180, 0)],
    "blue": [
        (0, 0, 255),
        (31, 119, 180),
        (33, 150, 243),
        (52, 152, 219),
        (30, 80, 220),
        (0, 0, 160),
    ],
    "yellow": [(255, 255, 0), (255, 215, 0), (255, 235, 59), (241, 196, 15), (240, 220, 40)],
    "purple": [(128, 0, 128), (148, 103, 189), (156, 39, 176), (155, 89, 182), (138, 43, 226)],
    "orange": [(255, 165, 0), (255, 127, 14), (255, 152, 0), (230, 126, 34), (255, 140, 0)],
    "black": [(0, 0, 0), (0, 0, 0), (20, 20, 20), (33, 33, 33), (26, 26, 30)],
    "white": [(255, 255, 255), (255, 255, 255), (250, 250, 250), (240, 240, 240), (245, 245, 240)],
}
_HUES = {
    # hue in degrees, saturation and value in 0..1: what most people give that name
    "red": ((-11, 8), (0.7, 1.0), (0.62, 1.0)),
    "green": ((88, 158), (0.45, 1.0), (0.38, 1.0)),
    "blue": ((202, 244), (0.55, 1.0), (0.5, 1.0)),
    "yellow": ((47, 63), (0.6, 1.0), (0.85, 1.0)),
    "purple": ((269, 304), (0.38, 1.0), (0.42, 0.92)),
    "orange": ((20, 39), (0.78, 1.0), (0.86, 1.0)),
}


@dataclass(frozen=True)
class Placed:
    """A shape as it was drawn: outline in pixels of the picture before it is resized."""

    shape: Shape
    rgb: Rgb
    center: tuple[float, float]
    radii: tuple[float, float]
    corners: list[tuple[float, float]]
    """Empty for a circle."""


def shade(color: str, rng: random.Random) -> Rgb:
    """One of the many RGB values that a colour's name stands for."""
    if rng.random() < 0.55:
        jitter = rng.choice((0, 0, 6, 12))
        r, g, b = (
            max(0, min(255, c + rng.randint(-jitter, jitter))) for c in rng.choice(_SWATCHES[color])
        )
        return r, g, b
    if color == "black":
        level = rng.randint(0, 46)
        r, g, b = (max(0, level + rng.randint(-6, 6)) for _ in range(3))
        return r, g, b
    if color == "white":
        level = rng.randint(228, 255)
        r, g, b = (min(255, level + rng.randint(-6, 6)) for _ in range(3))
        return r, g, b
    hue, saturation, value = (rng.uniform(*span) for span in _HUES[color])
    r, g, b = (round(255 * c) for c in colorsys.hsv_to_rgb(hue % 360 / 360, saturation, value))
    return r, g, b


def distance(a: Rgb, b: Rgb) -> float:
    """How different two colours look, 0 to about 765 ("redmean", compuphase.com/cmetric.htm)."""
    mean = (a[0] + b[0]) / 2
    dr, dg, db = a[0] - b[0], a[1] - b[1], a[2] - b[2]
    return math.sqrt((2 + mean / 256) * dr * dr + 4 * dg * dg + (2 + (255 - mean) / 256) * db * db)


def letterbox(image: Image.Image) -> Image.Image:
    """Fit a picture into the tower's square exactly as libmtmd's fixed-size preprocessor does.

    Bicubic resampling as Pillow's own, sizes rounded up, the rest filled with ``PADDING``
    (llama.cpp, tools/mtmd/mtmd-image.cpp, ``img_tool::resize``).
    """
    if image.size == (SIDE, SIDE):
        return image
    width, height = image.size
    # in float32 like the C++, or ceil() may differ by one
    scale = min(np.float32(SIDE) / np.float32(width), np.float32(SIDE) / np.float32(height))
    fitted = (
        min(math.ceil(np.float32(width) * scale), SIDE),
        min(math.ceil(np.float32(height) * scale), SIDE),
    )
    square = Image.new("RGB", (SIDE, SIDE), PADDING)
    corner = ((SIDE - fitted[0]) // 2, (SIDE - fitted[1]) // 2)
    square.paste(image.resize(fitted, Image.Resampling.BICUBIC), corner)
    return square


def place_shapes(scene: Scene, size: tuple[int, int], rng: random.Random) -> list[Placed]:
    """Choose shade, position, proportions and rotation of every shape."""
    margin = rng.choice((0.0, 0.0, 0.0, rng.uniform(0, 0.07)))
    cell_w, cell_h = size[0] * (1 - 2 * margin) / 3, size[1] * (1 - 2 * margin) / 3
    stretched = rng.random() < 0.25
    unit = (cell_w, cell_h) if stretched else (min(cell_w, cell_h),) * 2
    wobble = rng.choice((0.0, 0.03, 0.12, 0.3))
    square_radius = rng.choice((1.0, math.sqrt(2), math.sqrt(2), rng.uniform(1.05, 1.38)))
    triangle_style = rng.choice(("even", "even", "box", "box", "isosceles", "right"))
    points = rng.choice((5, 5, 5, 5, 5, 5, 5, 5, 4, 6))
    inner = rng.choice((0.38, 0.4, 0.45, 0.5, rng.uniform(0.3, 0.56)))
    if points == 6:
        inner = max(inner, 0.42)
    elif points == 4:
        inner = min(inner, 0.42)
    tilt = rng.choice((0.0, 0.0, 4.0, 10.0, 18.0))
    shades = {c: shade(c, rng) for c in COLORS}
    placed = []
    for shape in scene.shapes:
        if shape.spot:
            rx = ry = min(size) / 6 * shape.size
            x, y = shape.spot[0] * size[0], shape.spot[1] * size[1]
        else:
            row, column = divmod(shape.cell, 3)
            rx, ry = unit[0] * shape.size / 2, unit[1] * shape.size / 2
            free_x, free_y = cell_w / 2 - rx, cell_h / 2 - ry
            x = (
                size[0] * margin
                + (column + 0.5) * cell_w
                + rng.uniform(-1, 1) * min(wobble * cell_w, free_x)
            )
            y = (
                size[1] * margin
                + (row + 0.5) * cell_h
                + rng.uniform(-1, 1) * min(wobble * cell_h, free_y)
            )
        turn = math.radians(rng.uniform(-tilt, tilt))
        if shape.kind in ("triangle", "star") and rng.random() < 0.1:
            turn = rng.uniform(0, 2 * math.pi)
        elif shape.kind == "square" and rng.random() < 0.04:
            turn = math.pi / 4 + turn
        unit_corners = outline_points(shape.kind, turn, points, inner)
        if shape.kind == "square":
            unit_corners = [(u * square_radius, v * square_radius) for u, v in unit_corners]
        elif shape.kind == "triangle" and triangle_style != "even":
            unit_corners = _turned(_triangle(triangle_style, rng), turn)
        corners = [(x + rx * u, y + ry * v) for u, v in unit_corners]
        rgb = shades[shape.color] if rng.random() < 0.7 else shade(shape.color, rng)
        placed.append(Placed(shape, rgb, (x, y), (rx, ry), corners))
    return placed


def _triangle(style: str, rng: random.Random) -> list[tuple[float, float]]:
    if style == "box":
        return [(0, -1), (1, 1), (-1, 1)]
    if style == "right":
        side = rng.choice((-1, 1))
        return [(-0.9 * side, -0.9), (-0.9 * side, 0.9), (0.9 * side, 0.9)]
    half = rng.uniform(0.6, 1.0)
    return [(0, -1), (half, 0.8), (-half, 0.8)]


def _turned(corners: list[tuple[float, float]], turn: float) -> list[tuple[float, float]]:
    c, s = math.cos(turn), math.sin(turn)
    return [(c * u - s * v, s * u + c * v) for u, v in corners]


def patch_objects(placed: list[Placed], size: tuple[int, int]) -> np.ndarray:
    """Which shape lies at each patch, as the dense labels of the tower's first phase.

    Returns:
        uint8 [GRID, GRID]: 1 + index into ``placed``, or 0 where there is only background.
    """
    half = SIDE // 2
    mask = Image.new("L", (half, half), 0)
    pen = ImageDraw.Draw(mask)
    scale = half / max(size)
    dx, dy = (half - size[0] * scale) / 2, (half - size[1] * scale) / 2
    centers = []
    for index, p in enumerate(placed, 1):
        x, y = p.center[0] * scale + dx, p.center[1] * scale + dy
        if p.corners:
            pen.polygon([(u * scale + dx, v * scale + dy) for u, v in p.corners], index)
        else:
            rx, ry = p.radii[0] * scale, p.radii[1] * scale
            pen.ellipse((x - rx, y - ry, x + rx, y + ry), index)
        centers.append((int(y) * GRID // half, int(x) * GRID // half, index))
    pixels = np.asarray(mask).reshape(GRID, PATCH // 2, GRID, PATCH // 2)
    share = np.stack([(pixels == i).sum((1, 3)) for i in range(1, len(placed) + 1)])
    labels = np.where(share.max(0) >= 12, share.argmax(0) + 1, 0).astype(np.uint8)
    for row, column, index in centers:
        labels[row, column] = index
    return labels


def jpeg(image: Image.Image, quality: int) -> Image.Image:
    """The picture after a trip through JPEG."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def random_size(rng: random.Random) -> tuple[int, int]:
    """Width and height in pixels, from 64 up; many are square, some up to 1:3."""
    longer = round(math.exp(rng.uniform(math.log(64), math.log(440))))
    lot = rng.random()
    if lot < 0.4:
        return longer, longer
    ratio = math.exp(rng.uniform(0, math.log(3) if lot > 0.93 else math.log(2.05)))
    shorter = max(48, round(longer / ratio))
    return (longer, shorter) if rng.random() < 0.6 else (shorter, longer)


def soften(image: Image.Image, rng: random.Random) -> Image.Image:
    """Blur, noise, contrast and JPEG, each by lot."""
    if rng.random() < 0.1:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, max(image.size) / 150)))
    if rng.random() < 0.22:
        pixels = np.asarray(image).astype(np.float32)
        if rng.random() < 0.6:
            gain, lift = rng.uniform(0.86, 1.12), rng.uniform(-12, 12)
            pixels = pixels * gain + lift
        else:
            noise = np.random.default_rng(rng.getrandbits(32)).standard_normal(
                pixels.shape, np.float32
            )
            pixels = pixels + rng.uniform(2, 14) * noise
        image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    if rng.random() < 0.4:
        image = jpeg(image, rng.randint(40, 95))
    return image


def kind_index(shape: Shape) -> int:
    """Index into ``KINDS``."""
    return KINDS.index(shape.kind)
