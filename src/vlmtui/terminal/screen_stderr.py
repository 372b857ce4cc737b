"""Standard error while the screen is drawn: the terminal is the drawing's alone.

Textual draws on standard error, and libraries in C write what they like to descriptor 2: libtiff's
warnings stood across the screen. So the drawing gets a descriptor of its own for the terminal, and
descriptor 2 is a file meanwhile.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK
"""Not blocking: a FIFO without a reader would hold up the start."""


@contextmanager
def stderr_in(path: Path | None) -> Iterator[None]:
    """Have descriptor 2 be a file, and `sys.__stderr__` the terminal that it was.

    To be entered before the application is made, which remembers `sys.__stderr__`.

    Args:
        path: The file, begun anew; None, or one that can't be written, is nowhere.
    """
    before = sys.__stderr__
    if before is None or not before.isatty():
        yield
        return
    before.flush()
    terminal = os.dup(before.fileno())
    screen = os.fdopen(terminal, "w", encoding=before.encoding, errors=before.errors)
    log = _opened(path)
    os.dup2(log, before.fileno())
    os.close(log)
    sys.__stderr__ = screen  # type: ignore[misc] # Final for other programs
    try:
        yield
    finally:
        sys.__stderr__ = before  # type: ignore[misc] # the same
        os.dup2(terminal, before.fileno())
        with suppress(OSError):  # the terminal may be gone
            screen.close()


def _opened(path: Path | None) -> int:
    if path is not None:
        with suppress(OSError):
            return os.open(path, _FLAGS, 0o600)
    return os.open(os.devnull, os.O_WRONLY)
