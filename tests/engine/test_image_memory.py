"""What decoding takes: measured in a process of its own, predicted, refused where too much."""

from __future__ import annotations

import fcntl
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from PIL import Image, features

from vlmtui import errors
from vlmtui.engine import images
from vlmtui.engine.images import containers, pixels, sources, spare_memory

SIZE = (3000, 2400)

PEAK = """
import sys
from pathlib import Path
from vlmtui.engine import images
from vlmtui.engine.images import containers, pixels, sources

def peak():
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024

path, wide, high = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
file = open(path, "rb")
source = sources.open_source(file, containers.look(file))
predicted = pixels.peak_bytes(source, (wide, high))
del source
before = peak()
images.decode(path, size=(wide, high))
print(peak() - before, predicted)
"""

SLACK = 24_000_000
"""What libraries and the allocator take beside pixels."""


def taken(path: Path, wide: int = 800, high: int = 640) -> tuple[int, int]:
    """Bytes that decoding took at its peak, and what was predicted."""
    code = (sys.executable, "-c", PEAK, str(path), str(wide), str(high))
    out = subprocess.run(code, capture_output=True, text=True, check=True).stdout
    measured, predicted = map(int, out.split())
    return measured, predicted


def photo(path: Path, **options: object) -> Path:
    noise = Image.effect_noise((500, 400), 60).resize(SIZE)
    image = Image.merge("RGB", (noise, noise.rotate(90), noise.rotate(180)))
    if path.suffix == ".gif" or options.pop("palette", False):
        image = image.quantize(32, Image.Quantize.FASTOCTREE)  # the others take seconds
    if options.pop("alpha", False):
        image.putalpha(noise)
    image.save(path, **options)
    return path


TURNED = Image.Exif()
TURNED[0x0112] = 6

WAYS = {
    "photo.jpg": ({}, 0.3),
    "turned.jpg": ({"exif": TURNED}, 0.3),
    "progressive.jpg": ({"progressive": True, "subsampling": 0}, 6.5),
    "rgb.png": ({"compress_level": 1}, 0.5),
    "alpha.png": ({"compress_level": 1, "alpha": True}, 0.5),
    "palette.png": ({"palette": True}, 0.5),
    "picture.gif": ({}, 2),
    "picture.bmp": ({}, 4.5),
    "raw.tif": ({}, 0.5),
    "lzw.tif": ({"compression": "tiff_lzw"}, 0.5),
    "strip.tif": ({"compression": "tiff_adobe_deflate", "tiffinfo": {278: SIZE[1]}}, 0.5),
    "lossy.webp": ({"method": 0}, 0.5),
    "alpha.webp": ({"method": 0, "alpha": True}, 2.5),
    "lossless.webp": ({"method": 0, "lossless": True}, 5.5),
}


@pytest.mark.parametrize("name", WAYS)
def test_the_peak_is_bounded_and_predicted(tmp_path: Path, name: str) -> None:
    options, most = WAYS[name]
    measured, predicted = taken(photo(tmp_path / name, **options))
    bound = most * SIZE[0] * SIZE[1] + SLACK
    assert measured < bound, f"{measured / 1e6:.0f} MB, at most {bound / 1e6:.0f}"
    assert measured < predicted + SLACK, f"{measured / 1e6:.0f}, predicted {predicted / 1e6:.0f} MB"


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow has no AVIF")
@pytest.mark.parametrize(("mode", "each"), [("L", 2), ("RGB", 3), ("CMYK", 8)])
def test_each_colour_of_a_progressive_jpeg_is_counted(tmp_path: Path, mode: str, each: int) -> None:
    path = tmp_path / "a.jpg"
    Image.new(mode, (640, 480)).save(path, progressive=True)
    with path.open("rb") as file:
        source = sources.open_source(file, containers.look(file))
        counted = (pixels.peak_bytes(source, (64, 48)) - source.beside) / (640 * 480)
    assert each <= counted < each + 1


def test_the_peak_of_an_avif_is_bounded_and_predicted(tmp_path: Path) -> None:
    measured, predicted = taken(photo(tmp_path / "a.avif", speed=10, quality=40))
    assert measured < predicted + SLACK
    assert measured < 4 * SIZE[0] * SIZE[1] + SLACK


def test_a_few_bytes_that_stand_for_a_huge_picture_take_little(tmp_path: Path) -> None:
    path = tmp_path / "palette.png"
    Image.new("P", (9990, 9990), 0).save(path)
    assert path.stat().st_size < 200_000
    measured, _ = taken(path)
    assert measured < 60_000_000


def test_what_the_machine_cant_spare_is_refused_with_the_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "large.bmp"
    Image.new("RGB", (3000, 2000)).save(path)
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 8000000 kB\nMemAvailable:   20000 kB\n")
    monkeypatch.setattr(spare_memory, "MEMINFO", meminfo)
    for look in (images.inspect, images.decode):
        with pytest.raises(errors.ImageTooLarge) as caught:
            look(path)
        needed, spare = re.findall(r"([0-9]+) MB", caught.value.message)
        assert int(needed) > int(spare) == 20
        assert "3000x2000" in caught.value.message
    meminfo.write_text("MemAvailable: 900000 kB\n")
    assert images.inspect(path).width == 3000


def test_a_large_picture_is_decoded_by_one_process_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spare_memory, "LARGE_BYTES", 10_000_000)
    path = tmp_path / "large.bmp"
    Image.new("RGB", (2000, 1500)).save(path)
    with path.open("rb") as other, path.open("rb") as ours:
        fcntl.flock(other, fcntl.LOCK_EX)
        waited = threading.Thread(target=images.thumbnail, args=(path, 10, 10))
        waited.start()
        waited.join(0.3)
        assert waited.is_alive()
        assert images.inspect(path).width == 2000
        with spare_memory.alone(ours, 1000):  # a small one waits for nobody
            pass
        fcntl.flock(other, fcntl.LOCK_UN)
        waited.join(60)
        assert not waited.is_alive()
        fcntl.flock(other, fcntl.LOCK_EX)
        monkeypatch.setattr(spare_memory, "WAIT_SECONDS", 0.1)
        assert images.thumbnail(path, 40, 30).size == (40, 30)  # the other one hangs


def test_a_containers_limit_counts_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "meminfo").write_text("MemAvailable: 1000000 kB\n")
    monkeypatch.setattr(spare_memory, "MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(spare_memory, "CGROUP", tmp_path)
    assert spare_memory.spare_bytes() == 1_024_000_000
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("700000\n")
    assert spare_memory.spare_bytes() == 1_024_000_000
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.stat").write_text("anon 5\ninactive_file 50000\n")
    assert spare_memory.spare_bytes() == 350_000
    monkeypatch.setattr(spare_memory, "MEMINFO", tmp_path / "absent")
    (tmp_path / "memory.max").unlink()
    assert spare_memory.spare_bytes() is None


def test_a_size_that_is_asked_for_is_given_exactly(tmp_path: Path) -> None:
    path = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (1203, 801)).save(path, exif=exif)
    for size in ((801, 1203), (800, 1200), (97, 31), (1, 1), (1600, 2400)):
        assert images.decode(path, size=size).size == size
    assert pixels.turned((1203, 801), 6) == (801, 1203)
