"""A second renderer, which training never sees: it stands for the unknown one that will judge.

It shares nothing with ``render`` and ``paint`` but the scene: shapes are signed distance fields in
numpy (after Inigo Quilez, iquilezles.org/articles/distfunctions2d), and colours, backgrounds and
layout are its own.
"""

from __future__ import annotations

import random

import numpy as np
from PIL import Image

from training.scenes import COLORS, Scene

Rgb = tuple[int, int, int]

_PALETTES: tuple[tuple[Rgb, ...], ...] = (
    (  # the pure ones
        (255, 0, 0), (0, 170, 0), (0, 0, 255), (255, 255, 0),
        (128, 0, 128), (255, 165, 0), (0, 0, 0), (255, 255, 255),
    ),
    (  # ink on paper
        (213, 45, 42), (56, 158, 84), (54, 98, 196), (245, 205, 50),
        (126, 66, 160), (240, 132, 40), (22, 22, 22), (246, 246, 246),
    ),
    (  # a web design system's
        (239, 68, 68), (34, 197, 94), (59, 130, 246), (250, 204, 21),
        (168, 85, 247), (249, 115, 22), (17, 24, 39), (249, 250, 251),
    ),
    (  # deep
        (178, 24, 24), (20, 110, 40), (20, 50, 150), (255, 225, 25),
        (90, 20, 120), (255, 140, 0), (8, 8, 8), (255, 255, 255),
    ),
)  # fmt: skip
"""RGB of the ``COLORS`` in their order."""

_GROUNDS: tuple[Rgb, ...] = (
    (255, 255, 255), (235, 235, 235), (200, 200, 200), (130, 130, 130), (60, 60, 60), (15, 15, 20),
    (245, 235, 215), (205, 225, 245), (220, 240, 220), (250, 215, 225), (40, 60, 100),
    (90, 130, 110), (150, 110, 80), (70, 160, 170), (190, 170, 220), (120, 30, 60),
)  # fmt: skip


def _field(kind: str, x: np.ndarray, y: np.ndarray, points: int, inner: float) -> np.ndarray:
    """Signed distance to a shape of radius 1; negative inside. y points down."""
    if kind == "circle":
        return np.hypot(x, y) - 1
    if kind == "square":
        return np.maximum(abs(x), abs(y)) - 0.85
    count = 3 if kind == "triangle" else 2 * points
    angle = np.arange(count) * 2 * np.pi / count - np.pi / 2
    radius = (
        np.ones(count) if kind == "triangle" else np.where(np.arange(count) % 2 == 0, 1.0, inner)
    )
    return _polygon(x, y, radius * np.cos(angle), radius * np.sin(angle))


def _polygon(x: np.ndarray, y: np.ndarray, px: np.ndarray, py: np.ndarray) -> np.ndarray:
    nearest = np.full(x.shape, np.inf)
    inside = np.zeros(x.shape, bool)
    for i in range(len(px)):
        ax, ay, bx, by = px[i - 1], py[i - 1], px[i], py[i]
        along = ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / ((bx - ax) ** 2 + (by - ay) ** 2)
        along = along.clip(0, 1)
        nearest = np.minimum(
            nearest, np.hypot(x - ax - along * (bx - ax), y - ay - along * (by - ay))
        )
        crosses = (ay > y) != (by > y)
        with np.errstate(divide="ignore", invalid="ignore"):
            inside ^= crosses & (x < (bx - ax) * (y - ay) / (by - ay) + ax)
    return np.where(inside, -nearest, nearest)


def _ground(size: tuple[int, int], base: np.ndarray, rng: random.Random) -> np.ndarray:
    width, height = size
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    dice = np.random.default_rng(rng.getrandbits(32))
    ground = np.broadcast_to(base, (height, width, 3)).astype(np.float32)
    style = rng.choice(("plain", "plain", "plain", "ramp", "paper", "waves", "dots", "vignette"))
    if style == "ramp":
        slope = np.cos(0.7) * x / width + np.sin(0.7) * y / height
        ground = ground + (slope[..., None] - 0.6) * rng.uniform(-50, 50)
    elif style == "paper":
        ground = ground + dice.normal(0, rng.uniform(3, 12), (height, width, 1))
    elif style == "waves":
        period = width / rng.uniform(4, 14)
        ground = ground + (
            np.sin(x / period * 6.28 + np.sin(y / period * 4))[..., None]
        ) * rng.uniform(5, 16)
    elif style == "dots":
        step = max(4.0, width / rng.uniform(10, 24))
        spot = np.hypot((x % step) - step / 2, (y % step) - step / 2) < step / 5
        ground = ground + spot[..., None] * rng.choice((-22, 22))
    elif style == "vignette":
        away = np.hypot(x / width - 0.5, y / height - 0.5)
        ground = ground - away[..., None] * rng.uniform(20, 70)
    return ground


def _contrast(color: Rgb, base: Rgb) -> float:
    return float(np.abs(np.subtract(color, base)).sum())


def render(scene: Scene, size: tuple[int, int], rng: random.Random) -> Image.Image:
    """Draw a scene in one of this renderer's styles.

    Args:
        scene: What to draw.
        size: Width and height in pixels.
        rng: Chooses the style.
    """
    width, height = size
    palette = dict(zip(COLORS, rng.choice(_PALETTES), strict=True))
    used = [palette[s.color] for s in scene.shapes]
    fits = [g for g in _GROUNDS if all(_contrast(c, g) > 110 for c in used)]
    base = (
        rng.choice(fits)
        if fits
        else max(_GROUNDS, key=lambda g: min(_contrast(c, g) for c in used))
    )
    canvas = _ground(size, np.array(base, np.float32), rng)
    rim = rng.choice((None, None, (0, 0, 0), (40, 40, 40), (255, 255, 255)))
    rim_width = rng.uniform(0.05, 0.12)
    tilt = rng.choice((0.0, 0.0, 0.0, 0.12, 0.25))
    points, inner = 5, rng.choice((0.382, 0.4, 0.45, 0.5))
    soft = rng.choice((0.001, 0.5, 0.5, 0.8))
    glow = rng.random() < 0.1
    drift = rng.choice((0.0, 0.0, 0.4, 0.9))
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    for shape in scene.shapes:
        row, column = divmod(shape.cell, 3)
        radius = shape.size * min(width, height) / 6
        free_x, free_y = max(0.0, width / 6 - radius), max(0.0, height / 6 - radius)
        cx = (column + 0.5) * width / 3 + rng.uniform(-drift, drift) * free_x
        cy = (row + 0.5) * height / 3 + rng.uniform(-drift, drift) * free_y
        if shape.spot:
            cx, cy = shape.spot[0] * width, shape.spot[1] * height
        turn = rng.uniform(-tilt, tilt)
        u, v = (x + 0.5 - cx) / radius, (y + 0.5 - cy) / radius
        u, v = np.cos(turn) * u + np.sin(turn) * v, np.cos(turn) * v - np.sin(turn) * u
        distance = _field(shape.kind, u, v, points, inner) * radius
        color = np.array(palette[shape.color], np.float32)
        if glow:
            color = color * (1 - 0.12 * v.clip(-1, 1))[..., None]
        cover = (0.5 - distance / (2 * soft)).clip(0, 1)[..., None]
        if (
            rim is not None
            and _contrast(rim, base) > 110
            and _contrast(rim, palette[shape.color]) > 60
        ):
            inside = (0.5 - (distance + rim_width * radius) / (2 * soft)).clip(0, 1)[..., None]
            color = color * inside + np.array(rim, np.float32) * (1 - inside)
        canvas = canvas * (1 - cover) + color * cover
    return Image.fromarray(canvas.clip(0, 255).astype(np.uint8))
