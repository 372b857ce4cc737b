"""Programs in pseudo-terminals, as a shell would start them there."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

PATIENCE = 60.0


class Terminal:
    """A pseudo-terminal with a program in it."""

    def __init__(self, program: Sequence[str | Path], stdout: int | None = None) -> None:
        self._ours, theirs = pty.openpty()
        self.seen = ""
        self.process = subprocess.Popen(
            [*map(str, program)],
            stdin=theirs,
            stdout=theirs if stdout is None else stdout,
            stderr=theirs,
            start_new_session=True,
            env={**os.environ, "TERM": "xterm-256color"},
        )
        os.close(theirs)

    def read_until(self, pattern: str) -> str:
        """Everything seen so far, once the pattern is in it."""
        deadline = time.monotonic() + PATIENCE
        while not re.search(pattern, self.seen):
            assert time.monotonic() < deadline, f"never saw {pattern!r} in {self.seen!r}"
            if not self._read():
                break
        return self.seen

    def repeat_until(self, act: Callable[[], object], pattern: str) -> None:
        """Do something again until the pattern is seen: a signal may come just before it counts."""
        deadline = time.monotonic() + PATIENCE
        while not re.search(pattern, self.seen):
            assert time.monotonic() < deadline, f"never saw {pattern!r} in {self.seen!r}"
            act()
            if select.select([self._ours], [], [], 1.0)[0]:
                self._read()

    def send(self, keys: str) -> None:
        """Type."""
        os.write(self._ours, keys.encode())

    def end(self) -> int:
        """Wait for the exit code, reading everything."""
        while self._read():
            pass
        return self.process.wait(PATIENCE)

    def _read(self) -> bool:
        if not select.select([self._ours], [], [], PATIENCE)[0]:
            raise AssertionError(f"nothing came any more after {self.seen!r}")
        try:
            content = os.read(self._ours, 65536)
        except OSError:  # the other end is closed
            return False
        self.seen += content.decode(errors="replace")
        return bool(content)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._ours)


def children(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


def wait_gone(processes: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(processes, timeout=10)
    assert not alive
