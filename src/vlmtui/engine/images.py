"""Picture files: what they are, and their pixels as a model or a screen wants them.

Everything that touches the bytes of a picture goes through here, so that limits and error texts are
the same for a chat, `vlmtui ask` and the engine. Pillow is imported only when a picture is opened.
This module knows no model: resizing to a tower's input is libmtmd's work.
"""

from __future__ import annotations

import hashlib
import stat
import struct
import warnings
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import msgspec

from vlmtui import errors

if TYPE_CHECKING:
    from PIL import Image

MAX_PIXELS = 100_000_000
"""Larger pictures are refused: 100 megapixels are 300 MB as RGB, on boards with 8 GB in all."""

MAX_FILE_BYTES = 256 * 1024 * 1024
"""Larger files are refused before they are read."""

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
"""Decoders we let loose on foreign bytes. Pillow has many more, some of them rarely used and some
that start other programs."""

_NAMES = "JPEG, PNG, WebP, GIF, BMP and TIFF"
_EXIF_ERRORS = (
    ValueError,
    TypeError,
    SyntaxError,
    KeyError,
    struct.error,
    ZeroDivisionError,
)
_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1", b"avif")


class ImageInfo(msgspec.Struct, frozen=True):
    """What a picture file is, read from its header and its bytes' hash."""

    width: int
    """Pixels, after EXIF orientation."""

    height: int
    format: str
    """Pillow's name of the format: "JPEG", "PNG", …"""

    sha256: str
    """Lower-case hex digest of the file."""

    size_bytes: int


def inspect(path: str | Path) -> ImageInfo:
    """Look at a picture file without decoding its pixels.

    Raises:
        ImageError: One of its subclasses, naming the file and what to do. A picture that is damaged
            behind its header is only found out by `decode`.
    """
    path = Path(path)
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise errors.ImageUnreadable(
            f"The name of {str(path).encode(errors='replace').decode()} is not valid UTF-8",
            "Rename the file.",
        ) from None
    with _open_file(path) as file:
        digest, size = _digest(file)
        with _open_image(file, path) as image:
            width, height = image.size
            if _orientation(image) in (5, 6, 7, 8):  # the four that turn by 90 degrees
                width, height = height, width
            return ImageInfo(width, height, image.format or "", digest, size)


def decode(path: str | Path, sha256: str | None = None) -> Image.Image:
    """The pixels of a picture as 8-bit RGB.

    EXIF orientation is applied, transparency put on white, 16-bit and CMYK samples converted; of an
    animation it is the first frame.

    Args:
        path: The file.
        sha256: Digest that the file must still have; None skips the check.

    Raises:
        ImageError: One of its subclasses, naming the file and what to do.
    """
    path = Path(path)
    with _open_file(path) as file:
        if sha256 is not None and _digest(file)[0] != sha256:
            raise errors.ImageUnreadable(
                f"{path} has changed since it was attached", "Attach it again."
            )
        with _open_image(file, path) as image:
            return _pixels(image, path)


def thumbnail(path: str | Path, width: int, height: int) -> Image.Image:
    """A small RGB copy of a picture that fits into `width` x `height` pixels, aspect ratio kept.

    A JPEG is decoded at a reduced scale, so that a phone's photo costs little memory.

    Raises:
        ImageError: One of its subclasses, naming the file and what to do.
    """
    from PIL import Image

    path = Path(path)
    with _open_file(path) as file, _open_image(file, path) as image:
        # the draft works on the stored, unturned picture: ask for a square that covers both ways
        side = 2 * max(width, height)
        image.draft("RGB", (side, side))
        small = _pixels(image, path)
    small.thumbnail((width, height), Image.Resampling.LANCZOS)
    return small


def resize(image: Image.Image, width: int, height: int) -> Image.Image:
    """A picture's pixels in another size."""
    from PIL import Image

    return image.resize((width, height), Image.Resampling.LANCZOS)


def _open_file(path: Path) -> BinaryIO:
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise errors.ImageIsDirectory(
                f"{path} is a directory, not a picture", "Name a file inside it."
            )
        if not stat.S_ISREG(status.st_mode):
            raise errors.ImageUnreadable(
                f"{path} is not a regular file", "Copy its content into a file first."
            )
        if status.st_size == 0:
            raise errors.ImageEmpty(
                f"{path} is empty (0 bytes)", "Was it copied completely? Copy it again."
            )
        if status.st_size > MAX_FILE_BYTES:
            raise errors.ImageTooLarge(
                f"{path} is {status.st_size / 1e6:.0f} MB; at most {MAX_FILE_BYTES / 1e6:.0f} MB "
                "can be used",
                "Save it smaller, for example as JPEG.",
            )
        return path.open("rb")
    except (FileNotFoundError, NotADirectoryError):
        raise errors.ImageNotFound(
            f"There is no file {path}", "Check the path; Tab completes it in the chat."
        ) from None
    except PermissionError:
        raise errors.ImageUnreadable(
            f"{path} can't be read: permission denied", f"Allow it: chmod u+r '{path}'"
        ) from None
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the path
        reason = getattr(error, "strerror", None) or str(error)
        raise errors.ImageUnreadable(f"{path} can't be read: {reason}", "Check the path.") from None


def _digest(file: BinaryIO) -> tuple[str, int]:
    """SHA-256 and length of a file, which is then at its beginning again."""
    digest = hashlib.sha256()
    size = 0
    while chunk := file.read(1 << 20):
        digest.update(chunk)
        size += len(chunk)
    file.seek(0)
    return digest.hexdigest(), size


def _open_image(file: BinaryIO, path: Path) -> Image.Image:
    from PIL import Image, UnidentifiedImageError

    # our own limit below replaces Pillow's warning, which is a little under it
    Image.MAX_IMAGE_PIXELS = None
    head = file.read(16)
    file.seek(0)
    formats: tuple[str, ...] = FORMATS
    if head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS:
        formats = (_enable_heif(path, avif=head[8:12] == b"avif"),)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd metadata is not the user's concern
            image = Image.open(file, formats=formats)
    except UnidentifiedImageError:
        raise errors.NotAnImage(
            f"{path} is not a picture that vlmtui can read",
            f"It reads {_NAMES} files, going by their content, not by their name.",
        ) from None
    except Exception as error:  # decoders raise anything on damaged headers
        raise _damaged(path, error) from None
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise errors.ImageTooLarge(
            f"{path} has {width}x{height} pixels, {width * height / 1e6:.0f} megapixels; at most "
            f"{MAX_PIXELS / 1e6:.0f} can be used",
            "Scale it down first.",
        )
    return image


def _enable_heif(path: Path, *, avif: bool) -> str:
    """Make Pillow read HEIC where the small library for it is installed; returns the format."""
    if avif:
        return "AVIF"  # Pillow's own
    try:
        import pi_heif
    except ImportError:
        raise errors.NotAnImage(
            f"{path} is a HEIC picture, and the reader for those is not installed",
            "Run: pip install pi-heif — or save the picture as JPEG.",
        ) from None
    pi_heif.register_heif_opener()
    return "HEIF"


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(0x0112, 1))
    except Exception:  # damaged metadata must not cost the user the picture
        return 1


def _pixels(image: Image.Image, path: Path) -> Image.Image:
    from PIL import ImageOps

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image.load()
            with suppress(*_EXIF_ERRORS):  # damaged EXIF: show the picture as it lies
                image = ImageOps.exif_transpose(image)
            return _to_rgb(image)
    except MemoryError:
        raise errors.ImageTooLarge(
            f"There is not enough memory to decode {path}", "Scale it down first."
        ) from None
    except Exception as error:  # decoders raise anything on damaged data
        raise _damaged(path, error) from None


def _to_rgb(image: Image.Image) -> Image.Image:
    from PIL import Image

    if image.mode.startswith("I;16") or image.mode == "I":
        # Pillow clips at 255 when it converts these; 16-bit samples are scaled instead
        return (
            image.convert("I").point(lambda sample: sample * (1 / 257)).convert("L").convert("RGB")
        )
    if image.mode == "F":
        low, high = cast("tuple[float, float]", image.getextrema())
        scale = 255.0 / (high - low) if high > low else 1.0
        return image.point(lambda sample: sample * scale - low * scale).convert("L").convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        layered = image.convert("RGBA")
        white = Image.new("RGBA", layered.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, layered).convert("RGB")
    return image.convert("RGB")


def _damaged(path: Path, error: Exception) -> errors.ImageTruncated:
    return errors.ImageTruncated(
        f"{path} is damaged or cut off: {str(error)[:200] or type(error).__name__}",
        "Was it copied completely? Copy it again, or save it anew.",
    )
