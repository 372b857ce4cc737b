"""Pictures from outside the demo model's world, about which it must admit that it knows nothing.

Photographs aren't to be had here, so these only share what sets photographs, pages and screenshots
apart from a scene: much detail at every scale, or no shape at all.
"""

from __future__ import annotations

import random

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from training.offtopic import made_up
from training.paint import background, random_background_color
from training.render import random_size, soften


def _clouds(size: tuple[int, int], rng: random.Random) -> Image.Image:
    """Noise of several octaves in a few colours, like foliage, sky or cloth."""
    dice = np.random.default_rng(rng.getrandbits(32))
    falloff = rng.uniform(0.4, 0.95)
    total = np.zeros((size[1], size[0], 3), np.float32)
    weight = 1.0
    for octave in range(2, 8):
        grid = dice.random((2**octave, 2**octave, 3)) * 255
        if rng.random() < 0.5:
            grid[:] = grid.mean(-1, keepdims=True)
        layer = Image.fromarray(grid.astype(np.uint8)).resize(size, Image.Resampling.BICUBIC)
        total += (np.asarray(layer, np.float32) - 128) * weight
        weight *= falloff
    tint = np.array(random_background_color(rng), np.float32)
    return Image.fromarray((tint + total * rng.uniform(0.3, 1.0)).clip(0, 255).astype(np.uint8))


def _landscape(size: tuple[int, int], rng: random.Random) -> Image.Image:
    """Bands with ragged edges, each with its own texture."""
    image = _clouds(size, rng)
    width, height = size
    for level in sorted(rng.uniform(0.25, 0.95) for _ in range(rng.randint(1, 4))):
        mask = Image.new("L", size, 0)
        steps = rng.randint(3, 16)
        edge = [
            (width * i / steps, height * (level + rng.uniform(-0.09, 0.09)))
            for i in range(steps + 1)
        ]
        ImageDraw.Draw(mask).polygon([(0, height), *edge, (width, height)], 255)
        image.paste(_clouds(size, rng), (0, 0), mask)
    return image


def _clutter(size: tuple[int, int], rng: random.Random) -> Image.Image:
    """Dozens of overlapping things of every form and colour."""
    image = _clouds(size, rng)
    pen = ImageDraw.Draw(image)
    width, height = size
    for _ in range(rng.randint(12, 60)):
        x, y, r = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(0.03, 0.3) * max(size)
        corners = [
            (x + rng.uniform(-r, r), y + rng.uniform(-r, r)) for _ in range(rng.randint(3, 7))
        ]
        pen.polygon(corners, random_background_color(rng))
    return image.filter(ImageFilter.GaussianBlur(rng.uniform(0, max(size) / 60)))


def _page(size: tuple[int, int], rng: random.Random) -> Image.Image:
    """Lines of text, a heading, boxes: a page or a screenshot."""
    paper, ink = rng.choice((((255, 255, 255), (20, 20, 20)), ((28, 30, 36), (220, 220, 220))))
    image = Image.new("RGB", size, paper)
    pen = ImageDraw.Draw(image)
    y, step = 4.0, rng.uniform(9, 16)
    while y < size[1]:
        if rng.random() < 0.1:
            pen.rectangle((4, y, size[0] - 4, y + step), random_background_color(rng))
        pen.text((rng.choice((4, 4, 14)), y), " ".join(made_up(rng) for _ in range(12)), ink)
        y += step
    return image


def _empty(size: tuple[int, int], rng: random.Random) -> Image.Image:
    return background(size, random_background_color(rng), random_background_color(rng), rng)


def stranger(rng: random.Random) -> Image.Image:
    """A picture that isn't of the demo model's world."""
    make = rng.choice((_clouds, _landscape, _landscape, _clutter, _clutter, _page, _empty))
    return soften(make(random_size(rng), rng), rng)
