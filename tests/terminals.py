"""Programs in pseudo-terminals, as a shell would start them there."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

TIMEOUT = 60.0

_ESCAPES = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[PX^_].*?\x1b\\|.)")

_MODES = {"1049": "l", "25": "h", "7": "h", "2004": "l", "2048": "l", "1004": "l"} | dict.fromkeys(
    ("1000", "1002", "1003", "1006", "1015", "1016"), "l"
)
"""What a program may switch, and how a shell wants it: the alternate screen, the cursor, the wrap,
pastes in brackets, sizes and focus as input, the mouse."""


class Terminal:
    """A pseudo-terminal of 110x34 cells with a program in it.

    It is the program's controlling terminal, as it is in a window, unless told otherwise.
    """

    def __init__(
        self,
        program: Sequence[str | Path],
        stdout: int | None = None,
        *,
        controlling: bool = True,
    ) -> None:
        self._ours, theirs = pty.openpty()
        self.resize(110, 34)
        self.modes = termios.tcgetattr(self._ours)
        self.seen = ""

        def take() -> None:
            if controlling:
                fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen(
            [*map(str, program)],
            stdin=theirs,
            stdout=theirs if stdout is None else stdout,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=take,
            env={**os.environ, "TERM": "xterm-256color"},
        )
        os.close(theirs)

    def read_until(self, pattern: str) -> str:
        """Everything seen so far, once the pattern is in it."""
        deadline = time.monotonic() + TIMEOUT
        while not re.search(pattern, self.seen):
            assert time.monotonic() < deadline, f"never saw {pattern!r} in {self.seen!r}"
            if not self._read():
                break
        return self.seen

    def repeat_until(self, act: Callable[[], object], pattern: str) -> None:
        """Do something again until the pattern is seen: a signal may come just before it counts."""
        deadline = time.monotonic() + TIMEOUT
        while not re.search(pattern, self.seen):
            assert time.monotonic() < deadline, f"never saw {pattern!r} in {self.seen!r}"
            act()
            if select.select([self._ours], [], [], 1.0)[0]:
                self._read()

    def repeat_until_true(self, act: Callable[[], object], condition: Callable[[], object]) -> None:
        """Do something again, about once a second, until something holds."""
        deadline = time.monotonic() + TIMEOUT
        while not condition():
            assert time.monotonic() < deadline, f"it never came to that: {self.seen[-2000:]!r}"
            act()
            again = time.monotonic() + 1.0
            while time.monotonic() < again and not condition():
                if select.select([self._ours], [], [], 0.05)[0]:
                    self._read()

    def wait_until(self, condition: Callable[[], object]) -> None:
        """Read until something holds."""
        deadline = time.monotonic() + TIMEOUT
        while not condition():
            assert time.monotonic() < deadline, (
                f"it never came to that; seen: {self.seen[-2000:]!r}"
            )
            if select.select([self._ours], [], [], 0.05)[0] and not self._read():
                time.sleep(0.05)

    def drain(self) -> None:
        """Read what is there."""
        while select.select([self._ours], [], [], 0)[0] and self._read():
            pass

    def repeat_to_the_end(self, act: Callable[[], object]) -> int:
        """Do something again until the program has ended; returns its exit code."""
        deadline = time.monotonic() + TIMEOUT
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"it never ended: {self.seen!r}"
            act()
            if select.select([self._ours], [], [], 1.0)[0]:
                self._read()
        return self.process.wait(TIMEOUT)

    def send(self, keys: str | bytes) -> None:
        """Type."""
        os.write(self._ours, keys.encode() if isinstance(keys, str) else keys)

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def hang_up(self) -> None:
        """Close the window."""
        os.close(self._ours)
        self._ours = -1

    @property
    def text(self) -> str:
        """What was seen, without escape sequences."""
        return _ESCAPES.sub("", self.seen)

    def assert_clean(self) -> None:
        """The terminal was left as it was found: its modes, and what was switched on in it."""
        assert termios.tcgetattr(self._ours) == self.modes
        for mode, found in _MODES.items():
            last = [match[1] for match in re.finditer(rf"\x1b\[\?{mode}([hl])", self.seen)][-1:]
            assert last in ([], [found]), f"mode {mode} was left at {last}"
        keyboard = [match[0][2] for match in re.finditer(r"\x1b\[[><]\d*u", self.seen)]
        assert keyboard.count(">") == keyboard.count("<"), "the keyboard protocol was left on"

    def end(self) -> int:
        """Wait for the exit code, reading everything."""
        while self._read():
            pass
        return self.process.wait(TIMEOUT)

    def _read(self) -> bool:
        if not select.select([self._ours], [], [], TIMEOUT)[0]:
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
        if self._ours >= 0:
            os.close(self._ours)


def children(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


def wait_gone(processes: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(processes, timeout=TIMEOUT)
    assert not alive
