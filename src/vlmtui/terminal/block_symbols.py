"""Pictures in cells of two colours: four pixels a cell as quadrants, six as sextants.

A half block gives each of its two pixels a colour of its own. Here a cell has more pixels than
colours: they are parted in two groups where that costs least. Belongs in a worker thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image
    from rich_pixels import Pixels

Color = tuple[int, int, int]

_QUADRANTS = " ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█"
"""By which pixels are in front: 1 is the upper left one, 2 the upper right, 4 and 8 the lower."""


def _sextants() -> str:
    # Unicode leaves out those that it has elsewhere
    elsewhere = {0: " ", 21: "▌", 42: "▐", 63: "█"}
    new = iter(range(0x1FB00, 0x1FB3C))
    return "".join(elsewhere.get(bits) or chr(next(new)) for bits in range(64))


_SYMBOLS = {2: _QUADRANTS, 3: _sextants()}
"""By the rows of pixels in a cell."""

_FLAT = 12
"""Colours that are nearer than this in each channel are one: most of a drawn scene is one run."""


def draw(image: Image, columns: int, rows: int, high: int) -> Pixels:
    """Draw an RGB picture into exactly this many cells.

    A cell has so many rows of pixels: 2 for quadrants, 3 for sextants.
    """
    from PIL.Image import Resampling
    from rich.color import Color as RichColor
    from rich.color_triplet import ColorTriplet
    from rich.segment import Segment
    from rich.style import Style
    from rich_pixels import Pixels

    size = (2 * columns, high * rows)
    smaller = size[0] <= image.width and size[1] <= image.height
    scaled = image.resize(size, Resampling.HAMMING if smaller else Resampling.BILINEAR)
    colors: Sequence[Color] = list(zip(*[iter(scaled.tobytes())] * 3, strict=True))
    symbols, width = _SYMBOLS[high], size[0]
    places = [y * width + x for y, x in product(range(high), range(2))]
    styles: dict[tuple[Color, Color], Style] = {}
    segments = []
    for row, column in product(range(rows), range(columns)):
        first = row * high * width + 2 * column
        bits, front, back = cell([colors[first + place] for place in places])
        style = styles.get((front, back))
        if style is None:
            style = styles[front, back] = Style(
                color=RichColor.from_triplet(ColorTriplet(*front)),
                bgcolor=RichColor.from_triplet(ColorTriplet(*back)),
            )
        segments.append(Segment(symbols[bits], style))
        if column == columns - 1:
            segments.append(Segment.line())
    return Pixels.from_segments(Segment.simplify(segments[:-1]))


def cell(pixels: Sequence[Color]) -> tuple[int, Color, Color]:
    """The two colours that show some pixels with the least squared error, as far as is looked.

    The pixels are put in order along the channel in which they differ most, and parted where the
    two groups differ least from their means: of five ways to part six pixels, and not of 31.

    Returns:
        A bit for each pixel that is in front, the first one lowest; the colour in front, and that
        behind.
    """
    ranges = [max(channel) - min(channel) for channel in zip(*pixels, strict=True)]
    widest = max(ranges)
    count = len(pixels)
    if widest < _FLAT:
        mean = _mean([sum(channel) for channel in zip(*pixels, strict=True)], count)
        return 0, mean, mean
    axis = ranges.index(widest)
    order = sorted(range(count), key=lambda index: pixels[index][axis])
    red = green = blue = 0
    total = [sum(channel) for channel in zip(*pixels, strict=True)]
    best, at, sums = -1.0, 1, total
    for taken, index in enumerate(order[:-1], start=1):
        color = pixels[index]
        red, green, blue = red + color[0], green + color[1], blue + color[2]
        rest = count - taken
        r, g, b = total[0] - red, total[1] - green, total[2] - blue
        # the squared error of two means is that of all pixels around 0 less this
        gain = (red * red + green * green + blue * blue) / taken + (r * r + g * g + b * b) / rest
        if gain > best:
            best, at, sums = gain, taken, [red, green, blue]
    front = [whole - part for whole, part in zip(total, sums, strict=True)]
    bits = sum(1 << index for index in order[at:])
    return bits, _mean(front, count - at), _mean(sums, at)


def _mean(sums: Sequence[int], count: int) -> Color:
    red, green, blue = ((total + count // 2) // count for total in sums)
    return red, green, blue
