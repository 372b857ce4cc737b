"""Picture files: what can be read, and what each bad one is called."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from PIL import Image

from vlmtui import errors
from vlmtui.engine import images

DATA = Path(__file__).parents[1] / "data"
RED, GREEN = (220, 20, 20), (20, 200, 20)


def near(pixel: tuple[int, ...], wanted: tuple[int, int, int], by: int = 12) -> bool:
    return all(abs(a - b) <= by for a, b in zip(pixel, wanted, strict=True))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_the_common_formats_are_read_by_content_not_by_name(tmp_path, kind):
    path = tmp_path / "picture.dat"
    Image.new("RGB", (40, 30), RED).save(path, kind)
    info = images.inspect(path)
    assert (info.width, info.height, info.format) == (40, 30, kind)
    assert info.size_bytes == path.stat().st_size
    pixels = images.decode(path)
    assert pixels.mode == "RGB" and pixels.size == (40, 30)
    assert near(pixels.getpixel((20, 15)), RED)


def test_heic_is_read():
    path = DATA / "red-64x48.heic"
    info = images.inspect(path)
    assert (info.width, info.height, info.format) == (64, 48, "HEIF")
    assert near(images.decode(path).getpixel((32, 24)), RED)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_photo_stands_upright(tmp_path, orientation):
    upright = Image.new("RGB", (40, 20), RED)
    upright.paste(GREEN, (0, 0, 20, 20))
    back = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "photo.png"
    (upright if back is None else upright.transpose(back)).save(path, exif=exif)
    info = images.inspect(path)
    assert (info.width, info.height) == (40, 20)
    pixels = images.decode(path)
    assert pixels.size == (40, 20)
    assert pixels.getpixel((5, 10)) == GREEN and pixels.getpixel((35, 10)) == RED


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_what_is_transparent_becomes_white(tmp_path, mode):
    path = tmp_path / "clear.png"
    Image.new("RGBA", (10, 10), (0, 0, 0, 0)).convert(mode).save(path)
    assert images.decode(path).getpixel((5, 5)) == (255, 255, 255)


def test_a_transparent_palette_colour_becomes_white(tmp_path):
    path = tmp_path / "clear.gif"
    image = Image.new("P", (10, 10), 0)
    image.putpalette([0, 0, 0, 255, 0, 0])
    image.save(path, transparency=0)
    assert images.decode(path).getpixel((5, 5)) == (255, 255, 255)


def test_of_an_animation_the_first_frame_is_taken(tmp_path):
    path = tmp_path / "moving.gif"
    frames = [Image.new("RGB", (10, 10), color) for color in (RED, GREEN)]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    assert near(images.decode(path).getpixel((5, 5)), RED)


def test_sixteen_bit_grey_is_scaled_and_not_clipped(tmp_path):
    path = tmp_path / "deep.png"
    image = Image.new("I;16", (2, 1))
    image.putpixel((0, 0), 32768)
    image.putpixel((1, 0), 65535)
    image.save(path)
    pixels = images.decode(path)
    assert near(pixels.getpixel((0, 0)), (127, 127, 127), by=1)
    assert pixels.getpixel((1, 0)) == (255, 255, 255)


def test_floating_point_samples_are_spread_over_the_range(tmp_path):
    path = tmp_path / "float.tiff"
    image = Image.new("F", (2, 1))
    image.putpixel((0, 0), -1.5)
    image.putpixel((1, 0), 3.0)
    image.save(path)
    pixels = images.decode(path)
    assert pixels.getpixel((0, 0)) == (0, 0, 0) and pixels.getpixel((1, 0)) == (255, 255, 255)


def test_cmyk_is_converted(tmp_path):
    path = tmp_path / "print.jpg"
    Image.new("CMYK", (10, 10), (0, 255, 255, 0)).save(path, quality=95)
    red, green, blue = images.decode(path).getpixel((5, 5))
    assert red > 200 and green < 60 and blue < 60


def test_a_thumbnail_fits_and_keeps_its_shape(tmp_path):
    path = tmp_path / "wide.jpg"
    Image.new("RGB", (1200, 300), RED).save(path)
    small = images.thumbnail(path, 100, 100)
    assert small.size == (100, 25)
    assert near(small.getpixel((50, 12)), RED)


def test_a_thumbnail_of_a_large_photo_has_all_the_pixels_it_may(tmp_path):
    path = tmp_path / "large.jpg"
    Image.new("RGB", (800, 800), RED).save(path)
    assert images.thumbnail(path, 200, 200).size == (200, 200)


def test_a_thumbnail_of_a_turned_photo_is_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "turned.jpg"
    Image.new("RGB", (1200, 300), RED).save(path, exif=exif)
    assert images.thumbnail(path, 100, 100).size == (25, 100)


def make_bomb(path: Path, width: int, height: int) -> None:
    """A PNG whose header claims a size that its data does not have."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = (
        chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    )
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + data)


def bad_files(folder: Path) -> dict[str, tuple[Path, type[errors.ImageError]]]:
    whole = folder / "whole.jpg"
    Image.effect_noise((300, 300), 60).convert("RGB").save(whole)
    data = whole.read_bytes()
    made = {
        "text": (b"hello, I am text", errors.NotAnImage),
        "empty": (b"", errors.ImageEmpty),
        "half": (data[: len(data) // 2], errors.ImageTruncated),
        "head": (data[:30], errors.ImageError),
        "pdf": (b"%PDF-1.4 ...", errors.NotAnImage),
        "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", errors.NotAnImage),
        "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", errors.NotAnImage),
        "gguf": (b"GGUF\x03\0\0\0" * 10, errors.NotAnImage),
    }
    cases: dict[str, tuple[Path, type[errors.ImageError]]] = {}
    for name, (content, error) in made.items():
        path = folder / f"{name}.jpg"
        path.write_bytes(content)
        cases[name] = (path, error)
    make_bomb(folder / "bomb.png", 60_000, 60_000)
    os.mkfifo(folder / "pipe.jpg")
    cases["bomb"] = (folder / "bomb.png", errors.ImageTooLarge)
    cases["missing"] = (folder / "missing.jpg", errors.ImageNotFound)
    cases["below a file"] = (whole / "x.jpg", errors.ImageNotFound)
    cases["directory"] = (folder, errors.ImageIsDirectory)
    cases["pipe"] = (folder / "pipe.jpg", errors.ImageUnreadable)
    cases["device"] = (Path("/dev/zero"), errors.ImageUnreadable)
    cases["nul"] = (Path("a\0b.jpg"), errors.ImageUnreadable)
    return cases


NAMES = [
    "text", "empty", "half", "head", "pdf", "postscript", "svg", "gguf", "bomb", "missing",
    "below a file", "directory", "pipe", "device", "nul",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_each_bad_file_has_its_own_clear_error(tmp_path, name):
    path, error = bad_files(tmp_path)[name]
    with pytest.raises(error) as caught:
        images.inspect(path)
        images.decode(path)
    assert str(path) in caught.value.message
    assert caught.value.hint


def test_a_file_without_permission_is_told(tmp_path, monkeypatch):
    path = tmp_path / "secret.png"
    Image.new("RGB", (4, 4)).save(path)

    def refuse(*_args: object, **_kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)  # root may read anything
    with pytest.raises(errors.ImageUnreadable, match="permission"):
        images.inspect(path)


def test_a_name_that_is_not_utf_8_is_told(tmp_path):
    path = os.path.join(os.fsencode(tmp_path), b"caf\xe9.png")
    with open(path, "wb") as file:
        Image.new("RGB", (4, 4)).save(file, "PNG")
    with pytest.raises(errors.ImageUnreadable, match="UTF-8"):
        images.inspect(os.fsdecode(path))


def test_a_picture_of_100_megapixels_is_the_most(tmp_path):
    make_bomb(tmp_path / "just.png", 10_000, 10_000)
    make_bomb(tmp_path / "over.png", 10_001, 10_000)
    assert images.inspect(tmp_path / "just.png").width == 10_000
    with pytest.raises(errors.ImageTooLarge, match="megapixels"):
        images.inspect(tmp_path / "over.png")


def test_a_file_over_the_limit_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(images, "MAX_FILE_BYTES", 1000)
    path = tmp_path / "huge.png"
    path.write_bytes(b"x" * 1001)
    with pytest.raises(errors.ImageTooLarge, match="MB can be used"):
        images.inspect(path)
    path.write_bytes(b"x" * 1000)
    with pytest.raises(errors.NotAnImage):
        images.inspect(path)


def test_pillow_is_imported_only_when_a_picture_is_opened():
    code = "import sys, vlmtui.engine.images; sys.exit('PIL' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
