"""What a process that works for us does first: make way, die with us, tell of its work in lines."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

import msgspec

from vlmtui.errors import VlmtuiError

_PR_SET_PDEATHSIG = 1
_OOM_SCORE = 500
"""It can be begun again."""


class Telling:
    """The line to the process that started this one: JSON objects, one a line.

    `models.file_maker` reads them: `fraction` and `doing`, or what is `made`, or an `error`.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def tell(self, **fields: Any) -> None:
        self._stream.write(msgspec.json.encode(fields).decode() + "\n")
        self._stream.flush()

    @contextmanager
    def errors(
        self, failed: type[VlmtuiError], needs: str, install: str, cant: str
    ) -> Iterator[None]:
        """Tell of what the body raises, whatever that is.

        Args:
            failed: The error for what has no name.
            needs: What needs libraries, for "… needs libraries that aren't installed".
            install: What to do about these.
            cant: What can't be done then, as a sentence.
        """
        try:
            yield
        except VlmtuiError as error:
            failure = error
        except ImportError as error:
            failure = failed(f"{needs} needs libraries that aren't installed: {error}", install)
        except MemoryError:
            failure = failed("Memory ran out", "Close other programs.")
        except Exception as error:
            # whatever a file of other making or a library provokes must reach the user in words
            import traceback  # only then: every picture's process begins here

            traceback.print_exc()
            failure = failed(f"{cant}: {type(error).__name__}: {error}")
        else:
            return
        self.tell(error=type(failure).__name__, message=failure.message, hint=failure.hint)


def prefer_oom_kill(score: int) -> None:
    """When memory runs out, have the kernel take this process rather than the chat.

    The score says how much rather, up to 1000; nothing happens where a container forbids it.
    """
    with suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write(str(score))


def program(module: str, *arguments: object) -> list[str]:
    """The command that calls `main` of a module in another process; `main` also gets what follows.

    `python -c` puts the current directory on the path: a file named like a library there must not
    run.
    """
    start = f"import sys; sys.path[:] = [p for p in sys.path if p]; from {module} import main; "
    given = ", ".join([*map(repr, arguments), "*sys.argv[1:]"])
    return [sys.executable, "-c", f"{start}main({given})"]


def begin(parent: int) -> Telling:
    """Call this first. Whatever libraries print to stdout goes to stderr from now on.

    The parent must be alive; where it isn't, this process ends here.
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        raise SystemExit
    prefer_oom_kill(_OOM_SCORE)
    output = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return Telling(output)
