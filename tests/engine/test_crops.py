"""Parts of pictures: which is meant, and that it is what the whole picture shows there."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from vlmtui import errors
from vlmtui.engine import images
from vlmtui.engine.images import crops, spare_memory
from vlmtui.engine.images.crops import Box, box

DATA = Path(__file__).parents[1] / "data"


def colourful(size: tuple[int, int]) -> Image.Image:
    """A picture of which no two pixels that are near each other are alike."""
    across = Image.linear_gradient("L").rotate(90).resize(size)
    return Image.merge("RGB", (across, Image.linear_gradient("L").resize(size), across))


def same(one: Image.Image, other: Image.Image) -> bool:
    return one.size == other.size and one.tobytes() == other.tobytes()


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("10,20,30,40", Box(10, 20, 30, 40)),
        ("[10, 20, 30, 40]", Box(10, 20, 30, 40)),
        ("10 20 30 40", Box(10, 20, 30, 40)),
        ("0,0,640,480", Box(0, 0, 640, 480)),
        ("639,479,1,1", Box(639, 479, 1, 1)),
        ("50%,0,50%,100%", Box(320, 0, 320, 480)),
        ("12.5%,10,10,25%", Box(80, 10, 10, 120)),
    ],
)
def test_four_numbers_are_a_part(text: str, meant: Box) -> None:
    assert box(text, (640, 480), "cat.png") == meant


def test_shares_leave_no_gap_between_them() -> None:
    thirds = [box(f"{x}%,0,33.4%,100%", (101, 7), "a") for x in ("0", "33.4")]
    assert thirds[0].x + thirds[0].width == thirds[1].x


@pytest.mark.parametrize(
    ("text", "why"),
    [
        *((text, "is not a part") for text in ("", "1,2,3", "1,2,3,4,5", "a,b,c,d", "-1,0,5,5")),
        *((text, "is not a part") for text in ("nan,0,1,1", "1.5,0,1,1", "inf,0,1,1", "1e3,0,1,1")),
        *((text, "is not a part") for text in ("٣,0,1,1", "1" * 400 + ",0,1,1", "1%%,0,1,1")),
        *((text, "no pixel") for text in ("0,0,0,5", "0,0,5,0", "0,0,0.01%,100%")),
        *((text, "reaches beyond") for text in ("640,0,1,1", "0,0,641,1", "999999999,0,1,1")),
        *((text, "reaches beyond") for text in ("0,479,1,2", "60%,0,50%,10", "0,0,200%,1")),
    ],
)
def test_what_is_no_part_is_told(text: str, why: str) -> None:
    with pytest.raises(errors.InputError, match=why) as told:
        box(text, (640, 480), "cat.png")
    assert told.value.hint and len(told.value.message) < 120


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_part_is_of_the_picture_as_it_stands_upright(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "photo.png"
    colourful((120, 70)).save(path, exif=exif)
    whole = images.decode(path)
    for part in (Box(0, 0, *whole.size), Box(5, 9, 31, 17), Box(whole.width - 1, 0, 1, 1)):
        edges = (part.x, part.y, part.x + part.width, part.y + part.height)
        assert same(images.decode_part(path, part), whole.crop(edges))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_a_part_has_the_pixels_that_the_picture_has_there(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "picture"
    colourful((700, 900)).save(path, kind)  # more than one block of lines
    whole = images.decode(path)
    part = images.decode_part(path, Box(100, 401, 333, 444))
    assert same(part, whole.crop((100, 401, 433, 845)))


def test_a_part_of_a_heic_and_of_an_animation(tmp_path: Path) -> None:
    photo = images.decode(DATA / "red-64x48.heic")
    part = images.decode_part(DATA / "red-64x48.heic", Box(3, 4, 10, 11))
    assert same(part, photo.crop((3, 4, 13, 15)))
    frames = [Image.new("RGB", (9, 9), color) for color in ("red", "green")]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    assert images.decode_part(tmp_path / "moving.gif", Box(8, 8, 1, 1)).getpixel((0, 0))[0] > 200


def test_what_is_transparent_is_white_in_a_part_too(tmp_path: Path) -> None:
    Image.new("RGBA", (9, 9), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    part = images.decode_part(tmp_path / "clear.png", Box(1, 1, 2, 2))
    assert part.getpixel((0, 0)) == (255, 255, 255)


def test_it_is_cut_in_a_process_of_its_own_into_a_file(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    colourful((200, 100)).save(path)
    with (tmp_path / "part.png").open("w+b") as file:
        crops.cut(path, Box(20, 30, 40, 50), file, "photo.png")
        file.seek(0)
        with Image.open(io.BytesIO(file.read())) as part:
            assert same(part.convert("RGB"), images.decode(path).crop((20, 30, 60, 80)))


def test_a_damaged_picture_is_told_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "cut.png"
    colourful((300, 300)).save(path)
    path.write_bytes(path.read_bytes()[:400])
    with (tmp_path / "part.png").open("wb") as file, pytest.raises(errors.ImageError) as told:
        crops.cut(path, Box(0, 250, 10, 10), file, "my cut.png")
    assert "my cut.png is damaged" in told.value.message


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    colourful((300, 300)).save(path)
    with open("/dev/full", "wb") as file, pytest.raises(errors.ImageError, match="No space left"):
        crops.cut(path, Box(0, 0, 300, 300), file, "photo.png")


def test_what_the_machine_cannot_spare_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "photo.bmp"
    colourful((1000, 1000)).save(path)
    monkeypatch.setattr(spare_memory, "spare_bytes", lambda: 4_000_000)
    with pytest.raises(errors.ImageTooLarge, match="takes 7 MB"):
        images.decode_part(path, Box(0, 0, 10, 10))


PEAK = """
import re, sys
from pathlib import Path
from vlmtui.engine import images
from vlmtui.engine.images import containers, pixels, sources
from vlmtui.engine.images.crops import Box

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024

with open(sys.argv[1], "rb") as file:
    source = sources.open_source(file, containers.look(file))
    predicted = pixels.peak_bytes_of_part(source, 600, 400)
before = peak()
images.decode_part(sys.argv[1], Box(2000, 1500, 600, 400))
print(peak() - before, predicted)
"""


@pytest.mark.parametrize("kind", ["png", "jpg"])
def test_a_small_part_of_a_large_picture_takes_little_memory(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"large.{kind}"
    colourful((5000, 4000)).save(path)
    code = (sys.executable, "-c", PEAK, str(path))
    out = subprocess.run(code, capture_output=True, text=True, check=True).stdout
    measured, predicted = map(int, re.findall(r"-?\d+", out))
    assert measured <= predicted + 24_000_000
    if kind == "png":  # 20 megapixels
        assert predicted < 30_000_000
