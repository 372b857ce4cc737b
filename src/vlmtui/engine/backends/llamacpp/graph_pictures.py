"""A picture as the squares that a vision tower's graph is given, one after the other.

LLaVA-1.5 pads a picture to a square. LLaVA-1.6 squashes it for an overview, and cuts a larger one
into tiles besides, each looked at alone. What was imported with a form of its own has that form.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vlmtui.engine import images
from vlmtui.engine.backends.llamacpp import forms
from vlmtui.engine.engine_requests import Load

if TYPE_CHECKING:
    from PIL import Image


class GraphPictures:
    """How pictures are prepared for the tower of a load."""

    def __init__(self, request: Load) -> None:
        """Read a load that has a `tower` and an mmproj.

        Raises:
            LoadFailed: The mmproj asks for a form that isn't known here.
        """
        assert request.tower is not None
        assert request.files.mmproj is not None
        self._form = forms.of_file(request.files.mmproj)
        self._side = request.tower.side
        self._tiles = request.tower.tiles

    @property
    def seen(self) -> tuple[int, int]:
        """Width and height in pixels that a picture is brought to, if it isn't cut."""
        return self._form.seen if self._form is not None else (self._side, self._side)

    def count(self, width: int, height: int) -> int:
        """Squares that a picture of this size becomes."""
        if not self._is_cut(width, height):
            return 1
        wide, high = best_size(width, height, self._tiles)
        return 1 + (wide // self._side) * (high // self._side)

    def squares(self, picture: Image.Image) -> list[bytes]:
        """The squares as RGB: the overview first, then the tiles row by row."""
        side = self._side
        if self._form is not None:
            return [self._form.prepare(picture).tobytes()]
        if not self._tiles:
            longest = max(picture.size)
            whole = forms.padded(picture, (longest, longest))
            return [images.squash(whole, side, side).tobytes()]
        found = [images.squash(picture, side, side)]
        if self._is_cut(*picture.size):
            size = best_size(*picture.size, self._tiles)
            scale = min(size[0] / picture.width, size[1] / picture.height)
            within = (round(picture.width * scale), round(picture.height * scale))
            sheet = forms.padded(images.squash(picture, *within), size)
            found += [
                sheet.crop((left, top, left + side, top + side))
                for top in range(0, size[1], side)
                for left in range(0, size[0], side)
            ]
        return [square.tobytes() for square in found]

    def _is_cut(self, width: int, height: int) -> bool:
        return bool(self._tiles) and max(width, height) > self._side


def best_size(width: int, height: int, sizes: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """The size that keeps most of a picture's pixels; of several the one that wastes least.

    As LLaVA-1.6's `select_best_resolution` has it, and libmtmd's.
    """

    def worth(size: tuple[int, int]) -> tuple[int, int]:
        scale = min(size[0] / width, size[1] / height)
        kept = min(int(width * scale) * int(height * scale), width * height)
        return kept, kept - size[0] * size[1]

    return max(sizes, key=worth)
