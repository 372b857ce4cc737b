from __future__ import annotations

import hashlib
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image
from rich.console import Console

from vlmtui.engine import thumbnails
from vlmtui.messages import ImagePart
from vlmtui.terminal.cell_pictures import fit, half_blocks, thumbnail


def test_a_picture_keeps_its_aspect_ratio() -> None:
    assert fit(640, 480, 40, 30) == (40, 15)
    assert fit(480, 640, 40, 15) == (22, 15)


def test_a_small_picture_is_not_blown_up_without_end() -> None:
    assert fit(8, 8, 100, 50) == (16, 8)


def test_an_extreme_picture_still_has_a_cell() -> None:
    assert fit(10_000, 1, 30, 10) == (30, 1)
    assert fit(1, 10_000, 30, 10) == (1, 10)
    assert fit(10, 10, 0, 10) == (0, 0)


def test_two_pixels_stand_in_a_cell() -> None:
    image = Image.new("RGB", (4, 4), "red")
    image.paste("blue", (0, 0, 4, 1))
    console = Console(width=4, color_system="truecolor", force_terminal=True)
    lines = console.render_lines(half_blocks(image, 4, 2), pad=False)
    assert [len(line) for line in lines] == [1, 1]  # one run of equal cells a line
    (top,), (bottom,) = lines
    assert top.text == "▄▄▄▄"
    assert top.style is not None and bottom.style is not None
    assert top.style.bgcolor is not None and top.style.color is not None
    assert top.style.bgcolor.get_truecolor() == (0, 0, 255)
    assert top.style.color.get_truecolor() == (255, 0, 0)


def test_a_picture_that_several_widgets_show_is_decoded_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "picture.png"
    Image.new("RGB", (40, 30)).save(path)
    part = ImagePart(str(path), hashlib.sha256(str(path).encode()).hexdigest(), "p.png", 40, 30)
    decoded: list[object] = []
    make = thumbnails.thumbnail

    def slowly(*arguments: object) -> Image.Image:
        decoded.append(arguments)
        time.sleep(0.2)
        return make(*arguments)

    monkeypatch.setattr(thumbnails, "thumbnail", slowly)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(thumbnail, [part] * 4))
    assert len(decoded) == 1
    assert len({id(image) for image in found}) == 1
