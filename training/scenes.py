"""Scenes of the demo model's world, and a plain drawing of them.

A scene is 1 to 4 coloured shapes: each in its own cell of a 3x3 grid, or wherever they like and up
to as large as the picture. This module knows what a scene *is*; the many styles that training draws
it in are in ``render``, what is asked about it in ``questions``. It needs only Pillow, so that
tests can draw scenes.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from PIL import Image, ImageDraw

KINDS = ("circle", "square", "triangle", "star")
COLORS = ("red", "green", "blue", "yellow", "purple", "orange", "black", "white")
PLACES = (
    "top left",
    "top",
    "top right",
    "left",
    "center",
    "right",
    "bottom left",
    "bottom",
    "bottom right",
)
"""Names of the grid's cells in reading order; a shape's ``cell`` is an index into it."""

RGB = {
    "red": (226, 52, 52),
    "green": (46, 164, 79),
    "blue": (45, 105, 220),
    "yellow": (250, 214, 48),
    "purple": (146, 70, 190),
    "orange": (245, 138, 32),
    "black": (24, 24, 28),
    "white": (250, 250, 250),
}
"""The colours that ``draw`` uses, as RGB in 0..255."""


@dataclass(frozen=True)
class Shape:
    """One coloured shape in a cell of the grid."""

    kind: str
    color: str
    cell: int
    """0..8, in reading order."""
    size: float
    """Diameter as a share of the shorter side of a cell: 0..1 on the grid, up to 3 off it."""
    spot: tuple[float, float] | None = None
    """Centre as shares of the picture's width and height; None is somewhere in its cell."""

    @property
    def name(self) -> str:
        """Colour and kind, such as ``red circle``."""
        return f"{self.color} {self.kind}"

    @property
    def middle(self) -> tuple[float, float]:
        """Its spot or the middle of its cell, as shares of the picture's width and height."""
        row, column = divmod(self.cell, 3)
        return self.spot or ((column + 0.5) / 3, (row + 0.5) / 3)

    @property
    def place(self) -> str:
        """Where it is, in words, such as ``top left``."""
        return PLACES[self.cell]


@dataclass(frozen=True)
class Scene:
    """Shapes in reading order, none over another."""

    shapes: tuple[Shape, ...]

    def find(self, kind: str | None = None, color: str | None = None) -> list[Shape]:
        """The shapes of that kind and that colour, in reading order; None stands for any."""
        return [s for s in self.shapes if kind in (None, s.kind) and color in (None, s.color)]


def random_scene(rng: random.Random, smallest: float = 0.34, largest: float = 0.96) -> Scene:
    """Draw a scene of 1 to 4 shapes by lot.

    Args:
        rng: Source of chance.
        smallest: Least diameter of a shape, as a share of a cell's shorter side.
        largest: Greatest diameter.
    """
    count = rng.choice((1, 2, 2, 3, 3, 3, 4, 4, 4))
    cells = sorted(rng.sample(range(9), count))
    one_size = rng.uniform(smallest, largest) if rng.random() < 0.2 else None
    shapes = []
    for cell in cells:
        kind, color = rng.choice(KINDS), rng.choice(COLORS)
        if shapes and rng.random() < 0.12:
            kind = rng.choice(shapes).kind
        if shapes and rng.random() < 0.12:
            color = rng.choice(shapes).color
        size = one_size or rng.uniform(smallest, largest)
        shapes.append(Shape(kind, color, cell, round(size, 3)))
    return Scene(tuple(shapes))


def roaming_scene(rng: random.Random, ratio: float) -> Scene:
    """Draw a scene by lot whose shapes lie anywhere, from small to as large as the picture.

    No centre lies near a border between two places, where no one word would be right.

    Args:
        rng: Source of chance.
        ratio: Width of the picture divided by its height.
    """
    width, height = ratio / min(ratio, 1), 1 / min(ratio, 1)
    shapes: list[Shape] = []
    count = rng.choice((1, 1, 2, 2, 3, 3, 4, 4))
    largest = math.exp(rng.uniform(math.log(0.45), math.log(2.85)))
    one_size = rng.random() < 0.2
    for _ in range(count):
        size = largest if one_size else max(0.3, largest * rng.uniform(0.45, 1))
        for _ in range(60):
            radius = size / 6
            x, y = rng.uniform(radius, width - radius), rng.uniform(radius, height - radius)
            shape = Shape(
                rng.choice(KINDS), rng.choice(COLORS), *_cell(x / width, y / height, size)
            )
            if _fits(shape, shapes, width, height):
                shapes.append(shape)
                break
            size = max(0.3, size * 0.97)
    return Scene(tuple(sorted(shapes, key=lambda s: (s.cell, s.spot))))


def _cell(x: float, y: float, size: float) -> tuple[int, float, tuple[float, float]]:
    """Cell, size and spot of a shape whose centre lies there, in shares of the picture."""
    return int(y * 3) * 3 + int(x * 3), round(size, 3), (x, y)


def _fits(shape: Shape, others: list[Shape], width: float, height: float) -> bool:
    assert shape.spot is not None
    x, y = shape.spot
    if any(0.07 < side < 2.93 and (side + 0.07) % 1 < 0.14 for side in (3 * x, 3 * y)):
        return False
    for other in others:
        assert other.spot is not None
        apart = max(abs(x - other.spot[0]) * width, abs(y - other.spot[1]) * height)
        if apart < 1.04 * (shape.size + other.size) / 6:
            return False
        if (shape.name, shape.cell) == (other.name, other.cell):
            return False
    return True


def outline_points(
    kind: str, turn: float = 0.0, points: int = 5, inner: float = 0.42
) -> list[tuple[float, float]]:
    """Corners of a shape inside the unit circle, y pointing down; none for a circle.

    Args:
        kind: One of ``KINDS``.
        turn: Rotation in radians, clockwise on the screen.
        points: Number of a star's points.
        inner: Radius of a star's inner corners.
    """
    if kind == "square":
        angles = [math.pi / 4 + i * math.pi / 2 for i in range(4)]
        radii = [1.0] * 4
    elif kind == "triangle":
        angles = [-math.pi / 2 + i * 2 * math.pi / 3 for i in range(3)]
        radii = [1.0] * 3
    elif kind == "star":
        angles = [-math.pi / 2 + i * math.pi / points for i in range(2 * points)]
        radii = [1.0 if i % 2 == 0 else inner for i in range(2 * points)]
    else:
        return []
    return [
        (r * math.cos(a + turn), r * math.sin(a + turn)) for a, r in zip(angles, radii, strict=True)
    ]


def draw(
    scene: Scene,
    size: tuple[int, int] = (480, 360),
    background: tuple[int, int, int] = (214, 226, 234),
    outline: tuple[int, int, int] | None = (60, 66, 76),
) -> Image.Image:
    """Draw a scene plainly and smoothly; equal arguments give equal pixels.

    Args:
        scene: What to draw.
        size: Width and height of the picture in pixels.
        background: RGB of the background, 0..255.
        outline: RGB of a thin line around each shape, or None for no line.

    Returns:
        An RGB image of that size.
    """
    scale = 4
    width, height = size[0] * scale, size[1] * scale
    image = Image.new("RGB", (width, height), background)
    pen = ImageDraw.Draw(image)
    line = max(scale, round(min(width, height) / 120))
    for shape in scene.shapes:
        x, y = shape.middle[0] * width, shape.middle[1] * height
        radius = shape.size * min(width, height) / 6
        if shape.kind == "circle":
            box = (x - radius, y - radius, x + radius, y + radius)
            pen.ellipse(box, RGB[shape.color], outline, line if outline else 0)
            continue
        corners = [(x + radius * u, y + radius * v) for u, v in outline_points(shape.kind)]
        pen.polygon(corners, RGB[shape.color])
        if outline:
            pen.line([*corners, *corners[:2]], outline, line, joint="curve")
    return image.resize(size, Image.Resampling.LANCZOS)
