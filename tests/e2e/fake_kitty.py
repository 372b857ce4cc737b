"""A terminal that speaks kitty's graphics protocol, or says that it has sixels, on a pty.

It replies to questions and keeps what else is written; it draws nothing.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Mapping
from pathlib import Path

import psutil

TIMEOUT = 60.0
_QUESTION = re.compile(rb"\x1b\[>0?q|\x1b\[>?0?c|\x1b_G[^\x1b]*\ba=q\b[^\x1b]*\x1b\\")


class FakeTerminal:
    """80x24 cells of 10x20 pixels.

    Attributes:
        output: All that was written so far.
    """

    def __init__(
        self,
        *command: str | Path,
        name: str,
        device: str,
        graphics: bool = False,
        hold_device: bool = False,
        **environment: str,
    ) -> None:
        """Start a program.

        Args:
            command: The program.
            name: Reply to XTVERSION.
            device: Parameters of the reply to DA1.
            graphics: Reply to kitty's question.
            hold_device: Keep the reply to DA1 back until `let_go`.
            environment: Variables, beside those of this process.
        """
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 800, 480))
        self._name, self._device, self._graphics = name, device, graphics
        self._hold, self._held = hold_device, b""
        self._answered = 0
        self.output = b""
        self._process = subprocess.Popen(
            list(command),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            env=_clean(os.environ) | environment,
        )
        os.close(theirs)

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def stop_and_continue(self) -> int:
        """Ctrl+Z and `fg`; returns how much had been written when it stopped."""
        self._process.send_signal(signal.SIGTSTP)
        deadline = time.monotonic() + TIMEOUT
        while psutil.Process(self._process.pid).status() != psutil.STATUS_STOPPED:
            assert time.monotonic() < deadline, "it never stopped"
            self.read_all()
        written = self.read_all()
        self._process.send_signal(signal.SIGCONT)
        return written

    def let_go(self) -> None:
        """Send the reply that was kept back."""
        os.write(self._ours, self._held)

    def wait_for(self, pattern: bytes, *, start: int = 0) -> re.Match[bytes]:
        """Wait until a pattern was written, behind the first `start` bytes."""
        deadline = time.monotonic() + TIMEOUT
        while (found := re.compile(pattern, re.DOTALL).search(self.output, start)) is None:
            if time.monotonic() > deadline or not self._read():
                raise AssertionError(f"never wrote {pattern!r}, but {self.output[-2000:]!r}")
        return found

    def wait_for_end(self) -> int:
        """The exit code, once the program has ended."""
        while self._read():
            pass
        return self._process.wait(TIMEOUT)

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        os.close(self._ours)

    def read_all(self) -> int:
        """Read until nothing more comes for a moment; returns how much was written so far."""
        while select.select([self._ours], [], [], 0.1)[0] and self._read():
            pass
        return len(self.output)

    def _read(self) -> bool:
        """Read what there is and reply; False at the end."""
        if not select.select([self._ours], [], [], 1.0)[0]:
            return self._process.poll() is None
        try:
            self.output += os.read(self._ours, 1 << 16)
        except OSError:  # the last one who had the terminal open is gone
            return False
        for question in _QUESTION.finditer(self.output, self._answered):
            self._answered = question.end()
            self._reply(question[0])
        return True

    def _reply(self, question: bytes) -> None:
        if question.endswith(b"q"):
            reply = f"\x1bP>|{self._name}\x1b\\".encode()
        elif question.startswith(b"\x1b_G"):
            number = re.search(rb"i=(\d+)", question)
            assert number is not None
            reply = b"\x1b_Gi=%s;OK\x1b\\" % number[1] if self._graphics else b""
        elif question.startswith(b"\x1b[>"):
            reply = b"\x1b[>1;4000;0c"
        else:
            reply = f"\x1b[?{self._device}c".encode()
            if self._hold:
                self._hold, self._held = False, reply
                return
        os.write(self._ours, reply)


def _clean(environ: Mapping[str, str]) -> dict[str, str]:
    strange = ("TMUX", "TMUX_PANE", "STY", "SSH_CONNECTION", "SSH_TTY", "TERM_PROGRAM")
    return {name: value for name, value in environ.items() if name not in strange}
