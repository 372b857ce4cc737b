"""Standard output that nobody reads any more, or that can't be written: one rule for all commands.

Who has read enough (`| head`) ends a command quietly, with exit code 0. What can't be written
because a disk is full is an error in words. What the encoding doesn't have becomes a question mark,
and a file name that isn't UTF-8 goes out as it is on the disk.
"""

from __future__ import annotations

import codecs
import errno
import io
import os
import sys
from contextlib import suppress
from typing import Any, TextIO

from vlmtui.errors import VlmtuiError

_CLOSED = "it is closed"


class ReaderGone(Exception):
    """Nobody reads any more, or nothing can be written.

    Attributes:
        reason: Why, where that is no everyday thing such as `| head`.
    """

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason)
        self.reason = reason


def prepare() -> None:
    """Have whatever is printed be printable, and note when it can't be written."""
    codecs.register_error("vlmtui", _encodable)
    out = sys.stdout
    if type(out) is io.TextIOWrapper and out.fileno() == 1:
        lines = out.line_buffering
        raw = io.BufferedWriter(_Descriptor(1, "w", closefd=False))
        sys.stdout = io.TextIOWrapper(raw, out.encoding, "vlmtui", line_buffering=lines)


class _Descriptor(io.FileIO):
    """Standard output, which remembers why it failed: Python drops some of what did."""

    failed: OSError | None = None

    def write(self, content: Any) -> int:
        try:
            return super().write(content)
        except OSError as error:
            self.failed = error
            raise


def _encodable(error: UnicodeError) -> tuple[str | bytes, int]:
    assert isinstance(error, UnicodeEncodeError)
    part = error.object[error.start : error.end]
    try:
        return part.encode("ascii", "surrogateescape"), error.end
    except UnicodeEncodeError:
        return "?" * len(part), error.end


def write(stream: TextIO, text: str) -> None:
    """Write text, and see that it arrives.

    Raises:
        ReaderGone: It doesn't.
    """
    try:
        stream.write(text)
        stream.flush()
    except OSError as error:
        forget(stream)
        raise _gone(error) from None


def _gone(error: OSError) -> ReaderGone:
    if error.errno == errno.EBADF:
        return ReaderGone(_CLOSED)
    reason = "" if isinstance(error, BrokenPipeError) else error.strerror or str(error)
    return ReaderGone(reason)


def unwritable(reason: str) -> VlmtuiError:
    """The error for what can't be written."""
    hint = "Give the command somewhere to write to." if reason == _CLOSED else "Is the disk full?"
    return VlmtuiError(f"Standard output can't be written: {reason}", hint)


def settle() -> None:
    """See that what was printed arrives, at the end of a command; what failed before fails again.

    Raises:
        ReaderGone: It doesn't.
    """
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    if isinstance(raw, _Descriptor) and raw.failed is not None:
        forget(sys.stdout)
        raise _gone(raw.failed)
    write(sys.stdout, "")


def forget(stream: TextIO) -> None:
    """Let what Python still holds for a stream go nowhere, or it fails again at the exit."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
