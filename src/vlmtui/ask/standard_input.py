"""Standard input: a prompt, a text that the prompt is about, or a picture."""

from __future__ import annotations

import os
import select
import stat
import sys
from contextlib import suppress

from vlmtui.errors import InputError

MAX_TEXT_BYTES = 16 * 1024 * 1024
"""More can't be meant: it is a thousand times the context of most models."""

_FIRST_BYTE_SECONDS = 2.0
"""What is nobody's output, as a pipe that ssh or a service holds open, may stay silent so long."""


def prompt() -> str:
    """A text that has to come; waits for it. Raises as `read`, and `InputError` for no text."""
    if sys.stdin.isatty():
        print("Type the prompt; Ctrl+D on a new line ends it.", file=sys.stderr)
    return _text()


def beside() -> str:
    """A text that was piped in beside a prompt; empty where there is none. Raises as `prompt`."""
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (OSError, ValueError):  # closed
        return ""
    if not stat.S_ISREG(mode):
        if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
            return ""
        if not _some_output() and not select.select([sys.stdin], [], [], _FIRST_BYTE_SECONDS)[0]:
            print(
                "vlmtui: nothing has come on standard input, so asking without it (`-` as the "
                "prompt waits for it, `< /dev/null` skips this wait)",
                file=sys.stderr,
            )
            return ""
    return _text()


def read(most: int) -> bytes:
    """What is there, and at most so much of it; raises `InputError` where it can't be read."""
    try:
        return sys.stdin.buffer.read(most)
    except OSError as error:  # of a directory, or a terminal that nohup or its end took away
        raise InputError(
            f"Standard input can't be read: {error.strerror}",
            "Name a file: vlmtui ask … < FILE. nohup takes the terminal away as input.",
        ) from error


def _text() -> str:
    content = read(MAX_TEXT_BYTES + 1)
    if len(content) > MAX_TEXT_BYTES:
        raise InputError(
            f"The text on standard input is larger than {MAX_TEXT_BYTES >> 20} MiB",
            "Ask about a part of it.",
        )
    text = content.decode("utf-8-sig", "replace")
    if b"\0" in content and "\N{REPLACEMENT CHARACTER}" in text:
        raise InputError("Standard input is not text", "For a picture, use `--image -`.")
    return text.rstrip("\r\n")


def _some_output() -> bool:
    """Whether standard input is what a program that runs here writes, as in `program | vlmtui`."""
    with suppress(OSError):
        pipe = os.readlink("/proc/self/fd/0")
        for process in os.listdir("/proc"):
            with suppress(OSError):  # somebody else's, or gone
                if process.isdigit() and os.readlink(f"/proc/{process}/fd/1") == pipe:
                    return True
    return False
