"""Errors that nobody thought of: put where a report can quote them, and told as any other error."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vlmtui import printable
from vlmtui.errors import SHORTAGES, InputError, VlmtuiError

PROC = Path("/proc/self")
"""Where the system tells of processes; chroots and bare containers may lack it."""

_LONGEST = 200
"""Characters of an error: those of libraries may have all of a text in them."""


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK, 0o600)  # a FIFO may have no reader


_OF_THE_NAME = {errno.ENAMETOOLONG, errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENOTDIR}
"""Not our errors: Python asks whether a file is there, and these are raised in place of "no"."""


def _directory_is_gone() -> bool:
    try:
        os.getcwd()
    except OSError:
        return True
    return False


def recorded(error: BaseException) -> VlmtuiError:
    """The error as a person may be told it; its traceback goes to vlmtui's log."""
    import traceback

    from vlmtui.paths import app_log_path

    if isinstance(error, VlmtuiError):
        return error
    if isinstance(error, FileNotFoundError) and _directory_is_gone():
        return InputError(
            "The directory that vlmtui was started in has been deleted",
            "Go to another one, or give whole paths, from / on.",
        )
    if isinstance(error, OSError) and error.errno in _OF_THE_NAME and error.filename is not None:
        name = printable.line(os.fsdecode(error.filename), _LONGEST)
        return InputError(f"{name} can't be used: {error.strerror}", "Check the path.")
    number = errno.ENOMEM if isinstance(error, MemoryError) else getattr(error, "errno", None)
    if number in SHORTAGES:
        return VlmtuiError(*SHORTAGES[number])
    if isinstance(error, OverflowError) and "timestamp" in str(error):
        return VlmtuiError(
            "The clock of this machine is set to a year that programs can't count with",
            "Set it: sudo date --set '2030-01-31 12:00'.",
        )
    if not PROC.exists():
        return VlmtuiError(f"{PROC} is not mounted", f"Run: mount -t proc proc {PROC.parent}")
    if isinstance(error, RuntimeError) and "start new thread" in str(error):
        return VlmtuiError(
            "The system lets vlmtui start no more threads",
            "Allow it more memory or processes (ulimit -v, -u), or end other programs.",
        )
    message = f"Internal error: {printable.line(f'{type(error).__name__}: {error}', _LONGEST)}"
    try:
        path = app_log_path()
        with open(path, "a", encoding="utf-8", opener=_without_waiting) as log:
            traceback.print_exception(error, file=log)
    except (OSError, VlmtuiError):
        return VlmtuiError(message, "Please report it.")
    return VlmtuiError(message, f"Please report it, with the last lines of {path}.")


@contextmanager
def logged() -> Iterator[None]:
    """Let no error out of a thread that nobody waits for; one that nobody thought of is logged."""
    try:
        yield
    except Exception as error:
        recorded(error)
