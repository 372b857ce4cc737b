"""A program in a pseudo-terminal of 110x34 cells, as the benchmarks start and watch it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import psutil

_ESCAPES = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[PX^_].*?\x1b\\|.)")


class Terminal:
    """A program in a pseudo-terminal."""

    def __init__(self, arguments: tuple[str, ...], home: Path, **more: str) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 34, 110, 0, 0))
        environment = {**os.environ, "VLMTUI_HOME": str(home), "TERM": "xterm-256color"}
        environment["VLMTUI_KEEP_ALIVE"] = "0"  # nothing stays when the measurement is over
        environment |= {"COLORTERM": "truecolor", **more}
        # an installed program has its bytecode; a checkout under this would be compiled each time
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        self._seen = ""
        self.started = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            env=environment,
        )
        os.close(theirs)

    def seconds_until(self, text: str, timeout: float = 60) -> float:
        """Seconds from the start until the text has arrived."""
        deadline = time.perf_counter() + timeout
        while text not in _ESCAPES.sub("", self._seen):
            if time.perf_counter() > deadline:
                raise TimeoutError(f"{text!r} never appeared")
            self._read(deadline - time.perf_counter())
        return time.perf_counter() - self.started

    def watch(self, seconds: float) -> None:
        """Let the program run on."""
        deadline = time.perf_counter() + seconds
        while (left := deadline - time.perf_counter()) > 0 and not self.ended:
            self._read(min(left, 0.5))

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    @property
    def pid(self) -> int:
        return self._process.pid

    def rss_mb(self) -> float:
        """Memory of the process, its engine process not included, in MB."""
        return float(psutil.Process(self._process.pid).memory_info().rss) / 1e6

    def drain(self, seconds: float) -> str:
        """Let the program run on and forget what it has written; returns it without escapes."""
        self._seen = ""
        self.watch(seconds)
        seen, self._seen = self._seen, ""
        return _ESCAPES.sub("", seen)

    @property
    def ended(self) -> bool:
        """Whether the program has ended."""
        return self._process.poll() is not None

    def close(self) -> None:
        self.type("\x11")  # Ctrl+Q
        try:
            deadline = time.perf_counter() + 10
            while self._process.poll() is None and time.perf_counter() < deadline:
                self._read(0.1)
        finally:
            if self._process.poll() is None:
                self._process.kill()
            self._process.wait()
            os.close(self._ours)

    def _read(self, timeout: float) -> None:
        if select.select([self._ours], [], [], max(0.0, timeout))[0]:
            try:
                self._seen += os.read(self._ours, 1 << 16).decode(errors="replace")
            except OSError:  # the program has ended
                time.sleep(0.01)
