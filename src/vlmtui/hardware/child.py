"""A program that prints lines forever, and that never outlives this process.

The kernel kills it when the thread that started it ends, however that comes about; a program that
still writes is also ended by the closed pipe. Nothing here blocks: lines are fetched, not awaited.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress

_PR_SET_PDEATHSIG = 1

_LAUNCH = f"""
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl({_PR_SET_PDEATHSIG}, signal.SIGKILL)
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""
"""Becomes the program, after asking the kernel for its end with ours. `preexec_fn` would run Python
in a fork of a process with many threads, where a lock that one of them held is never released."""

_MOST_BYTES = 65536
_LONGEST_LINE = 16384


class LineChild:
    """A running program. The thread that starts it must be the one that lives as long."""

    def __init__(self, command: Sequence[str]) -> None:
        """Start a program, given by its absolute path, with its arguments.

        Raises:
            OSError: No process can be started.
        """
        launch = [sys.executable, "-I", "-S", "-c", _LAUNCH, str(os.getpid()), *command]
        self._process = subprocess.Popen(
            launch,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "LC_ALL": "C"},
            start_new_session=True,  # for a script, so that what it started can be ended with it
        )
        assert self._process.stdout is not None
        self._pipe = self._process.stdout
        os.set_blocking(self._pipe.fileno(), False)
        self._rest = b""

    @property
    def pid(self) -> int:
        return self._process.pid

    def ended(self) -> int | None:
        """Its exit status, negative for a signal; None while it runs."""
        return self._process.poll()

    def lines(self) -> list[str]:
        """The whole lines that it has printed since the last call."""
        try:
            chunk = os.read(self._pipe.fileno(), _MOST_BYTES)
        except BlockingIOError:
            return []
        *whole, rest = (self._rest + chunk).split(b"\n")
        self._rest = rest if len(rest) <= _LONGEST_LINE else b""
        return [line.decode(errors="replace") for line in whole]

    def close(self) -> None:
        if self._process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._pipe.close()
