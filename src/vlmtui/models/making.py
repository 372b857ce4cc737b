"""A file that a process of its own makes: how that is started and heard, and how the file ends up.

The file comes into being under another name, and gets its own when it is whole.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, cast

from vlmtui import paths
from vlmtui.errors import StorageError

ROOM_LEFT = 64_000_000
"""Bytes of the disk that stay free."""

_START = (
    "import sys; sys.path[:] = [p for p in sys.path if p]; "
    "from {module} import main; main({parent}, *sys.argv[1:])"
)


class Died(Exception):
    """The process ended without a last word; the text says of what."""

    @property
    def hint(self) -> str:
        """What may be done about it."""
        if "SIGKILL" in str(self):
            return "Memory may have run out: close other programs. "
        return ""


def lines(module: str, arguments: Sequence[str], log: str) -> Generator[bytes, None, None]:
    """Start a process, and yield what it tells, line by line.

    Leaving the iterator kills it. It also dies with the thread that began.

    Args:
        module: What to import `main` from; see `offspring`.
        arguments: For `main`, behind the id of this process.
        log: Name of the file that what it prints goes into; see `log_path`.

    Raises:
        Died: It ended, and nobody had left the iterator.
    """
    program = [sys.executable, "-c", _START.format(module=module, parent=os.getpid())]
    with _opened(log) as errors:
        try:
            process = subprocess.Popen(
                [*program, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={**os.environ, "GGML_NO_BACKTRACE": "1"},
                start_new_session=True,  # Ctrl+C is for us, who kill it
            )
        except OSError as error:
            raise Died(f"it can't be started: {error}") from error
        assert process.stdout is not None
        try:
            yield from process.stdout
            status = process.wait()
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
            process.stdout.close()
    raise Died(signal.Signals(-status).name if status < 0 else f"exit status {status}")


def log_path(name: str) -> Path:
    """Where the log of such a process is."""
    return paths.state_dir() / name


def settle(draft: Path, target: Path) -> None:
    """Give a whole file its name.

    Raises:
        StorageError: It can't be renamed.
    """
    try:
        descriptor = os.open(draft, os.O_RDONLY)
        try:
            os.fsync(descriptor)  # a name must not stand for blocks that a power cut takes away
        finally:
            os.close(descriptor)
        draft.replace(target)
    except OSError as error:
        raise StorageError(
            f"{target} can't be written: {error.strerror}", "Check its directory."
        ) from error


def discard(draft: Path) -> None:
    """Delete what there is of a file; safe to call at any time."""
    with suppress(OSError):
        draft.unlink()


def no_room(target: Path, expected: int, free: int) -> StorageError:
    """The error for a disk that is too small; sizes in bytes."""
    return StorageError(
        f"There is no room for {target}: it takes {expected / 1e9:.2f} GB, "
        f"{free / 1e9:.2f} GB are free",
        "Free space, or name a file on another disk.",
    )


def _opened(log: str) -> BinaryIO:
    try:
        return cast(BinaryIO, log_path(log).open("wb"))
    except (OSError, StorageError):  # a disk that can't be written keeps nobody from reckoning
        return open(os.devnull, "wb")
