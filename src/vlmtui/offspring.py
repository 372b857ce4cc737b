"""What a process that works for us does first: make way, die with us, tell of its work in lines."""

from __future__ import annotations

import ctypes
import os
import signal
from contextlib import suppress
from typing import Any, TextIO

import msgspec

_PR_SET_PDEATHSIG = 1
_OOM_SCORE = 500
"""It can be begun again."""


class Telling:
    """The line to the process that started this one: JSON objects, one a line."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def tell(self, **fields: Any) -> None:
        self._stream.write(msgspec.json.encode(fields).decode() + "\n")
        self._stream.flush()


def make_way(score: int) -> None:
    """When memory runs out, have the kernel take this process rather than the chat.

    Args:
        score: How much rather, up to 1000; nothing happens where a container forbids it.
    """
    with suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write(str(score))


def begin(parent: int) -> Telling:
    """Call this first. Whatever libraries print to stdout goes to stderr from now on.

    Args:
        parent: The process that must be alive; where it isn't, this one ends here.
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        raise SystemExit
    make_way(_OOM_SCORE)
    told = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return Telling(told)
