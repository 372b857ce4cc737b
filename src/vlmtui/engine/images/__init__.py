"""Picture files: what they are, and their pixels as a model or a screen wants them.

Everything that touches the bytes of a picture goes through here, so that limits and error texts are
the same for a chat, `vlmtui ask` and the engine. Pillow is imported only when a picture is opened.
This package knows no model: resizing to a tower's input is libmtmd's work.
"""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import msgspec

from vlmtui import errors, paths
from vlmtui.engine.images import containers, pixels, spare_memory
from vlmtui.engine.images.blocks import Source
from vlmtui.engine.images.crops import Box
from vlmtui.engine.images.sources import open_source
from vlmtui.engine.images.whole_sources import NotInstalled

if TYPE_CHECKING:
    from PIL import Image

MAX_PIXELS = 100_000_000
"""Larger pictures are refused; smaller ones too, where the machine can't spare what they take."""

MAX_FILE_BYTES = 256 * 1024 * 1024
"""Larger files are refused before they are read."""

SEEN_PIXELS = 4_000_000
"""So many pixels, roughly, a model sees at most; what is checked when a picture is attached."""

FORMATS = "JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF and HEIC"
"""What can be read. Pillow has many more decoders, some of them rarely used and some that start
other programs."""


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
        container = _container(file, str(path))
        source = _source(file, container, str(path))
        width, height = pixels.turned(source.size, source.orientation)
        _require_bytes(source, pixels.peak_bytes(source, _seen(width, height)), str(path))
        return ImageInfo(width, height, container.format, digest, size)


def decode(
    path: str | Path,
    sha256: str | None = None,
    size: tuple[int, int] | None = None,
    name: str | None = None,
) -> Image.Image:
    """The pixels of a picture as 8-bit RGB.

    EXIF orientation is applied, transparency put on white, 16-bit and CMYK samples converted; of an
    animation it is the first frame.

    Args:
        path: The file.
        sha256: Digest that the file must still have; None skips the check.
        size: Width and height that it is brought to, which takes less memory than its own size.
        name: What the user calls it, for errors; None for the path.

    Raises:
        ImageError: One of its subclasses, naming the file and what to do.
    """
    path, name = Path(path), name or str(path)
    with _open_file(path) as file:
        if sha256 is not None and _digest(file)[0] != sha256:
            raise errors.ImageUnreadable(
                f"{name} has changed since it was attached", "Attach it again."
            )
        source = _source(file, _container(file, name), name)
        wanted = size or pixels.turned(source.size, source.orientation)
        needed = pixels.peak_bytes(source, wanted)
        with spare_memory.alone(file, needed):
            _require_bytes(source, needed, name)
            with _translated(name):
                return pixels.decode(source, size)


def decode_part(path: str | Path, part: Box, name: str | None = None) -> Image.Image:
    """The pixels of a part of a picture, as `decode` gives those of a whole one.

    Raises:
        ImageError: One of its subclasses, naming the file and what to do.
    """
    path, name = Path(path), name or str(path)
    with _open_file(path) as file:
        source = _source(file, _container(file, name), name)
        needed = pixels.peak_bytes_of_part(source, part.width, part.height)
        with spare_memory.alone(file, needed):
            _require_bytes(source, needed, name)
            with _translated(name):
                return pixels.part(source, (part.x, part.y, part.width, part.height))


def is_incomplete(path: str | Path) -> bool:
    """Whether the end of a picture's file is missing, as far as its bytes tell without decoding."""
    with _open_file(Path(path)) as file:
        return not _container(file, str(path)).ended


def thumbnail(path: str | Path, width: int, height: int) -> Image.Image:
    """A small RGB copy of a picture that fits into `width` x `height` pixels, aspect ratio kept.

    Raises:
        ImageError: One of its subclasses, naming the file and what to do.
    """
    with _to_shrink(path, width, height) as (file, source, size):
        needed = pixels.peak_bytes(source, size)
        with spare_memory.alone(file, needed):
            _require_bytes(source, needed, str(path))
            with _translated(str(path)):
                return pixels.decode(source, size)


def thumbnail_bytes(path: str | Path, width: int, height: int) -> int:
    """The memory that `thumbnail` will take at its peak.

    Raises:
        ImageError: As `thumbnail` does.
    """
    with _to_shrink(path, width, height) as (_, source, size):
        return pixels.peak_bytes(source, size)


def resize(image: Image.Image, width: int, height: int) -> Image.Image:
    """A picture's pixels in another size."""
    from PIL import Image

    return image.resize((width, height), Image.Resampling.LANCZOS)


def squash(image: Image.Image, width: int, height: int) -> Image.Image:
    """A picture's pixels in another size, bicubic: as Pillow does by default, and models saw it."""
    from PIL import Image

    return image.resize((width, height), Image.Resampling.BICUBIC)


@contextmanager
def _to_shrink(
    path: str | Path, width: int, height: int
) -> Iterator[tuple[BinaryIO, Source, tuple[int, int]]]:
    """A picture whose header was read, and the size in which it fits into a box."""
    with _open_file(Path(path)) as file:
        source = _source(file, _container(file, str(path)), str(path))
        own = pixels.turned(source.size, source.orientation)
        scale = min(1.0, width / own[0], height / own[1])
        yield file, source, (max(1, round(own[0] * scale)), max(1, round(own[1] * scale)))


def _seen(width: int, height: int) -> tuple[int, int]:
    share = min(1.0, (SEEN_PIXELS / (width * height)) ** 0.5)
    return max(1, round(width * share)), max(1, round(height * share))


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
        raise errors.ImageNotFound(f"There is no file {path}", paths.or_rather(path)) from None
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


def _container(file: BinaryIO, name: str) -> containers.Container:
    with _translated(name):
        container = containers.look(file)
    if not container.format:
        raise errors.NotAnImage(
            f"{name} is not a picture that vlmtui can read",
            f"It reads {FORMATS} files, going by their content, not by their name.",
        )
    return container


def _source(file: BinaryIO, container: containers.Container, name: str) -> Source:
    try:
        with _translated(name):
            source = open_source(file, container)
            if 0 in source.size:
                raise ValueError("it has no pixels")
    except NotInstalled:
        raise errors.NotAnImage(
            f"{name} is a HEIC picture, and the reader for those is not installed",
            "Run: pip install pi-heif — or save the picture as JPEG.",
        ) from None
    width, height = source.size
    if width * height > MAX_PIXELS:
        raise errors.ImageTooLarge(
            f"{name} has {width}x{height} pixels, {width * height / 1e6:.0f} megapixels; at most "
            f"{MAX_PIXELS / 1e6:.0f} can be used",
            "Scale it down first.",
        )
    return source


def _require_bytes(source: Source, needed: int, name: str) -> None:
    spare = spare_memory.spare_bytes()
    if spare is None or needed <= spare:
        return
    width, height = pixels.turned(source.size, source.orientation)
    raise errors.ImageTooLarge(
        f"Decoding {name} ({width}x{height} pixels) takes {needed / 1e6:.0f} MB of memory; "
        f"this machine can spare {spare / 1e6:.0f} MB",
        "Scale it down, save it as JPEG, or end other programs.",
    )


@contextmanager
def _translated(name: str) -> Iterator[None]:
    try:
        yield
    except NotInstalled:
        raise
    except MemoryError:
        raise errors.ImageTooLarge(
            f"There is not enough memory to decode {name}", "Scale it down first."
        ) from None
    except Exception as error:  # decoders raise anything on damaged data
        kind = type(error).__name__
        reason = " ".join(str(error).split())[:200] or kind
        said = f"{name} is damaged or cut off: {reason}"
        if kind == "UnidentifiedImageError":  # it names objects of Python's
            said = f"{name} can't be read: its header is damaged, or of a kind that isn't known"
        raise errors.ImageTruncated(
            said, "Was it copied completely? Copy it again, or save it as PNG or JPEG."
        ) from None
