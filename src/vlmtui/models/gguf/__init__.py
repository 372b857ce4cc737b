"""GGUF files, as far as their headers tell: what a model is, and whether it is whole.

`from_path` and `from_url` read a header in milliseconds, or in a few megabytes over the network;
`pairing.check` says whether llama.cpp can load a model, and whether an mmproj belongs to it. No
weights are read, no library is needed, and no claim of a header is believed before it is checked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

import msgspec

from vlmtui.errors import BadModelFile
from vlmtui.models.gguf.foreign import SNIFFED_BYTES, not_a_gguf
from vlmtui.models.gguf.header import Header
from vlmtui.models.gguf.header_reader import read
from vlmtui.models.gguf.source import FileSource

_PART = re.compile(r"-(\d{5})-of-(\d{5})(\.gguf)", re.IGNORECASE)
_MOST_PARTS = 1000


def from_path(path: Path) -> Header:
    """The header of a model on this machine: all parts, where the first of several is named.

    Raises:
        BadModelFile: It, or a part of it, is missing, damaged, or no GGUF file.
    """

    def part(name: str) -> Header:
        with closing(FileSource(Path(name))) as source:
            return read(source)

    return _whole(str(path), part)


def from_url(url: str, headers: Mapping[str, str] | None = None) -> Header:
    """The header of a model on a server, from a few ranges of it; parts as in `from_path`.

    The headers are sent to this server only; for a token.

    Raises:
        BadModelFile: It, or a part of it, is damaged or no GGUF file.
        FetchFailed: The server or the network refused.
    """
    from vlmtui.models.gguf.remote import HttpSource

    def part(address: str) -> Header:
        with closing(HttpSource(address, headers)) as source:
            return read(source)

    return _whole(url, part)


def sniff(path: Path) -> None:
    """Look at the first bytes only.

    Raises:
        BadModelFile: It can't be read, or is no GGUF file; says what it is instead.
    """
    with closing(FileSource(path)) as source:
        beginning = source.read(0, SNIFFED_BYTES)
    if not beginning.startswith(b"GGUF"):
        raise not_a_gguf(str(path), beginning)


def _whole(name: str, part: Callable[[str], Header]) -> Header:
    first = part(name)
    number, count = first.split
    if count == 1:
        return first
    if number != 0 or count > _MOST_PARTS:
        raise BadModelFile(
            f"{first.name} is part {number + 1} of a model in {count} parts",
            "Name its first part, which ends in -00001-of-"
            f"{min(count, 99_999):05d}.gguf; the others belong beside it.",
        )
    names = list(_PART.finditer(name))
    if not names or int(names[-1][1]) != 1 or int(names[-1][2]) != count:
        raise BadModelFile(
            f"{first.name} is the first of {count} parts, and isn't named like one",
            f"Give the parts their names again: NAME-00001-of-{count:05d}.gguf and so on.",
        )
    spot = names[-1]
    others = [
        part(f"{name[: spot.start()]}-{each:05d}-of-{count:05d}{spot[3]}{name[spot.end() :]}")
        for each in range(2, count + 1)
    ]
    return msgspec.structs.replace(
        first,
        tensors=sum((other.tensors for other in others), first.tensors),
        file_size=first.file_size + sum(other.file_size for other in others),
    )
