"""A terminal in tmux: what a person types and sees."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

PROGRAM = Path(sys.executable).with_name("vlmtui")
TIMEOUT = 60.0


class Tmux:
    """A terminal of 110x34 cells in a tmux server of its own."""

    def __init__(self, sockets: str, home: Path) -> None:
        self._environment = {**os.environ, "TMUX_TMPDIR": sockets, "VLMTUI_HOME": str(home)}
        self._environment.pop("TMUX", None)
        self._call("-f", "/dev/null", "new-session", "-d", "-x", "110", "-y", "34", "bash --norc")
        self.line("PS1='$ '; clear")

    def line(self, command: str) -> None:
        """Type a line and Enter."""
        self.type(command)
        self.press("Enter")

    def type(self, text: str) -> None:
        self._call("send-keys", "-l", text)

    def press(self, key: str) -> None:
        self._call("send-keys", key)

    def paste(self, text: str) -> None:
        """Paste as a terminal does, in brackets."""
        self._call("set-buffer", text)
        self._call("paste-buffer", "-p")

    def screen(self) -> str:
        return self._call("capture-pane", "-p")

    def wait_for(self, pattern: str) -> str:
        """The screen, once it shows the pattern."""
        deadline = time.monotonic() + TIMEOUT
        while not re.search(pattern, screen := self.screen()):
            if time.monotonic() > deadline:
                raise AssertionError(f"never saw {pattern!r}; the screen:\n{screen}")
            time.sleep(0.1)
        return screen

    def wait_until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + TIMEOUT
        while not condition():
            assert time.monotonic() < deadline, (
                f"it never came to that; the screen:\n{self.screen()}"
            )
            time.sleep(0.1)

    def settled(self) -> str:
        """The screen, once it has stopped changing, but for digits."""
        last: list[str] = []

        def same() -> bool:
            last.append(re.sub(r"\d", "0", self.screen()))
            return last[-4:] == [last[-1]] * 4

        self.wait_until(same)
        return last[-1]

    def wait_for_buffer(self, text: str) -> None:
        """Wait until the text is what tmux would paste."""
        deadline = time.monotonic() + TIMEOUT
        while self._call("show-buffer") != text:
            assert time.monotonic() < deadline, "it never came to the buffer"
            time.sleep(0.1)

    def resize(self, columns: int, rows: int) -> None:
        self._call("resize-window", "-x", str(columns), "-y", str(rows))

    def inside(self) -> list[psutil.Process]:
        """What runs in the shell."""
        shell = int(self._call("display-message", "-p", "#{pane_pid}"))
        return psutil.Process(shell).children(recursive=True)

    def close(self) -> None:
        self._call("kill-server")

    def _call(self, *arguments: str) -> str:
        done = subprocess.run(
            ["tmux", *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=TIMEOUT,
        )
        return done.stdout
