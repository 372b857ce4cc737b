"""Metadata never costs a picture or its rotation, and looking agrees with decoding."""

from __future__ import annotations

import io
import itertools
import random
import struct
import warnings
import zlib
from pathlib import Path

import pytest
from PIL import Image, features

from tests.engine import metadata
from tests.engine.metadata import CORNERS, SIZE, chunk, corners, lying, scene
from vlmtui import errors
from vlmtui.engine import images
from vlmtui.engine.images import avif as avif_blocks
from vlmtui.engine.images import blocks, webp


def test_looking_agrees_with_decoding_whatever_the_metadata(tmp_path: Path) -> None:
    path = tmp_path / "picture"
    wrong = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name, data in metadata.files():
            path.write_bytes(data)
            try:
                info, whole = images.inspect(path), images.decode(path)
                small = images.thumbnail(path, 24, 24)
            except errors.ImageError as error:
                wrong.append(f"{name}: {error.message}")
                continue
            told = (info.width, info.height)
            if not told == whole.size == SIZE or small.size != (24, 16):
                wrong.append(f"{name}: told {told}, decoded {whole.size}, small {small.size}")
            elif not corners(whole) == corners(small) == list(CORNERS):
                wrong.append(f"{name}: turned wrongly")
    assert not wrong, "\n".join(wrong)


def test_random_damage_to_metadata_costs_no_picture(tmp_path: Path) -> None:
    chance = random.Random(11)
    path = tmp_path / "picture"
    entries = metadata.BROKEN["a directory within itself"]("<", 6)
    for round_ in range(150):
        block = bytearray(metadata.exif("<", entries))
        for _ in range(chance.randint(1, 6)):
            block[chance.randrange(len(block))] = chance.randrange(256)
        make = (metadata.jpeg, metadata.png, metadata.webp)[round_ % 3]
        path.write_bytes(make(lying(6), bytes(block)))
        info, whole = images.inspect(path), images.decode(path)
        assert (info.width, info.height) == whole.size, bytes(block).hex()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["jpeg", "tiff_lzw", "tiff_adobe_deflate", "raw"])
def test_a_turned_tiff_stands_upright_however_it_is_packed(
    tmp_path: Path, orientation: int, kind: str
) -> None:
    path = tmp_path / "turned.tif"
    tags = {0x0112: orientation}
    lying(orientation, (160, 96)).save(path, compression=kind, tiffinfo=tags)
    info, whole = images.inspect(path), images.decode(path)
    assert (info.width, info.height) == whole.size == (160, 96)
    assert corners(whole) == list(CORNERS)


avif = pytest.mark.skipif(not features.check("avif"), reason="this Pillow has no AVIF")


@avif
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_avif_stands_upright(tmp_path: Path, orientation: int) -> None:
    path = tmp_path / "turned.avif"
    exif = Image.Exif()
    exif[0x0112] = orientation
    lying(orientation).save(path, exif=exif, quality=90)
    info, whole = images.inspect(path), images.decode(path)
    assert (info.width, info.height) == whole.size == SIZE
    assert corners(whole) == list(CORNERS)


@avif
@pytest.mark.parametrize("broken", metadata.BROKEN)
def test_broken_metadata_costs_no_avif(tmp_path: Path, broken: str) -> None:
    path = tmp_path / "broken.avif"
    entries = [each for each in metadata.BROKEN[broken]("<", 1) if each[0] != 0x0112]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is Pillow that writes it
        scene().save(path, exif=metadata.exif("<", entries), quality=90)
    info, whole = images.inspect(path), images.decode(path)
    assert (info.width, info.height) == whole.size == SIZE


@avif
def test_of_an_animated_avif_the_first_picture_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "moving.avif"
    scene().save(path, save_all=True, append_images=[Image.new("RGB", SIZE)], quality=90)
    assert path.read_bytes()[8:12] == b"avis"
    assert images.inspect(path).format == "AVIF"
    assert corners(images.decode(path)) == list(CORNERS)


@avif
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA"])
@pytest.mark.parametrize("subsampling", ["4:2:0", "4:2:2", "4:4:4"])
def test_an_avif_is_decoded_in_blocks_as_pillow_does_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, subsampling: str
) -> None:
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 9 * 4 * 203)
    noise = Image.effect_noise((203, 157), 90)
    picture = Image.merge("RGBA", (noise, noise.rotate(90), noise.rotate(180), noise))
    path = tmp_path / "picture.avif"
    picture.convert(mode).save(path, subsampling=subsampling, speed=10)
    assert avif_blocks.is_found(), "the library is not found"
    with Image.open(path) as opened:
        white = Image.new("RGBA", opened.size, "white")
        wanted = Image.alpha_composite(white, opened.convert("RGBA")).convert("RGB")
    assert images.decode(path).tobytes() == wanted.tobytes()
    monkeypatch.setattr(avif_blocks, "_library", lambda: None)  # then Pillow does all
    assert images.decode(path).tobytes() == wanted.tobytes()


@avif
def test_a_damaged_avif_is_told(tmp_path: Path) -> None:
    path = tmp_path / "cut.avif"
    Image.effect_noise((300, 300), 90).convert("RGB").save(path, speed=10)
    whole = path.read_bytes()
    for kept in (100, 300, len(whole) // 2, len(whole) - 10):
        path.write_bytes(whole[:kept])
        with pytest.raises(errors.ImageError, match="cut"):
            images.decode(path)


@pytest.mark.parametrize("major", [b"hevx", b"mif1", b"miaf", b"XXXX"])
def test_heic_is_known_by_any_of_its_brands(tmp_path: Path, major: bytes) -> None:
    heic = (Path(__file__).parents[1] / "data" / "red-64x48.heic").read_bytes()
    path = tmp_path / "picture.heic"
    path.write_bytes(heic[:8] + major + heic[12:])
    info = images.inspect(path)
    assert (info.format, info.width, info.height) == ("HEIF", 64, 48)
    assert images.decode(path).size == (64, 48)


def test_a_heic_stands_upright_however_damaged_its_metadata(tmp_path: Path) -> None:
    content = (Path(__file__).parents[1] / "data" / "turned-128x96.heic").read_bytes()
    kind = content.index(b"Exif")
    path = tmp_path / "turned.heic"
    for name in (b"Exif", b"mime", b"\xff\xff\xff\xff", bytes(4), b"uri "):
        path.write_bytes(content[:kind] + name + content[kind + 4 :])
        info, whole = images.inspect(path), images.decode(path)
        assert (info.width, info.height) == whole.size == (128, 96)
        near = [whole.getpixel(at) for at in ((9, 9), (118, 9), (9, 86), (118, 86))]
        both = zip(itertools.chain(*near), itertools.chain(*CORNERS), strict=True)
        assert max(abs(a - b) for a, b in both) < 40


def test_a_picture_without_pixels_is_damaged(tmp_path: Path) -> None:
    content = (Path(__file__).parents[1] / "data" / "turned-128x96.heic").read_bytes()
    path = tmp_path / "none.heic"
    path.write_bytes(content.replace(b"ispe", b"free").replace(b"irot", b"free"))
    with pytest.raises(errors.ImageTruncated, match="no pixels"):
        images.inspect(path)
    path.write_bytes(content.replace(b"hvcC", b"free"))
    with pytest.raises(errors.ImageTruncated, match="no picture in it"):
        images.inspect(path)


@avif
def test_avif_is_known_by_any_of_its_brands(tmp_path: Path) -> None:
    path = tmp_path / "picture.avif"
    scene().save(path, quality=90)
    path.write_bytes(path.read_bytes()[:8] + b"XXXX" + path.read_bytes()[12:])
    assert images.inspect(path).format == "AVIF"
    assert corners(images.decode(path)) == list(CORNERS)


@pytest.mark.parametrize("segment", [b"\xff\xe0\0\x07JFIF\0", b"\xff\xee\0\x07Adobe", b""])
@pytest.mark.parametrize("lacking", [0, 2])
def test_a_broken_marker_or_a_missing_end_costs_no_small_jpeg(
    tmp_path: Path, segment: bytes, lacking: int
) -> None:
    file = io.BytesIO()
    scene().save(file, "JPEG", quality=95)
    whole = file.getvalue()
    path = tmp_path / "a.jpg"
    path.write_bytes(whole[:2] + segment + whole[2 : len(whole) - lacking])
    assert corners(images.decode(path)) == list(CORNERS)


def test_what_is_wrong_is_told_without_names_of_pythons(tmp_path: Path) -> None:
    for content in (b"\xff\xd8\xff\xd9", b"GIF89a", b"BM", b"\0\0\0\x18ftypavif\0\0\0\0avifmif1"):
        (path := tmp_path / "broken").write_bytes(content)
        with pytest.raises(errors.ImageTruncated, match="its header is damaged, or of a kind"):
            images.decode(path)


def test_the_hint_lists_all_that_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("no picture")
    with pytest.raises(errors.NotAnImage) as caught:
        images.inspect(tmp_path / "a.txt")
    for name in ("JPEG", "PNG", "WebP", "GIF", "BMP", "TIFF", "AVIF", "HEIC"):
        assert name in caught.value.hint


# ---------------------------------------------------------------------- PNG


def png_with(*extra: bytes, at: int = 33) -> bytes:
    file = io.BytesIO()
    scene().save(file, "PNG")
    return file.getvalue()[:at] + b"".join(extra) + file.getvalue()[at:]


@pytest.mark.parametrize("size", [1_300_000, 80_000_000])
def test_a_large_profile_or_text_costs_no_png(tmp_path: Path, size: int) -> None:
    packed = zlib.compress(bytes(size))
    path = tmp_path / "profile.png"
    path.write_bytes(
        png_with(
            chunk(b"iCCP", b"profile\0\0" + packed),
            chunk(b"zTXt", b"Comment\0\0" + packed),
            chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + packed),
            chunk(b"tEXt", b"Long\0" + bytes(1_500_000).replace(b"\0", b"a")),
        )
    )
    assert images.inspect(path).width == SIZE[0]
    assert corners(images.decode(path)) == list(CORNERS)


@pytest.mark.parametrize("kind", ["eXIf", "xmp", "digits", "plain digits"])
def test_a_png_may_tell_its_rotation_in_other_words(tmp_path: Path, kind: str) -> None:
    block = metadata.exif(">", metadata.BROKEN["nothing"](">", 6))
    digits = b"\nexif\n  %d\n%s\n" % (len(block) + 6, (b"Exif\0\0" + block).hex().encode())
    extra = {
        "eXIf": chunk(b"eXIf", block),
        "xmp": chunk(b"iTXt", b'XML:com.adobe.xmp\0\0\0\0\0<x tiff:Orientation="6"/>'),
        "digits": chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(digits)),
        "plain digits": chunk(b"tEXt", b"Raw profile type exif\0" + digits),
    }[kind]
    file = io.BytesIO()
    lying(6).save(file, "PNG")
    path = tmp_path / "turned.png"
    path.write_bytes(file.getvalue()[:33] + extra + file.getvalue()[33:])
    assert images.inspect(path).width == SIZE[0]
    assert corners(images.decode(path)) == list(CORNERS)


def test_a_jpeg_may_tell_its_rotation_in_xmp(tmp_path: Path) -> None:
    file = io.BytesIO()
    lying(8).save(file, "JPEG", quality=95)
    data = b"http://ns.adobe.com/xap/1.0/\0<tiff:Orientation>8</tiff:Orientation>"
    segment = b"\xff\xe1" + struct.pack(">H", len(data) + 2) + data
    path = tmp_path / "turned.jpg"
    path.write_bytes(file.getvalue()[:2] + segment + file.getvalue()[2:])
    assert images.inspect(path).width == SIZE[0]
    assert corners(images.decode(path)) == list(CORNERS)


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16", "P2", "P16", "PA", "T"]
)
def test_every_kind_of_png_is_decoded_as_pillow_does(tmp_path: Path, mode: str) -> None:
    noise = Image.effect_noise((203, 157), 90)
    image = Image.merge("RGB", (noise, noise.rotate(90), noise.rotate(180)))
    path = tmp_path / f"{mode[0]}.png"
    if mode == "I;16":
        Image.frombytes("I;16", (203, 157), random.Random(1).randbytes(203 * 157 * 2)).save(path)
    elif mode in ("P2", "P16"):
        image.quantize(int(mode[1:])).save(path, bits={2: 1, 16: 4}[int(mode[1:])])
    elif mode == "PA":
        image.quantize(40).save(path, transparency=bytes(range(40)))
    elif mode == "T":
        image.save(path, transparency=image.getpixel((3, 3)))
    elif mode in ("LA", "RGBA"):
        image.putalpha(noise)
        image.convert(mode).save(path)
    else:
        image.convert(mode).save(path)
    with Image.open(path) as opened:
        opened.load()
        if mode == "I;16":
            wanted = opened.point(lambda sample: sample / 257).convert("L").convert("RGB")
        else:
            layered = opened.convert("RGBA")
            white = Image.new("RGBA", layered.size, "white")
            wanted = Image.alpha_composite(white, layered).convert("RGB")
    found = images.decode(path)
    off = max(abs(a - b) for a, b in zip(found.tobytes(), wanted.tobytes(), strict=True))
    assert off <= (1 if mode == "I;16" else 0)


def test_a_png_that_is_cut_off_is_told(tmp_path: Path) -> None:
    path = tmp_path / "cut.png"
    Image.effect_noise((300, 300), 90).save(path)
    whole = path.read_bytes()
    for kept in (20, 40, len(whole) // 2, len(whole) - 30):
        path.write_bytes(whole[:kept])
        with pytest.raises(errors.ImageTruncated, match=r"cut\.png is damaged"):
            images.inspect(path)
            images.decode(path)


# ---------------------------------------------------------------------- JPEG that end too early


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("missing", [1, 2, 40, 300])
def test_a_jpeg_that_lacks_its_last_bytes_is_read_and_known(
    tmp_path: Path, missing: int, progressive: bool
) -> None:
    path = tmp_path / "cut.jpg"
    whole = Image.effect_noise((400, 300), 60).convert("RGB")
    whole.paste((128, 128, 128), (0, 0, 400, 150))
    whole.save(path, progressive=progressive)
    assert not images.is_incomplete(path)
    path.write_bytes(path.read_bytes()[:-missing])
    assert images.is_incomplete(path)
    pixels = images.decode(path)
    assert pixels.size == (400, 300)
    assert pixels.getpixel((200, 70)) == (128, 128, 128)
    assert images.thumbnail(path, 100, 100).size == (100, 75)


@pytest.mark.parametrize("progressive", [False, True])
def test_of_a_jpeg_most_must_be_there(tmp_path: Path, progressive: bool) -> None:
    path = tmp_path / "half.jpg"
    Image.effect_noise((400, 300), 60).convert("RGB").save(path, progressive=progressive)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // (10 if progressive else 3)])
    with pytest.raises(errors.ImageTruncated, match="much of it is missing"):
        images.decode(path)


def test_errors_call_a_picture_as_its_user_does(tmp_path: Path) -> None:
    path = tmp_path / "0b1c2d3e.png"
    path.write_bytes(png_with()[:-40])
    with pytest.raises(errors.ImageTruncated, match=r"^holiday\.png is damaged"):
        images.decode(path, name="holiday.png")


@pytest.mark.parametrize("orientation", [1, 6, 8])
def test_a_big_tiff_is_read_too(tmp_path: Path, orientation: int) -> None:
    path = tmp_path / "big.tif"
    lying(orientation).save(path, big_tiff=True, tiffinfo={0x0112: orientation})
    assert path.read_bytes()[2] == 43
    assert images.inspect(path).width == SIZE[0]
    assert corners(images.decode(path)) == list(CORNERS)


# ---------------------------------------------------------------------- WebP


@pytest.mark.parametrize("options", [{"quality": 80}, {"lossless": True}])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_webp_is_decoded_as_pillow_does(
    tmp_path: Path, options: dict[str, object], mode: str
) -> None:
    noise = Image.effect_noise((203, 157), 90)
    picture = Image.merge("RGBA", (noise, noise.rotate(90), noise.rotate(180), noise))
    path = tmp_path / "picture.webp"
    picture.convert(mode).save(path, **options)
    assert webp.header(path.read_bytes()) is not None, "the library is not found"
    with Image.open(path) as opened:
        white = Image.new("RGBA", opened.size, "white")
        wanted = Image.alpha_composite(white, opened.convert("RGBA")).convert("RGB")
    assert images.decode(path).tobytes() == wanted.tobytes()


def test_a_webp_is_scaled_down_as_it_is_decoded(tmp_path: Path) -> None:
    path = tmp_path / "picture.webp"
    for options in ({"quality": 90}, {"lossless": True}):
        scene((1200, 800)).save(path, **options)
        for size in ((1199, 799), (600, 400), (130, 70), (3, 2), (1, 1)):
            small = images.decode(path, size=size)
            assert small.size == size
            if size > (100, 60):
                assert corners(small) == list(CORNERS)


@pytest.mark.parametrize("options", [{"quality": 80}, {"lossless": True}])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_of_an_animated_webp_the_first_picture_is_decoded_as_pillow_does(
    tmp_path: Path, options: dict[str, object], mode: str
) -> None:
    path = tmp_path / "moving.webp"
    picture = scene().convert(mode)
    if mode == "RGBA":
        picture.putalpha(Image.effect_noise(SIZE, 90))
    other = Image.new(mode, SIZE)
    picture.save(path, save_all=True, append_images=[other], **options)
    assert webp.header(webp.still(path.read_bytes())) is not None
    with Image.open(path) as opened:
        white = Image.new("RGBA", SIZE, "white")
        wanted = Image.alpha_composite(white, opened.convert("RGBA")).convert("RGB")
    assert images.decode(path).tobytes() == wanted.tobytes()
    content = path.read_bytes()
    frame = content.index(b"ANMF") + 8
    larger = (SIZE[0] + 9).to_bytes(3, "little")  # then the first picture is a part of it
    path.write_bytes(content[:24] + larger + content[27:])
    assert webp.header(webp.still(path.read_bytes())) is None
    assert images.decode(path).size == (SIZE[0] + 10, SIZE[1])
    for end in (frame - 8, frame + 3, frame + 20, frame + 30):
        path.write_bytes(content[:end])
        with pytest.raises(errors.ImageError):
            images.decode(path)


def test_without_the_library_pillow_decodes_a_webp(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "picture.webp"
    path.write_bytes(
        metadata.webp(lying(6), metadata.exif("<", metadata.BROKEN["nothing"]("<", 6)))
    )
    monkeypatch.setattr(webp, "_library", lambda: None)
    assert images.inspect(path).width == SIZE[0]
    assert corners(images.decode(path)) == list(CORNERS)


def test_a_damaged_webp_is_told(tmp_path: Path) -> None:
    path = tmp_path / "cut.webp"
    chance = random.Random(3)
    for options in ({"quality": 80}, {"lossless": True}):
        Image.effect_noise((300, 300), 90).convert("RGB").save(path, **options)
        whole = path.read_bytes()
        for _ in range(40):
            content = bytearray(whole[: chance.randrange(20, len(whole))])
            content[chance.randrange(len(content))] ^= chance.randrange(1, 256)
            path.write_bytes(content)
            with pytest.raises(errors.ImageError):
                images.decode(path)
