"""Backgrounds and painted shapes of the training renderer."""

from __future__ import annotations

import random

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from training.render import (
    Placed,
    Rgb,
    distance,
    patch_objects,
    place_shapes,
    random_size,
    shade,
    soften,
)
from training.scenes import COLORS, Scene


def random_background_color(rng: random.Random) -> Rgb:
    """Any background colour: white, greys, pastels, dark and saturated ones."""
    lot = rng.random()
    if lot < 0.16:
        return (255, 255, 255)
    if lot < 0.36:
        level = rng.randint(0, 255)
        return level, level, level
    if lot < 0.42:
        level = rng.randint(0, 50)
        return level, level, level
    if lot < 0.62:
        r, g, b = (rng.randint(190, 255) for _ in range(3))
        return r, g, b
    if lot < 0.72:
        return shade(rng.choice(COLORS), rng)
    if lot < 0.82:
        r, g, b = (rng.randint(0, 90) for _ in range(3))
        return r, g, b
    r, g, b = (rng.randint(0, 255) for _ in range(3))
    return r, g, b


def visible(placed: list[Placed], background: Rgb) -> bool:
    """Whether every shape stands out from that background."""
    for p in placed:
        grey = max(background) - min(background) < 24 and p.shape.color in ("black", "white")
        if distance(p.rgb, background) < (60 if grey else 130):
            return False
    return True


def background_colors(placed: list[Placed], rng: random.Random) -> tuple[Rgb, Rgb]:
    """Two colours from which all shapes stand out, often close to each other."""
    found: list[Rgb] = []
    for _ in range(60):
        color = random_background_color(rng)
        if found and rng.random() < 0.6:
            shift = rng.randint(8, 45) * rng.choice((-1, 1))
            r, g, b = (max(0, min(255, c + shift + rng.randint(-10, 10))) for c in found[0])
            color = (r, g, b)
        if visible(placed, color):
            found.append(color)
            if len(found) == 2:
                return found[0], found[1]
    fallback = (
        found[0]
        if found
        else max(
            [
                (128, 128, 128),
                (200, 200, 200),
                (90, 90, 90),
                (150, 200, 220),
                (90, 60, 40),
                (255, 190, 200),
            ],
            key=lambda c: min(distance(p.rgb, c) for p in placed),
        )
    )
    return fallback, fallback


def background(size: tuple[int, int], a: Rgb, b: Rgb, rng: random.Random) -> Image.Image:
    """A plain, graded, noisy, chequered, striped or blotchy ground between two colours."""
    style = rng.choices(
        ("plain", "gradient", "noise", "checker", "stripes", "blotches", "radial"),
        (46, 14, 12, 8, 6, 9, 5),
    )[0]
    if style == "plain" or a == b:
        return Image.new("RGB", size, a)
    dice = np.random.default_rng(rng.getrandbits(32))
    width, height = size
    if style == "gradient":
        corners = np.array([[a, a], [b, b]] if rng.random() < 0.5 else [[a, b], [a, b]], np.uint8)
        if rng.random() < 0.4:
            middle = [(p + q) // 2 for p, q in zip(a, b, strict=True)]
            corners = np.array([[a, middle], [middle, b]], np.uint8)
        return Image.fromarray(corners).resize(size, Image.Resampling.BILINEAR)
    if style == "noise":
        grain = rng.choice((1, 1, 2, 3))
        weights = dice.random((height // grain + 1, width // grain + 1))
        if rng.random() < 0.5:
            ground = np.array(a) + dice.normal(0, rng.uniform(4, 22), (*weights.shape, 3))
        else:
            ground = np.array(a) + (np.array(b) - np.array(a)) * weights[..., None]
        noise = Image.fromarray(ground.clip(0, 255).astype(np.uint8))
        return noise.resize(size, Image.Resampling.NEAREST)
    if style == "blotches":
        side = rng.choice((3, 4, 6, 9, 16))
        weights = dice.random((side, side, 1))
        ground = np.array(a) + (np.array(b) - np.array(a)) * weights
        return Image.fromarray(ground.astype(np.uint8)).resize(size, Image.Resampling.BICUBIC)
    y, x = np.mgrid[0:height, 0:width]
    if style == "radial":
        weights = np.hypot(
            x / width - rng.uniform(0.2, 0.8), y / height - rng.uniform(0.2, 0.8)
        ).clip(0, 1)
        ground = np.array(a) + (np.array(b) - np.array(a)) * weights[..., None]
        return Image.fromarray(ground.astype(np.uint8))
    step = max(2, round(max(size) / rng.choice((4, 6, 8, 12, 16, 24, 32))))
    if style == "checker":
        which = (x // step + y // step) % 2
    else:
        line = {0: x, 1: y, 2: x + y, 3: x - y}[rng.randrange(4)]
        which = (line // step) % 2
    return Image.fromarray(np.where(which[..., None] == 0, np.uint8(a), np.uint8(b)))


def _outlined(p: Placed, grow: float, shift: float = 0.0) -> list[tuple[float, float]]:
    x, y = p.center
    return [(x + (u - x) * grow + shift, y + (v - y) * grow + shift) for u, v in p.corners]


def _stamp(
    pen: ImageDraw.ImageDraw, p: Placed, fill: Rgb | int, grow: float = 1.0, shift: float = 0.0
) -> None:
    if p.corners:
        pen.polygon(_outlined(p, grow, shift), fill)
        return
    (x, y), (rx, ry) = p.center, p.radii
    rx, ry = rx * grow, ry * grow
    pen.ellipse((x - rx + shift, y - ry + shift, x + rx + shift, y + ry + shift), fill)


def _decorate(image: Image.Image, size: tuple[int, int], ground: Rgb, rng: random.Random) -> None:
    """Grid lines and a frame, by lot; never in a colour that could pass for a shape."""
    pen = ImageDraw.Draw(image)
    width, height = size
    faint = rng.randint(25, 70) * rng.choice((-1, 1))
    r, g, b = (max(0, min(255, c + faint)) for c in ground)
    line = max(1, round(max(size) / rng.choice((90, 150, 300))))
    if rng.random() < 0.13:
        color = rng.choice(((r, g, b), (r, g, b), (0, 0, 0), (255, 255, 255), (128, 128, 128)))
        for i in (1, 2):
            pen.line((width * i / 3, 0, width * i / 3, height), color, line)
            pen.line((0, height * i / 3, width, height * i / 3), color, line)
    if rng.random() < 0.07:
        pen.rectangle((0, 0, width - 1, height - 1), None, rng.choice(((r, g, b), (0, 0, 0))), line)


def paint(placed: list[Placed], size: tuple[int, int], rng: random.Random) -> Image.Image:
    """Paint placed shapes on a background in one random style."""
    a, b = background_colors(placed, rng)
    image = background(size, a, b, rng)
    _decorate(image, size, a, rng)
    if rng.random() < 0.08:
        shadow = Image.new("L", size, 0)
        pen = ImageDraw.Draw(shadow)
        for p in placed:
            _stamp(pen, p, rng.randint(60, 150), 1.0, min(p.radii) * rng.uniform(0.08, 0.2))
        shadow = shadow.filter(ImageFilter.GaussianBlur(max(size) / 150))
        image = ImageChops.subtract(image, Image.merge("RGB", (shadow,) * 3))
    pen = ImageDraw.Draw(image)
    style = rng.choices(
        ("none", "dark", "black", "white", "grey", "hollow"), (52, 12, 16, 6, 9, 2)
    )[0]
    width = rng.uniform(0.04, 0.16)
    for p in placed:
        rim: Rgb = {
            "black": (0, 0, 0),
            "white": (255, 255, 255),
            "grey": (rng.randint(50, 150),) * 3,
        }.get(style, (p.rgb[0] * 3 // 5, p.rgb[1] * 3 // 5, p.rgb[2] * 3 // 5))
        # a rim as bright as its shape is no rim, and a black rim must leave most of a small shape
        if style == "none" or (style == "white" and p.shape.color == "white"):
            _stamp(pen, p, p.rgb)
        elif style == "hollow":
            _stamp(pen, p, p.rgb)
            if min(p.radii) > max(size) / 12:
                _stamp(pen, p, a, 0.62)
        else:
            _stamp(pen, p, rim)
            _stamp(pen, p, p.rgb, 1 - width)
    return image


def render(
    scene: Scene, rng: random.Random, size: tuple[int, int] | None = None
) -> tuple[Image.Image, np.ndarray]:
    """Draw a scene in one random style.

    Args:
        scene: What to draw.
        rng: Source of chance.
        size: Width and height in pixels; None is any size.

    Returns:
        The picture before libmtmd's resizing, and the patch labels of ``patch_objects``.
    """
    size = size or random_size(rng)
    factor = 1
    if max(size) < 300 and rng.random() < 0.75:
        factor = max(1, min(4, round(300 / max(size))))
    large = (size[0] * factor, size[1] * factor)
    placed = place_shapes(scene, large, rng)
    image = paint(placed, large, rng)
    if factor > 1:
        filters = (Image.Resampling.BOX, Image.Resampling.LANCZOS, Image.Resampling.BILINEAR)
        image = image.resize(size, rng.choice(filters))
    return soften(image, rng), patch_objects(placed, large)
