"""A terminal at the end of a slow line, as SSH makes one.

What a program writes is taken from it at once, as far as the buffers between go (OpenSSH's window
of 2 MiB), and arrives so many bytes a second, after a delay. Keys and replies take that delay, too.
"""

from __future__ import annotations

import os
import re
import select
import threading
import time
from collections import deque
from pathlib import Path

from bench.terminal import Terminal

WINDOW = 2 << 20
"""Bytes that OpenSSH takes before it lets a program wait."""

_SLICE = 0.02
_QUESTION = re.compile(rb"\x1b\[5n|\x1b\[c|\x1b\[\?2026\$p")
_REPLIES = {
    b"\x1b[5n": b"\x1b[0n",
    b"\x1b[c": b"\x1b[?62;22c",
    b"\x1b[?2026$p": b"\x1b[?2026;2$y",
}


class SlowTerminal(Terminal):
    """A program in a terminal that is far away.

    Attributes:
        arrived: Bytes that have arrived.
        most_behind: Most bytes that were ever on their way.
    """

    def __init__(self, arguments: tuple[str, ...], home: Path, rate: float, delay: float) -> None:
        super().__init__(arguments, home, SSH_CONNECTION="127.0.0.1 1 127.0.0.1 22")
        self._rate, self._delay = rate, delay
        self._out: deque[tuple[float, bytes]] = deque()
        self._in: deque[tuple[float, bytes]] = deque()
        self._between = 0
        self._free_at = 0.0
        self._tail = b""
        self._changed = threading.Condition()
        self.arrived = 0
        self.most_behind = 0
        self._over = False
        self._thread = threading.Thread(target=self._carry, daemon=True)
        self._thread.start()

    def type(self, text: str) -> None:
        """Type; it arrives after the delay."""
        with self._changed:
            self._in.append((time.perf_counter() + self._delay, text.encode()))

    def close(self) -> None:
        """End the program at once: nobody waits for what is still on its way."""
        self._over = True
        self._thread.join()
        self._process.kill()
        self._process.wait()
        os.close(self._ours)

    def _carry(self) -> None:
        while not self._over:
            readable = [self._ours] if self._between < WINDOW else []
            if select.select(readable, [], [], _SLICE)[0]:
                try:
                    self._take(os.read(self._ours, 4096))
                except OSError:
                    time.sleep(_SLICE)
            self._deliver()

    def _take(self, written: bytes) -> None:
        self._between += len(written)
        self.most_behind = max(self.most_behind, self._between)
        step = max(1, int(self._rate * _SLICE))
        for start in range(0, len(written), step):
            piece = written[start : start + step]
            self._free_at = max(self._free_at, time.perf_counter()) + len(piece) / self._rate
            self._out.append((self._free_at + self._delay, piece))

    def _deliver(self) -> None:
        now = time.perf_counter()
        while self._out and self._out[0][0] <= now:
            piece = self._out.popleft()[1]
            self._between -= len(piece)
            self._reply(piece, now)
            with self._changed:
                self.arrived += len(piece)
                self._seen += piece.decode(errors="replace")
                self._changed.notify()
        with self._changed:
            while self._in and self._in[0][0] <= now:
                os.write(self._ours, self._in.popleft()[1])

    def _reply(self, piece: bytes, now: float) -> None:
        text = self._tail + piece
        end = 0
        for question in _QUESTION.finditer(text):
            end = question.end()
            with self._changed:
                self._in.append((now + self._delay, _REPLIES[question[0]]))
        self._tail = text[max(end, len(text) - 8) :]

    def _read(self, timeout: float) -> None:
        with self._changed:
            self._changed.wait(max(0.0, timeout))
