"""Variables that Textual and Rich obey, and that end or hang them where they mean nothing."""

from __future__ import annotations

import os
import stat
import sys

from vlmtui import printable
from vlmtui.errors import SettingsError, os_errors_as

_COLOUR_SYSTEMS = ("auto", "standard", "256", "truecolor")
_COLOURS = "TEXTUAL_COLOR_SYSTEM"
_LOG = "TEXTUAL_LOG"
_MOST_CELLS = 1000


def check() -> None:
    """See that they mean something.

    Raises:
        SettingsError: One doesn't; names it.
    """
    colours = os.environ.get(_COLOURS, "auto")
    if colours not in (*_COLOUR_SYSTEMS, "windows"):
        raise SettingsError(
            f"{_COLOURS} is {printable.line(repr(colours), 60)}, which is not a colour system",
            f"Set it to one of {', '.join(_COLOUR_SYSTEMS)}, or unset it.",
        )
    if log := os.environ.get(_LOG):
        with os_errors_as(
            SettingsError,
            f"{_LOG} names {printable.line(log)}, which can't be written",
            "Name a file, or unset it.",
        ):
            _append(log)


def settle_size() -> None:
    """Drop what the environment says of the terminal's size where the terminal itself knows it.

    Textual lays out as many cells as COLUMNS and LINES say.
    """
    try:
        known = tuple(os.get_terminal_size(sys.stdout.fileno()))
    except OSError:
        known = (0, 0)
    for name, cells in zip(("COLUMNS", "LINES"), known, strict=True):
        text = os.environ.get(name, "")
        if cells or not text.isdecimal() or int(text) > _MOST_CELLS:
            os.environ.pop(name, None)


def _append(path: str) -> None:
    """Open a file as its writer will; a FIFO would hold it up, and a device refuse it later.

    Raises:
        OSError: It can't be written, or is no regular file.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o600)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(0, "it is not a regular file")
    finally:
        os.close(descriptor)
