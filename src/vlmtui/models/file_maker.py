"""A file that a process of its own makes: how that is started and heard, and how the file ends up.

The file comes into being under another name, and gets its own when it is whole.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Generator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import BinaryIO, Generic, TypeVar, cast

import msgspec

from vlmtui import errors, offspring, paths, units
from vlmtui.errors import StorageError, VlmtuiError, os_errors_as, reason

_Made = TypeVar("_Made")

ROOM_LEFT = 64_000_000
"""Bytes of the disk that stay free."""


class Maker(msgspec.Struct, frozen=True):
    """A process that makes files."""

    module: str
    """What to import `main` from; see `offspring`."""

    log: str
    """Name of the file that what it prints goes into."""

    failed: type[VlmtuiError]
    """What is raised when it dies."""

    @property
    def see_log(self) -> str:
        return f"Its log: {paths.state_dir() / self.log}"

    def run(
        self, arguments: Sequence[str], kind: type[_Made], doing: str
    ) -> Generator[Progress | _Made, None, None]:
        """Start it, and yield what it tells, at last what it has made, which is of a `kind`.

        Leaving the iterator kills it. It also dies with the thread that began.

        `main` gets the arguments behind the id of this process. `doing` is for "The process that …
        died".

        Raises:
            VlmtuiError: One that it tells; or `failed`: it ended without a last word.
        """
        lines = _lines(self.module, arguments, self.log)
        made: _Made | None = None
        steps = _Told[kind]  # type: ignore[valid-type] # `kind` is known at run time alone
        try:
            with closing(lines):
                for line in lines:
                    step = msgspec.json.decode(line, type=steps)
                    if step.error:
                        hint = step.hint or self.see_log
                        raise errors.named(step.error, step.message, hint, self.failed)
                    made = step.made
                    yield Progress(step.fraction, step.doing) if made is None else made
                if made is None:
                    raise _Died("exit status 0")
        except _Died as died:
            killed = "Memory may have run out: close other programs. "
            raise self.failed(
                f"The process that {doing} died ({died})",
                (killed if "SIGKILL" in str(died) else "") + self.see_log,
            ) from None


class Progress(msgspec.Struct, frozen=True):
    """How far the making of a file is."""

    fraction: float
    """Of the work, which is mostly that of the bytes."""

    doing: str
    """What is being worked on: a tensor, a step."""


class _Told(msgspec.Struct, Generic[_Made]):
    """A line of the process, as `offspring.Telling` writes it."""

    error: str = ""
    """Name of one of `vlmtui.errors`; nothing follows it."""

    message: str = ""
    hint: str = ""
    fraction: float = 0.0
    doing: str = ""
    made: _Made | None = None


class _Died(Exception):
    """The process ended without a last word; the text says of what."""


def _lines(module: str, arguments: Sequence[str], log: str) -> Generator[bytes, None, None]:
    program = offspring.program(module, os.getpid())
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
            raise _Died(f"it can't be started: {reason(error)}") from error
        assert process.stdout is not None
        try:
            yield from process.stdout
            status = process.wait()
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
            process.stdout.close()
    if status:
        raise _Died(signal.Signals(-status).name if status < 0 else f"exit status {status}")


def settle(draft: Path, target: Path) -> None:
    """Give a whole file its name.

    Raises:
        StorageError: It can't be renamed.
    """
    with os_errors_as(StorageError, f"{target} can't be written", "Check its directory."):
        descriptor = os.open(draft, os.O_RDONLY)
        try:
            os.fsync(descriptor)  # a name must not stand for blocks that a power cut takes away
        finally:
            os.close(descriptor)
        draft.replace(target)


def discard(draft: Path) -> None:
    """Delete what there is of a file; safe to call at any time."""
    with suppress(OSError):
        draft.unlink()


def no_room(
    target: Path, expected: int, free: int, other: str = "name a file on another disk"
) -> StorageError:
    """The error for a disk that has fewer bytes free than are expected; `other` is a way out."""
    return StorageError(
        f"There is no room for {target}: it needs {units.size(expected)}, "
        f"{units.size(free)} are free",
        f"Free space, or {other}.",
    )


def _opened(log: str) -> BinaryIO:
    try:
        return cast(BinaryIO, (paths.state_dir() / log).open("wb"))
    except (OSError, StorageError):  # a disk that can't be written keeps nobody from reckoning
        return open(os.devnull, "wb")
