"""TIFFs that are read a block of lines at a time show what they show to Pillow."""

from __future__ import annotations

import itertools
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image

from vlmtui import errors
from vlmtui.engine import images
from vlmtui.engine.images import blocks, tiff_blocks

SIZE = (203, 157)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 20_000)
    monkeypatch.setattr(tiff_blocks, "RAW_STRIP", 5_000)


def noise(mode: str = "RGB") -> Image.Image:
    grey = Image.effect_noise(SIZE, 90)
    image = Image.merge("RGB", (grey, grey.rotate(90), grey.rotate(180)))
    if mode == "I;16":
        return Image.frombytes("I;16", SIZE, image.resize(SIZE).tobytes()[: 2 * SIZE[0] * SIZE[1]])
    return image.quantize(64) if mode == "P" else image.convert(mode)


def seen(path: Path) -> bytes:
    """What Pillow makes of it."""
    with Image.open(path) as image:
        if image.mode == "I;16":
            image = image.convert("I").point(lambda sample: sample * (1 / 257)).convert("L")
        if image.mode in ("RGBA", "LA"):
            white = Image.new("RGBA", SIZE, "white")
            return Image.alpha_composite(white, image.convert("RGBA")).convert("RGB").tobytes()
        return image.convert("RGB").tobytes()


@pytest.mark.parametrize(
    ("packing", "mode"),
    [
        *itertools.product(
            ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"),
            ("RGB", "RGBA", "L", "LA", "P", "1", "I;16", "CMYK"),
        ),
        *(("jpeg", mode) for mode in ("RGB", "L", "CMYK")),
    ],
)
def test_strips_are_decoded_as_pillow_does(tmp_path: Path, packing: str, mode: str) -> None:
    path = tmp_path / "strips.tif"
    for strip in (16, SIZE[1]):
        tags = {278: strip, 270: "a word" * 1000}
        if packing in ("tiff_lzw", "tiff_adobe_deflate") and mode != "1":
            tags[317] = 2  # each sample as its difference to the last
        noise(mode).save(path, compression=packing, tiffinfo=tags)
        with path.open("rb") as file:
            assert tiff_blocks.header(file) is not None
        assert images.decode(path).tobytes() == seen(path)
        assert images.thumbnail(path, 40, 40).size == (40, 31)


def test_a_deflated_strip_that_is_cut_off_or_damaged_is_told(tmp_path: Path) -> None:
    path = tmp_path / "strip.tif"
    noise().save(path, compression="tiff_adobe_deflate", tiffinfo={278: SIZE[1]})
    whole = path.read_bytes()
    for kept, behind in (
        (-5000, b""),
        (-5000, bytes(5000)),
        (len(whole) - 20_000, b"\xff" * 20_000),
    ):
        path.write_bytes(whole[:kept] + behind)
        with pytest.raises(errors.ImageError, match=r"strip\.tif (is damaged|can't be read)"):
            images.decode(path)


@pytest.mark.parametrize("packing", ["group3", "group4"])
def test_so_are_faxes(tmp_path: Path, packing: str) -> None:
    noise("1").save(path := tmp_path / "fax.tif", compression=packing)
    assert images.decode(path).tobytes() == seen(path)


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("planes", [1, 2])
@pytest.mark.parametrize("packing", [1, 8])
def test_so_are_tiles_planes_and_large_files(
    tmp_path: Path, big: bool, order: str, planes: int, packing: int
) -> None:
    path = tmp_path / "tiles.tif"
    image = noise()
    path.write_bytes(tiled(image, order, planes, packing, big=big))
    assert images.decode(path).tobytes() == image.tobytes()


def tiled(image: Image.Image, order: str, planes: int, packing: int, *, big: bool) -> bytes:
    """A TIFF of tiles of 32x16 pixels; `planes` is TIFF's planar configuration."""
    tiles = [
        part.crop((x, y, x + 32, y + 16)).tobytes()
        for part in (image.split() if planes == 2 else [image])
        for y in range(0, image.height, 16)
        for x in range(0, image.width, 32)
    ]
    packed = [zlib.compress(tile) if packing == 8 else tile for tile in tiles]
    places = [16 + sum(map(len, packed[:number])) for number in range(len(packed))]
    behind = 16 + sum(map(len, packed))
    sign, inline = ("Q", 8) if big else ("I", 4)
    entries, values = b"", b""
    for tag, kind, numbers in (
        *((256, 3, [image.width]), (257, 3, [image.height]), (258, 3, [8, 8, 8])),
        *((259, 3, [packing]), (262, 3, [2]), (277, 3, [3]), (284, 3, [planes])),
        *((322, 3, [32]), (323, 3, [16]), (324, 16 if big else 4, places)),
        (325, 4, [len(tile) for tile in packed]),
    ):
        value = struct.pack(f"{order}{len(numbers)}{ {3: 'H', 4: 'I', 16: 'Q'}[kind] }", *numbers)
        entries += struct.pack(f"{order}HH{sign}", tag, kind, len(numbers))
        if len(value) > inline:
            entries += struct.pack(order + sign, behind + len(values))
            values += value
        else:
            entries += value.ljust(inline, b"\0")
    start = behind + len(values)
    magic = (
        struct.pack(f"{order}HHHQ", 43, 8, 0, start)
        if big
        else struct.pack(f"{order}HI", 42, start)
    )
    head = ((b"II" if order == "<" else b"MM") + magic).ljust(16, b"\0")
    count = struct.pack(f"{order}{'Q' if big else 'H'}", 11)
    return head + b"".join(packed) + values + count + entries + bytes(inline)


@pytest.mark.parametrize(
    ("colors", "bits", "form", "sign", "planes"),
    [
        *((colors, 16, 1, "H", 1) for colors in (0, 1)),
        *((1, bits, 2, sign, 1) for bits, sign in ((16, "h"), (32, "i"))),
        (1, 32, 3, "f", 1),
        *((2, bits, 1, sign, 2) for bits, sign in ((8, "B"), (16, "H"))),
        *((6, 8, 1, "B", planes) for planes in (1, 2)),
    ],
)
@pytest.mark.parametrize(("order", "packing"), itertools.product("<>", (1, 8)))
def test_what_pillow_takes_for_something_else_is_seen_as_it_is(
    tmp_path: Path,
    colors: int,
    bits: int,
    form: int,
    sign: str,
    planes: int,
    order: str,
    packing: int,
) -> None:
    """0 as white, numbers with a sign or a fraction, planes, YCbCr without halved colours."""
    wanted = [(40 * x, 60 * y, 20 * (x + y)) for y in range(4) for x in range(6)]
    if colors < 2:  # 0 and 255 are in it
        wanted = [(51 * x,) * 3 for _ in range(4) for x in range(6)]
    image = Image.frombytes("RGB", (6, 4), bytes(itertools.chain(*wanted)))
    raw = image.convert("YCbCr" if colors == 6 else "L" if colors < 2 else "RGB").tobytes()
    most = 2**bits - 1 if form == 1 else 1000
    numbers = [most * (255 - each if colors == 0 else each) // 255 for each in raw]
    count = len(image.getbands()) if colors > 1 else 1
    strips = [numbers[plane::count] for plane in range(count)] if planes == 2 else [numbers]
    packed = [struct.pack(f"{order}{len(strip)}{sign}", *strip) for strip in strips]
    path = tmp_path / "a.tif"
    path.write_bytes(
        striped(
            order,
            {256: [6], 257: [4], 258: [bits] * count, 259: [packing]}
            | {262: [colors], 277: [count], 278: [4], 284: [planes], 339: [form] * count}
            | {530: [1, 1]},
            [zlib.compress(strip) for strip in packed] if packing == 8 else packed,
        )
    )
    found = images.decode(path).tobytes()
    off = max(abs(a - b) for a, b in zip(found, image.tobytes(), strict=True))
    assert off <= 4


def striped(order: str, tags: dict[int, list[int]], strips: list[bytes]) -> bytes:
    """A TIFF of these strips, whose other tags are numbers of 16 bits."""

    def head(first: int) -> bytes:
        places = [first + sum(map(len, strips[:number])) for number in range(len(strips))]
        every = tags | {273: places, 279: [len(strip) for strip in strips]}
        return tiff_blocks._directory(
            order,
            {tag: (3, len(n), struct.pack(f"{order}{len(n)}H", *n)) for tag, n in every.items()},
        )

    return head(len(head(0))) + b"".join(strips)


def test_tiles_far_larger_than_their_picture_are_refused_with_the_numbers(tmp_path: Path) -> None:
    content = bytearray(tiled(noise(), "<", 1, 8, big=False))
    for tag, value in ((322, 1 << 20), (323, 1 << 20), (324, 16), (325, 100)):
        at = content.rindex(struct.pack("<HH", tag, 4 if tag > 323 else 3))
        content[at + 2 : at + 12] = struct.pack("<HII", 4, 1, value)
    (path := tmp_path / "tiles.tif").write_bytes(content)
    with pytest.raises(errors.ImageTooLarge, match=r"takes [0-9]{6,} MB of memory"):
        images.decode(path)


def test_a_directory_of_nonsense_is_a_damaged_picture_and_no_more(tmp_path: Path) -> None:
    whole = tiled(noise(), "<", 1, 8, big=False)
    path = tmp_path / "nonsense.tif"
    start = struct.unpack_from("<I", whole, 4)[0]
    for place in range(start, len(whole), 5):
        content = bytearray(whole)
        content[place] ^= 0xFF
        path.write_bytes(content)
        try:
            images.decode(path)
        except errors.ImageError as error:
            assert str(path) in error.message
