"""Second processes for tests: real ones, spoken to in lines."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import vlmtui

ROOT = Path(__file__).parents[1]
SOURCE = Path(vlmtui.__file__).parents[1]


class Child:
    """A Python process that runs a script; it waits for lines and answers with lines."""

    def __init__(self, script: str, *arguments: object) -> None:
        environment = os.environ | {"PYTHONPATH": f"{SOURCE}{os.pathsep}{ROOT}"}
        self._process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", script, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def read(self) -> str:
        """The next line it prints; waits for it."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"the process ended with {self._process.wait()} instead of printing"
        return line.rstrip("\n")

    def tell(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def kill(self) -> None:
        """`kill -9`, and wait until it is gone."""
        self._process.kill()
        self._close()

    def end(self) -> None:
        """Close its input and wait for a clean end."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        assert self._process.wait() == 0
        self._close()

    def _close(self) -> None:
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None and not stream.closed:
                stream.close()


@contextmanager
def child(script: str, *arguments: object) -> Iterator[Child]:
    """A child that is gone when the block ends."""
    process = Child(script, *arguments)
    try:
        yield process
    finally:
        process.kill()


@contextmanager
def unprivileged() -> Iterator[None]:
    """Run the block as someone whom file permissions bind; root is bound by none."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
