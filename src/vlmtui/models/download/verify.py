"""Whether a file is what the server said it would be."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import closing

from vlmtui.errors import BadModelFile, DamagedDownload, PullError
from vlmtui.models.download.events import RemoteFile, Verifying
from vlmtui.models.gguf import header_reader
from vlmtui.models.gguf.source import FileSource
from vlmtui.net import CancelScope

_PIECE = 4 << 20
_TOLD_EVERY = 256 << 20
"""Bytes between two events: about two a second on a Jetson."""


def verify(file: RemoteFile, scope: CancelScope) -> Iterator[Verifying]:
    """Compare length and hash of what came; where there is no hash, see that the header fits.

    Raises:
        DamagedDownload: It is something else.
        PullError: It can't be read.
        Stopped: So it was wanted.
    """
    try:
        size = file.part.stat().st_size
        if file.size is not None and size != file.size:
            raise _differs(file, f"it has {size:,} bytes instead of {file.size:,}")
        kind, _, expected = file.digest.partition(":")
        if not expected:
            yield Verifying(file.name, size, size)
            _check_header(file)
            return
        digest = hashlib.sha256()
        if kind == "git":
            digest = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
        done = reported = 0
        yield Verifying(file.name, 0, size)
        with file.part.open("rb", buffering=0) as content:
            while piece := content.read(_PIECE):
                scope.check()
                digest.update(piece)
                done += len(piece)
                if done - reported >= _TOLD_EVERY:
                    reported = done
                    yield Verifying(file.name, done, size)
        if digest.hexdigest() != expected.lower():
            raise _differs(file, f"its hash ({kind}) is another")
    except OSError as error:
        message = f"{file.part} can't be read: {error.strerror}"
        raise PullError(message, "Check the disk, then pull again.") from error


def _check_header(file: RemoteFile) -> None:
    """A GGUF file's header tells how long it must be; of others the length is all there is."""
    if file.role == "checkpoint":
        return
    try:
        with closing(FileSource(file.part)) as source:
            header_reader.read(source)
    except BadModelFile as error:
        raise _differs(file, error.message) from error


def _differs(file: RemoteFile, why: str) -> DamagedDownload:
    return DamagedDownload(
        f"{file.name} arrived damaged: {why}",
        "Pull again later; if it keeps happening, a proxy, the server or this machine's memory "
        "damages it.",
    )
