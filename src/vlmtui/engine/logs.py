"""The files that the output of engines goes to: one for each vlmtui that runs.

Two that wrote into one would each find the other's last words at the end of it. The newest few are
kept, and every one that is still written to: its engine's process holds a lock on it.
"""

from __future__ import annotations

import fcntl
import os
import re
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import BinaryIO

from vlmtui import paths
from vlmtui.errors import StorageError

_KEPT = 8
"""Files that are kept."""

_LONGEST = 1_000_000
"""Bytes above which a file is begun anew."""

_LAST_LINES = 40
_PYTHON_S_END = "Fatal Python error: "
"""What follows is where in our source that was, for each thread: of no use to who reads the end."""

_FRAME = re.compile(r'Traceback \(most|  File "|    ')
"""The same of an error: its last line says what happened."""

_NAME = re.compile(r"engine(-\d+(-plan)?)?\.log")


def open_log(path: Path) -> tuple[BinaryIO, int]:
    """Open a log for another process to write to, and remove old ones beside it.

    Where its directory can't be made, the output goes nowhere: answers are worth more than their
    log.

    Returns:
        The file, which whoever inherits it keeps locked, and where in it the new output begins.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        size = path.stat().st_size if path.exists() else 0
        start = 0 if size > _LONGEST else size
        log = path.open("ab" if start else "wb")
    except OSError:
        return open(os.devnull, "wb"), 0
    with suppress(OSError):
        fcntl.flock(log, fcntl.LOCK_SH | fcntl.LOCK_NB)
    _remove_old(path)
    return log, start


def last_lines(path: Path, start: int) -> str:
    """The end of what was written from `start` on; where that was in our source is only there."""
    try:
        with path.open("rb") as log:
            log.seek(start)
            written = log.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    lines = [line for line in written if not _FRAME.match(line)]
    ends = [row for row, line in enumerate(lines, 1) if line.startswith(_PYTHON_S_END)]
    return "\n".join(lines[: ends[-1] if ends else None][-_LAST_LINES:])


def log_or_temporary(cleanup: ExitStack) -> Path:
    """The log of this program's engine; a file for the moment where ours can't be written."""
    try:
        return paths.engine_log_path()
    except (OSError, StorageError):
        import tempfile

        folder = cleanup.enter_context(tempfile.TemporaryDirectory(prefix="vlmtui-log-"))
        return Path(folder, "engine.log")


def logs_in(directory: Path) -> list[Path]:
    """The logs in a directory, the newest first."""
    found: list[tuple[float, Path]] = []
    with suppress(OSError):
        for path in directory.iterdir():
            if _NAME.fullmatch(path.name):
                with suppress(OSError):  # gone meanwhile
                    found.append((path.stat().st_mtime, path))
    return [path for _, path in sorted(found, reverse=True)]


def _remove_old(path: Path) -> None:
    for old in logs_in(path.parent)[_KEPT:]:
        with suppress(OSError), old.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails while an engine writes there
            old.unlink()
